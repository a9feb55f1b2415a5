"""`llm-audit watermark generate`: draw marked texts from a model."""

from __future__ import annotations

from pathlib import Path

import click

import llm_audit
from llm_audit.cli.options import COMPUTING, setup_options
from llm_audit.cli.progress import bars, show_warnings_as_sentences
from llm_audit.cli.watermark import WATERMARK
from llm_audit.cli.watermark.common import key_file_option, scheme_option
from llm_audit.common.terminal import one_line

HELP = (
    WATERMARK["generate"]
    + """

    Each line of the file holds a text, its token ids, the prompt, the scheme and the id of the key; `llm-audit watermark detect
    --token-ids FILE.jsonl` reads it.
    """
)


@click.command(help=HELP, short_help=WATERMARK["generate"])
@click.argument("author", metavar="[MODEL[@SETTINGS]]", required=False)
@key_file_option(multiple=False)
@scheme_option
@click.option("--prompts", type=click.Path(path_type=Path), metavar="FILE",
              help="One prompt a line, or JSON lines with a field 'prompt'. Without it: nothing is asked.")  # fmt: skip
@click.option("-n", "count", type=click.IntRange(1), default=None, help="Texts to draw. Default: one per prompt.")
@click.option("--max-tokens", type=click.IntRange(1), default=200, show_default=True, help="Cut a text after so many tokens.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed draws the same texts.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE.jsonl", help="A new file.")
@setup_options(*COMPUTING)
def command(
    author: str | None,
    key_file: str,
    scheme: str | None,
    prompts: Path | None,
    count: int | None,
    max_tokens: int,
    seed: int,
    output: Path,
    setup: llm_audit.Setup,
) -> None:
    """Run the command; the docstring for users is in `WATERMARK`."""
    show_warnings_as_sentences()
    with bars("Drawing") as progress:
        drawn = llm_audit.generate(
            author, output, prompts=prompts, count=count, max_tokens=max_tokens, seed=seed, watermark=key_file, scheme=scheme,
            setup=setup, progress=progress,
        )  # fmt: skip
    click.echo(f"{drawn:,} marked texts in {one_line(str(output))}. They are test material: keep them apart.")
