"""`llm-audit plugins new`: a package with one detector that works, to be changed into one's own."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from llm_audit.cli.plugins import PLUGINS
from llm_audit.common.terminal import terminal_safe


@click.command(
    help=PLUGINS["new"] + "\n\nNAME is that of the package and of the detector. DIR must not exist; default: ./NAME.",
    short_help=PLUGINS["new"],
)
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def command(name: str, folder: Path | None) -> None:
    """Run the command; the docstring for users is in `PLUGINS`."""
    from llm_audit.api.plugins import new_package

    folder = folder or Path(name)
    code = new_package(name, folder)
    click.echo(terminal_safe(f"{folder} holds the detector {name}, code {code}. Next:"))
    click.echo(terminal_safe(f"  pip install --editable {shlex.quote(str(folder))}\n  llm-audit plugins check {name}"))
