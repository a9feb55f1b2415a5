"""`llm-audit watermark keygen`: draw a key."""

from __future__ import annotations

import json
from pathlib import Path

import click

import llm_audit
from llm_audit.cli import command_of
from llm_audit.cli.options import PATH, setup_options
from llm_audit.cli.watermark import WATERMARK
from llm_audit.common.terminal import one_line

MORE = """
The scheme is that of the serving engine or library that marks, such as vllm-gumbel, sglang-gumbel, transformers-kgw or
synthid-reference; an unknown name lists all.
"""


@command_of(WATERMARK, "keygen", MORE)
@click.option("--scheme", required=True, metavar="NAME", help="Scheme of the key.")
@click.option("-o", "--output", required=True, type=PATH, metavar="FILE", help="A new file, mode 0600.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="A public parameter of the scheme, such as context_width=4 or gamma=0.5; repeatable.")  # fmt: skip
@click.option("--note", metavar="TEXT", help="Kept in the file: deployment, dates.")
@click.option("--any-tokenizer", is_flag=True, help="Name no tokenizer in the file; else it names that of --model.")
@setup_options("model", "offline", help={"model": "The model that is to be marked. Default: the embedded one."})
def command(
    scheme: str, output: Path, settings: tuple[str, ...], note: str | None, any_tokenizer: bool, setup: llm_audit.Setup
) -> None:
    """Run the command; the docstring for users is in `WATERMARK`."""
    key = llm_audit.new_watermark_key(
        output, scheme, parameters=_parameters(settings), note=note, setup=None if any_tokenizer else setup
    )
    click.echo(f"Key {key} of the scheme {one_line(scheme)} in {one_line(str(output))}, which only its owner can read.")


def _parameters(settings: tuple[str, ...]) -> dict[str, object]:
    parameters = dict(map(_parameter, settings))
    if len(parameters) < len(settings):
        raise click.UsageError("--set names a parameter twice: give it once.")
    return parameters


def _parameter(setting: str) -> tuple[str, object]:
    name, equals, value = setting.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(f"--set takes NAME=VALUE, such as gamma=0.5, not {one_line(setting)!r}.")
    try:
        return name.strip().replace("-", "_"), json.loads(value)
    except ValueError:
        return name.strip().replace("-", "_"), value
