"""`llm-audit membership canary`: random strings that prove what they were before the test."""

from __future__ import annotations

import click

from llm_audit.cli import LazyGroup
from llm_audit.cli.membership import MEMBERSHIP

CANARY = {
    "check": "Does the secret match what was published?",
    "new": "Draw strings, one to publish, and a commitment to the others.",
}
"""Name -> one line of help."""


@click.group(name="canary", cls=LazyGroup, lazy=CANARY, package=__name__,
             help=MEMBERSHIP["canary"], short_help=MEMBERSHIP["canary"])  # fmt: skip
def command() -> None:
    """Run a command of the group; the docstring for users is in `MEMBERSHIP`."""
