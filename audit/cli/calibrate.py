"""`llm-audit calibrate`: build a human population from one's own texts, or show one."""

from __future__ import annotations

from pathlib import Path

import click

import llm_audit
from llm_audit.cli import COMMANDS
from llm_audit.cli.options import PATH, SCORING, TEXT_FIELD, setup_options
from llm_audit.cli.progress import bars
from llm_audit.common.terminal import one_line, terminal_safe


class _Calibrate(click.Group):
    """Group that accepts `calibrate FILE --name N` beside `calibrate show`: a word that is no subcommand is the file."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["build", *args]
        return super().resolve_command(ctx, args)


MORE = "`llm-audit calibrate HUMAN.jsonl --name NAME` is short for `calibrate build`."

command = _Calibrate("calibrate", help=f"{COMMANDS['calibrate']}\n\n{MORE}")


@command.command()
@click.argument("path", metavar="HUMAN.jsonl", type=PATH)
@click.option("--generations", is_flag=True, help="The file holds a model's texts, from `llm-audit generate`; for `attribute`.")
@click.option("--name", required=True, help="Name of the population: lower-case letters, digits, '.', '_' and '-'.")
@TEXT_FIELD
@click.option("--description", default="Texts supplied by the user.", help="One line, printed next to every p-value.")
@click.option("--language", default="en", help="ISO 639-1 code of the texts.")
@setup_options("classifier", *SCORING)
def build(path: Path, name: str, generations: bool, setup: llm_audit.Setup, **options: str) -> None:
    """Build a population from human texts, one JSON object a line.

    Texts that repeat count once. A p-value cannot fall below 1/(n+1), and that of a text in k parts not below k/(n+1): for
    --alpha 0.01 take 99 texts for each part, better 1,000.
    """
    from llm_audit.api.populations import calibrate_generations

    with bars("Scoring") as progress:
        if generations:
            population, saved, count = calibrate_generations(path, name, setup=setup, progress=progress)
            kept = f"{population.n:,} texts that are long enough, one per prompt, of {count:,} generations"
        else:
            population, saved, count = llm_audit.calibrate(path, name, setup=setup, progress=progress, **options)
            kept = f"{population.n:,} of {count:,} texts are long enough"
    click.echo(f"Population {name}: {kept}. Written to {one_line(str(saved))}.")


@command.command()
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """Print the datasheet of a population, by default the one that comes with llm-audit."""
    from llm_audit.api.populations import datasheet

    click.echo(terminal_safe(datasheet(name)))
