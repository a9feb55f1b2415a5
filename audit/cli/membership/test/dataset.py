"""`llm-audit membership test dataset`: suspect documents against held-out ones."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership.common import CONTROL, FIELD, PROVENANCE, audit_options, run
from llm_audit.cli.membership.test import TESTS


@command_of(TESTS, "dataset")
@click.argument("paths", nargs=-1, required=True, metavar="SUSPECT...")
@click.option(
    "--held-out", multiple=True, required=True, metavar="FILE", help="Texts of the same kind that the model cannot have seen."
)
@PROVENANCE
@CONTROL
@FIELD
@audit_options
def command(paths: tuple[str, ...], held_out: tuple[str, ...], **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return run("dataset", paths, held_out, **options)
