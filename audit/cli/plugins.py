"""`llm-audit plugins`: rules of other packages."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from llm_audit.cli import COMMANDS, EXIT_FINDINGS
from llm_audit.cli.options import FORMAT, PATH
from llm_audit.common.terminal import aligned, one_line, terminal_safe

LOADS = "loads, under a name and a code of its own"

command = click.Group("plugins", help=COMMANDS["plugins"])


@command.command()
@click.argument("target", metavar="NAME|MODULE:ATTRIBUTE")
def check(target: str) -> int:
    """Hold a rule to the contract, clause by clause.

    NAME is that of something installed; MODULE:ATTRIBUTE need not be announced. Exits with 1 if a clause is broken.
    """
    from llm_audit.api.plugins import clauses, loaded

    failed = False
    for title, thing, reason in loaded(target):
        click.echo(one_line(title))
        for promise, complaint in [(LOADS, reason), *(clauses(thing) if thing else ())]:
            failed |= bool(complaint)
            click.echo(one_line(f"  FAIL  {promise}: {complaint}" if complaint else f"  pass  {promise}"))
    return EXIT_FINDINGS if failed else 0


@command.command("list")
@FORMAT
def list_plugins(format_: str) -> int:
    """List everything announced: name, code, package, digest, status.

    Exits with 1 if something is broken.
    """
    from llm_audit.api.plugins import SWITCH, described, outdated, switched_off
    from llm_audit.reports.formats.json import dump

    entries, old, off = described(), outdated(), switched_off()
    if format_ == "json":
        click.echo(dump({"switched_off": off, "plugins": entries, "outdated": old}), nl=False)
    else:
        click.echo(_table(entries))
        for sentence in (*(entry["reason"] for entry in entries if entry["status"] == "broken"), *old):
            click.echo(f"\n{one_line(sentence)}")
        if off:
            click.echo(f"\nPlugins are switched off: {SWITCH}=off.")
    return EXIT_FINDINGS if old or any(entry["status"] == "broken" for entry in entries) else 0


@command.command()
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False, type=PATH)
def new(name: str, folder: Path | None) -> None:
    """Start a package with a detector of your own.

    NAME is that of the package and of the detector. DIR must not exist; default: ./NAME.
    """
    from llm_audit.api.plugins import new_package

    folder = folder or Path(name)
    code = new_package(name, folder)
    click.echo(terminal_safe(f"{folder} holds the detector {name}, code {code}. Next:"))
    click.echo(terminal_safe(f"  pip install --editable {shlex.quote(str(folder))}\n  llm-audit plugins check {name}"))


def _table(entries: list[dict[str, Any]]) -> str:
    from llm_audit.api.plugins import GROUP

    rows = [("name", "code", "family", "package", "digest", "from", "status")]
    for entry in entries:
        package, origin = f"{entry['distribution']} {entry['version']}", "llm-audit" if entry["shipped"] else "plugin"
        digest = str(entry["digest"] or "-")[:12]
        family = entry["group"].removeprefix(f"{GROUP}.")
        rows.append((entry["name"], entry["rule"] or "-", family, package, digest, origin, entry["status"]))
    return aligned(rows)
