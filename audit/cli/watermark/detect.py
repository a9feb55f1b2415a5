"""`llm-audit watermark detect`: whether texts carry the mark of a key."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.options import PATH, TEXT_FIELD, alpha_option, no_text_option, output_options, setup_options
from llm_audit.cli.publishing import Output
from llm_audit.cli.watermark import WATERMARK
from llm_audit.cli.watermark.common import key_file_option, scheme_option

MORE = """
PATHS: files, folders, patterns, or '-' for standard input.

A finding says that a text carries the mark of a key, not who put it there. Exit code: 0 no mark found, 1 a mark found,
2 something could not be read.
"""


@command_of(WATERMARK, "detect", MORE)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@key_file_option(multiple=True)
@scheme_option
@click.option("--token-ids", multiple=True, metavar="FILE",
              help="Token ids from the generation: a JSON list, or JSON lines with token_ids; repeatable.")  # fmt: skip
@click.option("--tokenizer", "tokenizers", multiple=True, metavar="MODEL",
              help="Tokenizer of the marked model: folder, hub id or tokenizer.json. Default: the embedded one.")  # fmt: skip
@click.option("--prompt-file", "prompt", type=PATH, metavar="FILE",
              help="What stood before every text, for schemes that hash the end of the prompt.")  # fmt: skip
@click.option("--windows", is_flag=True, help="Test parts of the texts, too, and say which carry the mark.")
@click.option("--anytime", is_flag=True, help="The texts may grow: a result that is valid whenever one stops.")
@click.option("--calibrate", metavar="PATH", help="Unmarked texts of your own: prints a conformal p-value beside.")
@alpha_option("Report a finding when the p-value of a text is at most this, over all keys and tests.")
@TEXT_FIELD
@setup_options("offline")
@output_options
@no_text_option
def command(paths: tuple[str, ...], key_files: tuple[str, ...], output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `WATERMARK`."""
    return output.run("watermark", paths, key_files, stage="Testing", on_document=output.stream, **options)
