"""`llm-audit detect`: judge whether texts were machine-generated."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import COMMANDS, command_of
from llm_audit.cli.options import DETAILS, include_option, judging_options, no_text_option, output_options
from llm_audit.cli.publishing import Output


@command_of(COMMANDS, "detect")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@judging_options("Flag a text when its p-value is at most this: the share of human texts flagged by mistake.")
@output_options
@DETAILS
@no_text_option
@include_option
def command(paths: tuple[str, ...], output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    return output.run("detect", paths, on_document=output.stream, **options)
