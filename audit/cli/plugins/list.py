"""`llm-audit plugins list`: what is announced, by whom, and whether it can be used."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import EXIT_FINDINGS
from llm_audit.cli.plugins import PLUGINS
from llm_audit.common.terminal import aligned, one_line


@click.command(help=PLUGINS["list"] + "\n\nExits with 1 if something is broken.", short_help=PLUGINS["list"])
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Standard output."
)
def command(format_: str) -> int:
    """Run the command; the docstring for users is in `PLUGINS`."""
    from llm_audit.api.plugins import SWITCH, outdated, survey_all, switched_off
    from llm_audit.reports.formats.json import dump

    entries = [_entry(each) for each in survey_all()]
    old = outdated()
    if format_ == "json":
        click.echo(dump({"switched_off": switched_off(), "plugins": entries, "outdated": old}), nl=False)
    else:
        click.echo(_table(entries))
        for entry in entries:
            if entry["status"] == "broken":
                click.echo(f"\n{one_line(entry['reason'])}")
        for sentence in old:
            click.echo(f"\n{one_line(sentence)}")
        if switched_off():
            click.echo(f"\nPlugins are switched off: {SWITCH}=off.")
    return EXIT_FINDINGS if old or any(entry["status"] == "broken" for entry in entries) else 0


def _entry(each: Any) -> dict[str, Any]:
    announcement = each.announcement
    return {
        "name": announcement.name,
        "rule": each.rule.code if each.rule else None,
        "group": announcement.group,
        "target": announcement.target,
        "distribution": announcement.distribution,
        "version": announcement.version,
        "digest": announcement.digest,
        "shipped": announcement.shipped,
        "status": each.status,
        "reason": each.reason,
    }


def _table(entries: list[dict[str, Any]]) -> str:
    from llm_audit.api.plugins import GROUP

    rows = [("name", "code", "family", "package", "digest", "from", "status")]
    for entry in entries:
        package, origin = f"{entry['distribution']} {entry['version']}", "llm-audit" if entry["shipped"] else "plugin"
        digest = str(entry["digest"] or "-")[:12]
        family = entry["group"].removeprefix(f"{GROUP}.")
        rows.append((entry["name"], entry["rule"] or "-", family, package, digest, origin, entry["status"]))
    return aligned(rows)
