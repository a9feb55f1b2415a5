"""`llm-audit config`: the policy in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import FORMAT
from llm_audit.common.terminal import one_line

if TYPE_CHECKING:
    from llm_audit.api.machine import Loaded

command = click.Group("config", help=COMMANDS["config"])


@command.command()
@FORMAT
def show(format_: str) -> None:
    """List every setting with value and origin, and the policy's digest.

    The settings stand in llm-audit.toml or in the table [tool.llm-audit] of pyproject.toml, in the working directory or the
    nearest folder above it, up to the root of the repository. Options win over the file; settings that neither gives are
    left to each command's own default.
    """
    from llm_audit.cli.policy import chosen

    loaded = chosen()
    if format_ == "text":
        _print(loaded)
        return
    from llm_audit.reports.formats.json import dump

    file = loaded.file and loaded.file.name
    content = {"file": file, "root": str(loaded.root), "digest": loaded.policy.digest(), "settings": loaded.settings()}
    click.echo(dump(content), nl=False)


def _print(loaded: Loaded) -> None:
    from rich.console import Console

    from llm_audit.reports.terminal.console import line, plain_table, say

    console = Console()
    say(console, loaded.file.name if loaded.file else "No policy file: every command has its own defaults.", style="bold")
    table = plain_table()
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("origin", overflow="fold")
    for name, value, origin in loaded.listing():
        shown = "not set" if value is None else json.dumps(value, ensure_ascii=False)
        table.add_row(name, line(one_line(shown)), line(one_line(origin)))
    console.print(table)
    say(console, f"Digest {loaded.policy.digest()}")
