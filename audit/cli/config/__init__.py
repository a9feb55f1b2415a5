"""`llm-audit config`: the policy in force."""

from __future__ import annotations

import click

from llm_audit.cli import COMMANDS, LazyGroup

CONFIG = {"show": "List every setting with its value and where it comes from, and the policy's digest."}
"""Name -> one line of help."""


@click.group(name="config", cls=LazyGroup, lazy=CONFIG, package=__name__,
             help=COMMANDS["config"], short_help=COMMANDS["config"])  # fmt: skip
def command() -> None:
    """Run a command of the group; the docstring for users is in `COMMANDS`."""
