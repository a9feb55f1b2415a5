"""`llm-audit membership frequencies`: count a corpus with a model's tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.cli.membership.common import FIELD
from llm_audit.cli.options import PATH, setup_options
from llm_audit.cli.progress import bars
from llm_audit.common.terminal import one_line


@command_of(MEMBERSHIP, "frequencies")
@click.argument("corpus", nargs=-1, required=True, type=PATH, metavar="CORPUS...")
@click.option("-o", "--output", required=True, type=PATH, metavar="FILE.safetensors", help="A new file.")
@click.option("--name", help="Name of the table in reports. Default: that of the file.")
@FIELD
@setup_options("model", "offline", help={"model": "Whose tokenizer counts. Default: the embedded model."})
def command(corpus: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Run the command; the docstring for users is in `MEMBERSHIP`."""
    from llm_audit.api.making import count_frequencies

    with bars("Counting") as progress:
        table, malformed, problems = count_frequencies(corpus, output, progress=progress, **options)
    lines = [
        ("documents", f"{table.documents:,}"),
        ("tokens", f"{table.total:,}"),
        ("distinct", f"{(table.counts > 0).sum():,} of {len(table.counts):,} tokens of the vocabulary"),
        ("left out", f"{malformed:,} malformed lines" if malformed != 1 else "1 malformed line"),
    ]
    for label, value in lines:
        click.echo(f"{label:<10} {value}")
    for problem in problems:
        click.echo(f"  {one_line(problem)}")
    if malformed > len(problems):
        click.echo(f"  and {malformed - len(problems):,} more")
    click.echo(one_line(f"The table {table.name} is in {output}."))
