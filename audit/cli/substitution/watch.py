"""`llm-audit substitution watch`: an endpoint now against a stored baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import llm_audit
from llm_audit.cli import command_of
from llm_audit.cli.options import PATH, output_options
from llm_audit.cli.publishing import Output
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import ALPHA, endpoint_options, surface_option
from llm_audit.common.terminal import one_line

MORE = """
The first run writes the baseline; later ones compare with it. Run it from a timer: rows of one minute share a machine.
"""


@command_of(SUBSTITUTION, "watch", MORE)
@click.option("--baseline", type=PATH, required=True, metavar="FILE", help="File of the baseline; written if it is not there.")
@click.option("--rows", type=click.IntRange(5, 1000), default=10, help="Requests for log-probabilities.")
@click.option("--border-inputs", is_flag=True, help="A baseline for an endpoint that hides log-probabilities: answers to "
              "prompts at which it is undecided. Some 1,200 requests; each later run takes 400.")  # fmt: skip
@surface_option("chat", "completions")
@ALPHA
@endpoint_options
@output_options
def command(endpoint: llm_audit.EndpointSetup, baseline: Path, output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    output.check()
    report = llm_audit.watch_endpoint(endpoint, baseline, **options)
    if isinstance(report, int):
        kept = f"{report} {'answers' if options['border_inputs'] else 'rows'} are the baseline now: {one_line(str(baseline))}"
        click.echo(f"{kept}. Run the same command later to compare.")
        return 0
    return output.publish(report)
