"""`llm-audit membership test watermark`: whether a model was trained on text that carries the mark of a key."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership.common import FIELD, MODEL, run
from llm_audit.cli.membership.test import TESTS
from llm_audit.cli.options import COMPUTING, alpha_option, output_options, setup_options
from llm_audit.cli.watermark.common import key_file_option

MORE = """
MARKED: texts that carry the mark: JSON lines with a text (and perhaps token_ids), text files or folders. The model reads
them, and the tokens that it holds likeliest are tested for the mark.

For a model that you cannot read with, collect answers (JSON lines with a text, and the prompt) and name them with
--answers; with MARKED beside, only contexts of the marked texts count.
"""


@command_of(TESTS, "watermark", MORE)
@click.argument("marked", nargs=-1, metavar="[MARKED]...")
@key_file_option(multiple=False)
@click.option("--answers", multiple=True, metavar="FILE", help="Answers of the model, which then is not loaded; repeatable.")
@FIELD
@alpha_option("Report a finding when the p-value is at most this.")
@setup_options("model", *COMPUTING, help=MODEL)
@output_options
def command(marked: tuple[str, ...], key_file: str, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return run("watermark", marked, key=key_file, **options)
