"""`llm-audit membership frequencies`: count a corpus with a model's tokenizer."""

from __future__ import annotations

from pathlib import Path

import click

from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.cli.options import fraction_bar, stages
from llm_audit.terminal import one_line, terminal_safe


@click.command(help=MEMBERSHIP["frequencies"], short_help=MEMBERSHIP["frequencies"])
@click.argument("corpus", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CORPUS...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE.safetensors", help="A new file.")
@click.option("--model", metavar="MODEL", help="Whose tokenizer counts. Default: the embedded model.")
@click.option("--field", default="text", show_default=True, help="Where the text is in JSON lines.")
@click.option("--name", help="Of the table, in reports. Default: that of the file.")
@click.option("--offline", is_flag=True, help="Never use the network; fail if the model is not here yet.")
def command(corpus: tuple[Path, ...], output: Path, model: str | None, field: str, name: str | None, offline: bool) -> None:
    """Run the command; the docstring for users is in `MEMBERSHIP`."""
    from llm_audit.detectors.membership.counting import count_corpus
    from llm_audit.scoring.model import load_tokenizer
    from llm_audit.scoring.pins import DEFAULT_MODEL
    from llm_audit.scoring.store import Store

    with stages() as progress:
        stored = Store().resolve(model or DEFAULT_MODEL, offline=offline, progress=progress)
    with fraction_bar("Counting") as share:
        table, malformed, problems = count_corpus(
            corpus,
            load_tokenizer(stored.folder),
            name=terminal_safe(name or output.stem),
            description=terminal_safe(f"Texts of {', '.join(path.name for path in corpus)}."),
            text_field=field,
            output=output,
            progress=share,
        )
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
