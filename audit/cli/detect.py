"""`llm-audit detect`: judge whether texts were machine-generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import llm_audit
from llm_audit.cli import COMMANDS
from llm_audit.cli.options import details_option, include_option, judging_options, no_text_option, output_options
from llm_audit.cli.progress import bars, show_warnings_as_sentences

if TYPE_CHECKING:
    from llm_audit.cli.publishing import Output


@click.command(help=COMMANDS["detect"], short_help=COMMANDS["detect"])
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@judging_options("Flag a text when its p-value is at most this: the share of human texts flagged by mistake.")
@output_options
@details_option
@no_text_option
@include_option
def command(
    paths: tuple[str, ...],
    alpha: float,
    text_field: str,
    keep_text: bool,
    score_also: tuple[str, ...],
    setup: llm_audit.Setup,
    output: Output,
) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    output.check()
    with bars("Scoring") as progress:
        report = llm_audit.detect(
            paths, alpha=alpha, setup=setup, text_field=text_field, keep_text=keep_text, include=score_also,
            progress=progress, on_document=output.stream,
        )  # fmt: skip
    return output.publish(report, streamed=True)
