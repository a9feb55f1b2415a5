"""`llm-audit membership test canary`: a published random string among its unpublished siblings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership.common import audit_options, run
from llm_audit.cli.membership.test import TESTS
from llm_audit.common.errors import InvalidConfiguration

MORE = """
NAME: of a canary that `llm-audit membership canary new NAME` has drawn; both its files are read, and the commitment is
checked first. Several canaries are one test together.
"""


@command_of(TESTS, "canary", MORE)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@audit_options
def command(names: tuple[str, ...], seed_file: Path | None, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    if seed_file:
        raise InvalidConfiguration(
            "A canary's randomness was drawn when it was made; its commitment takes the place of --seed-file."
        )
    return run("canary", names, **options)
