"""`llm-audit membership test paired`: published versions against private rephrasings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership.common import CHANCE, CONTROL, audit_options, run
from llm_audit.cli.membership.test import TESTS

MORE = """
PAIRS: JSON lines with the fields public (the version that was published) and private (a rephrasing, or a list of
them). A coin must have decided which version was published; a field document names items that one coin decided.
"""


@command_of(TESTS, "paired", MORE)
@click.argument("path", type=click.Path(path_type=Path), metavar="PAIRS")
@CHANCE
@CONTROL
@audit_options
def command(path: Path, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return run("paired", path, **options)
