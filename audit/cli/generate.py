"""`llm-audit generate`: draw texts from a model, for calibration and tests."""

from __future__ import annotations

from pathlib import Path

import click

import llm_audit
from llm_audit.cli import COMMANDS
from llm_audit.cli.options import COMPUTING, setup_options
from llm_audit.cli.progress import bars, show_warnings_as_sentences
from llm_audit.common.terminal import one_line


@click.command(help=COMMANDS["generate"], short_help=COMMANDS["generate"])
@click.argument("author", metavar="MODEL[@SETTINGS]")
@click.option("--prompts", type=click.Path(path_type=Path), metavar="FILE",
              help="One prompt a line, or JSON lines with a field 'prompt'. Without it: nothing is asked.")  # fmt: skip
@click.option("-n", "count", type=click.IntRange(1), default=None,
              help="Texts to draw; prompts are taken in turn. Default: one per prompt.")  # fmt: skip
@click.option("--max-tokens", type=click.IntRange(1), default=300, show_default=True, help="Cut a text after so many tokens.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed draws the same texts.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE.jsonl", help="A new file.")
@setup_options(*COMPUTING)
def command(
    author: str,
    prompts: Path | None,
    count: int | None,
    max_tokens: int,
    seed: int,
    output: Path,
    setup: llm_audit.Setup,
) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    with bars("Drawing") as progress:
        drawn = llm_audit.generate(
            author, output, prompts=prompts, count=count, max_tokens=max_tokens, seed=seed, setup=setup, progress=progress
        )  # fmt: skip
    click.echo(f"{drawn:,} texts by {one_line(author)} in {one_line(str(output))}.")
