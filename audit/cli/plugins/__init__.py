"""`llm-audit plugins`: detectors and membership scores of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS, LazyGroup

if TYPE_CHECKING:
    from llm_audit.detectors import Detector
    from llm_audit.detectors.plugins import Surveyed
    from llm_audit.detectors.registry import AnyRule

PLUGINS = {
    "check": "Hold a detector or membership score to the contract, clause by clause.",
    "list": "List everything announced: name, code, package, digest, status.",
    "new": "Start a package with a detector of your own.",
}
"""Name -> one line of help."""


@click.group(name="plugins", cls=LazyGroup, lazy=PLUGINS, package=__name__,
             help=COMMANDS["plugins"], short_help=COMMANDS["plugins"])  # fmt: skip
def command() -> None:
    """Run a command of the group; the docstring for users is in `COMMANDS`."""


def survey_all() -> list[Surveyed[Detector] | Surveyed[AnyRule]]:
    """Load everything that is announced, and say what became of it."""
    from llm_audit.detectors import Detector
    from llm_audit.detectors.announced import DETECTORS
    from llm_audit.detectors.membership.base import GROUP
    from llm_audit.detectors.plugins import survey
    from llm_audit.detectors.rule import Rule

    return [*survey(DETECTORS, Detector, "detector"), *survey(GROUP, Rule, "membership rule")]
