"""`llm-audit watermark table`: the bits that transformers' SynthID draws on a device."""

from __future__ import annotations

from pathlib import Path

import click

import llm_audit
from llm_audit.cli import command_of
from llm_audit.cli.options import PATH, setup_options
from llm_audit.cli.watermark import WATERMARK
from llm_audit.cli.watermark.common import key_file_option
from llm_audit.common.terminal import one_line

MORE = """
transformers draws it on the device of the model, so that text made on a GPU has other bits than text made on a CPU. Run
this once where such a device is; the copy then works everywhere.
"""


@command_of(WATERMARK, "table", MORE)
@key_file_option(multiple=False)
@click.option("-o", "--output", required=True, type=PATH, metavar="FILE", help="A new key file.")
@setup_options("device")
def command(key_file: str, output: Path, setup: llm_audit.Setup) -> None:
    """Run the command; the docstring for users is in `WATERMARK`."""
    from llm_audit.api.watermark import watermark_table

    key = watermark_table(key_file, output, device=setup.device)
    click.echo(f"Key {key} in {one_line(str(output))}, with the table of the device; its texts need no device any more.")
