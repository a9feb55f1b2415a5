"""`llm-audit substitution record`: a trusted endpoint's answers, to hold other endpoints against."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import click
from typing_extensions import Unpack

from llm_audit.cli import EXIT_INCONCLUSIVE
from llm_audit.cli.options import show_warnings_as_sentences, stages
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import TOKENS, Asked, endpoint_options, prompts_option, source_of

HELP = (
    SUBSTITUTION["record"]
    + """

    URL: of an endpoint whose model is known: the vendor's own, or a machine of yours. Record two of them, if you can: only then
    is it known how far honest machines are apart.

    Exit code 3 if some questions got no answer; run the same command again to ask them once more.
    """
)


@click.command(help=HELP, short_help=SUBSTITUTION["record"])
@prompts_option(required=True)
@click.option(
    "--questions",
    "count",
    type=click.IntRange(20),
    default=260,
    show_default=True,
    help="Enough for the requests and the honest answers of an audit.",
)
@click.option("--repeats", type=click.IntRange(1), default=2, show_default=True, help="Of each question.")
@TOKENS
@click.option(
    "--texts",
    type=click.IntRange(0),
    default=None,
    help="Prompts for the test of texts. Default: 20 where the endpoint hides log-probabilities, else none.",
)
@click.option(
    "--surface",
    type=click.Choice(["chat", "completions"]),
    default="chat",
    show_default=True,
    help="What to ask the endpoint for.",
)
@endpoint_options
def command(
    prompts: Path,
    count: int,
    repeats: int,
    tokens: int,
    texts: int | None,
    surface: str,
    **asked: Unpack[Asked],
) -> int:  # fmt: skip
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.substitution.prompts import read_prompts
    from llm_audit.detectors.substitution.record import record
    from llm_audit.detectors.substitution.settings import Settings
    from llm_audit.endpoints.probe import probe

    if asked["journal"] is None:
        raise click.UsageError("Name a --journal: what is recorded is what it holds.")
    questions = read_prompts(prompts)
    source = source_of(asked)
    settings = Settings(tokens=tokens, texts=texts)
    with stages() as progress:
        kept, failures = record(
            source, probe(source), questions, cast('Literal["chat", "completions"]', surface), count, repeats, settings,
            progress,
        )  # fmt: skip
    click.echo(f"{kept:,} answers are in {asked['journal']}. Audit another endpoint with --trusted {asked['journal']}.")
    for reason, times in failures.items():
        click.echo(f"{times:,} questions got no answer: {reason}", err=True)
    return EXIT_INCONCLUSIVE if failures else 0
