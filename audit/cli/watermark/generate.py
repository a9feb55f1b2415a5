"""`llm-audit watermark generate`: draw marked texts from a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import llm_audit
from llm_audit.cli import command_of
from llm_audit.cli.generate import drawing_options
from llm_audit.cli.progress import bars
from llm_audit.cli.watermark import WATERMARK
from llm_audit.cli.watermark.common import key_file_option, scheme_option
from llm_audit.common.terminal import one_line

MORE = """
Each line of the file holds a text, its token ids, the prompt, the scheme and the id of the key; `llm-audit watermark detect
--token-ids FILE.jsonl` reads it.
"""


@command_of(WATERMARK, "generate", MORE)
@click.argument("author", metavar="[MODEL[@SETTINGS]]", required=False)
@key_file_option(multiple=False)
@scheme_option
@drawing_options(200)
def command(author: str | None, key_file: str, output: Path, **options: Any) -> None:
    """Run the command; the docstring for users is in `WATERMARK`."""
    with bars("Drawing") as progress:
        drawn = llm_audit.generate(author, output, watermark=key_file, progress=progress, **options)
    click.echo(f"{drawn:,} marked texts in {one_line(str(output))}. They are test material: keep them apart.")
