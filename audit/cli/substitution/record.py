"""`llm-audit substitution record`: a trusted endpoint's answers, to hold other endpoints against."""

from __future__ import annotations

from typing import Any

import click

import llm_audit
from llm_audit.cli import EXIT_INCONCLUSIVE, command_of
from llm_audit.cli.options import COUNT
from llm_audit.cli.progress import bars
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import TOKENS, endpoint_options, prompts_option, surface_option, texts_option
from llm_audit.common.terminal import one_line

MORE = """
URL: of an endpoint whose model is known: the vendor's own, or a machine of yours. Record two of them, if you can: only then
is it known how far honest machines are apart.

Exit code 3 if some questions got no answer that can be compared; run the same command again to ask the others once more.
"""


@command_of(SUBSTITUTION, "record", MORE)
@prompts_option(required=True)
@click.option("--questions", type=click.IntRange(20), default=260,
              help="Questions to ask: enough for the requests and the honest answers of an audit.")  # fmt: skip
@click.option("--repeats", type=COUNT, default=2, help="How often each question is asked.")
@TOKENS
@texts_option("the test of texts")
@surface_option("chat", "completions")
@endpoint_options
def command(endpoint: llm_audit.EndpointSetup, **options: Any) -> int:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    with bars() as progress:
        kept, failures = llm_audit.record_endpoint(endpoint, progress=progress, **options)
    journal = one_line(str(endpoint.journal))
    click.echo(f"{kept:,} answers are in {journal}. Audit another endpoint with --trusted {journal}.")
    for reason, times in failures.items():
        click.echo(f"{times:,} questions got no answer that can be compared: {one_line(reason)}", err=True)
    return EXIT_INCONCLUSIVE if failures else 0
