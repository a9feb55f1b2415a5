"""Options that the watermark commands share."""

from __future__ import annotations

import click

from llm_audit.cli.options import Decorator
from llm_audit.cli.watermark import KEY_IN_A_FILE
from llm_audit.common.errors import InvalidConfiguration


def _refuse(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise InvalidConfiguration(KEY_IN_A_FILE)


scheme_option = click.option(
    "--scheme", metavar="NAME", help="Refuse a key file of another scheme. Default: what the file says."
)


def key_file_option(*, multiple: bool) -> Decorator:
    """Add --key-file; and --key, which is refused with the way out."""
    name, more = ("key_files", "; repeatable, each is one more test") if multiple else ("key_file", "")
    option = click.option("--key-file", name, multiple=multiple, required=True, metavar="FILE",
                          help=f"Key file, from `llm-audit watermark keygen`{more}.")  # fmt: skip
    refused = click.option("--key", hidden=True, expose_value=False, callback=_refuse, is_eager=True)
    return lambda command: option(refused(command))
