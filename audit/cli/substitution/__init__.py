"""`llm-audit substitution`: whether an endpoint serves the model that it names."""

from __future__ import annotations

import click

from llm_audit.cli import COMMANDS, LazyGroup

SUBSTITUTION = {
    "audit": "Compare an endpoint's answers with those of a reference model here, or of trusted endpoints.",
    "plan": "How many requests does a question need? Before money is spent.",
    "probe": "What does an endpoint really return, and which tests does that allow?",
    "record": "Keep a trusted endpoint's answers, to hold others against (`audit --trusted`).",
    "watch": "Has an endpoint changed since a stored baseline? One token a request.",
}
"""Name -> one line of help."""


@click.group(name="substitution", cls=LazyGroup, lazy=SUBSTITUTION, package=__name__,
             help=COMMANDS["substitution"], short_help=COMMANDS["substitution"])  # fmt: skip
def command() -> None:
    """Run a command of the group; the docstring for users is in `COMMANDS`."""
