"""`llm-audit generate`: draw texts from a model, for calibration and tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import llm_audit
from llm_audit.cli import COMMANDS, command_of
from llm_audit.cli.options import COMPUTING, COUNT, PATH, Command, Decorator, setup_options
from llm_audit.cli.progress import bars
from llm_audit.common.terminal import one_line


def drawing_options(max_tokens: int, turns: str = "") -> Decorator:
    """Add the options of drawing texts. `max_tokens`: default of --max-tokens; `turns`: what the help of -n says of prompts."""

    def decorate(command: Command) -> Command:
        for option in (
            setup_options(*COMPUTING),
            click.option("-o", "--output", required=True, type=PATH, metavar="FILE.jsonl", help="A new file."),
            click.option("--seed", type=click.IntRange(0), default=0, help="The same seed draws the same texts."),
            click.option("--max-tokens", type=COUNT, default=max_tokens, help="Cut a text after so many tokens."),
            click.option("-n", "count", type=COUNT, default=None, help=f"Texts to draw{turns}. Default: one per prompt."),
            click.option("--prompts", type=PATH, metavar="FILE",
                         help="One prompt a line, or JSON lines with a field 'prompt'. Without it: nothing is asked."),
        ):  # fmt: skip
            command = option(command)
        return command

    return decorate


@command_of(COMMANDS, "generate")
@click.argument("author", metavar="MODEL[@SETTINGS]")
@drawing_options(300, turns="; prompts are taken in turn")
def command(author: str, output: Path, **options: Any) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    with bars("Drawing") as progress:
        drawn = llm_audit.generate(author, output, progress=progress, **options)
    click.echo(f"{drawn:,} texts by {one_line(author)} in {one_line(str(output))}.")
