"""`llm-audit plugins`: rules of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS, LazyGroup

if TYPE_CHECKING:
    from llm_audit.detectors.plugins import Surveyed

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


def survey_all() -> list[Surveyed]:
    """Load everything that is announced, family by family, and say what became of it."""
    from llm_audit.detectors.plugins import survey
    from llm_audit.results.rules import FAMILIES

    return [each for digit in sorted(FAMILIES) for each in survey(FAMILIES[digit])]
