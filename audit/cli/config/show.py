"""`llm-audit config show`: every setting of the policy, its value and where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from llm_audit.cli.config import CONFIG
from llm_audit.cli.progress import show_warnings_as_sentences
from llm_audit.common.terminal import one_line

if TYPE_CHECKING:
    from llm_audit.api.machine import Loaded

HELP = (
    CONFIG["show"]
    + """

    The settings stand in llm-audit.toml or in the table [tool.llm-audit] of pyproject.toml, in the working directory or the
    nearest folder above it, up to the root of the repository. Options win over the file; settings that neither gives are
    left to each command's own default.
    """
)


@click.command(help=HELP, short_help=CONFIG["show"])
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Standard output."
)
def command(format_: str) -> None:
    """Run the command; the docstring for users is in `CONFIG`."""
    show_warnings_as_sentences()
    from llm_audit.cli.policy import chosen
    from llm_audit.reports.formats.json import dump

    loaded = chosen()
    settings = loaded.policy.model_dump(mode="json")
    tables = {
        name: [each.model_dump(mode="json", exclude_none=True) for each in getattr(loaded.policy, name)]
        for name in ("overrides", "watermarks")
    }
    if format_ == "json":
        content = {
            "file": loaded.file and loaded.file.name,
            "root": str(loaded.root),
            "digest": loaded.policy.digest(),
            "settings": {
                _key(name): {"value": value, "origin": loaded.origin(name)}
                for name, value in {**settings, **{name: [*map(_in_kebab_case, each)] for name, each in tables.items()}}.items()
            },
        }
        click.echo(dump(content), nl=False)
        return
    rows = [(_key(name), value, loaded.origin(name)) for name, value in settings.items() if name not in tables]
    for table, each in tables.items():
        for i, fields in enumerate(each):
            rows += [(f"{table} {i + 1}: {_key(name)}", value, loaded.origin(name, i, table)) for name, value in fields.items()]
    _print(rows, loaded)


def _print(rows: list[tuple[str, Any, str]], loaded: Loaded) -> None:
    from rich.console import Console

    from llm_audit.reports.terminal.console import line, plain_table, say

    console = Console()
    say(console, loaded.file.name if loaded.file else "No policy file: every command has its own defaults.", style="bold")
    table = plain_table()
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("origin", overflow="fold")
    for name, value, origin in rows:
        shown = "not set" if value is None else json.dumps(value, ensure_ascii=False)
        table.add_row(name, line(one_line(shown)), line(one_line(origin)))
    console.print(table)
    say(console, f"Digest {loaded.policy.digest()}")


def _key(name: str) -> str:
    return name.replace("_", "-")


def _in_kebab_case(settings: dict[str, Any]) -> dict[str, Any]:
    return {_key(name): value for name, value in settings.items()}
