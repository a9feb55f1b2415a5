"""`llm-audit membership test identifier`: hashes and ids inside documents against fresh ones."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership.common import FIELD, audit_options, run
from llm_audit.cli.membership.test import TESTS


@command_of(TESTS, "identifier")
@click.argument("paths", nargs=-1, required=True, metavar="DOCUMENTS...")
@click.option(
    "--draws", type=click.IntRange(1), default=19, show_default=True, help="Fresh identifiers for each that is found."
)
@FIELD
@audit_options
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return run("identifier", paths, **options)
