"""`llm-audit plugins`: rules of other packages."""

from __future__ import annotations

import click

from llm_audit.cli import COMMANDS, LazyGroup

PLUGINS = {
    "check": "Hold a rule to the contract, clause by clause.",
    "list": "List everything announced: name, code, package, digest, status.",
    "new": "Start a package with a detector of your own.",
}
"""Name -> one line of help."""


@click.group(name="plugins", cls=LazyGroup, lazy=PLUGINS, package=__name__,
             help=COMMANDS["plugins"], short_help=COMMANDS["plugins"])  # fmt: skip
def command() -> None:
    """Run a command of the group; the docstring for users is in `COMMANDS`."""
