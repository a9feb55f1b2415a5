"""`llm-audit membership test order`: the canonical order of a data set against its shuffles."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership.common import CHANCE, CONTROL, FIELD, audit_options, run
from llm_audit.cli.membership.test import TESTS

MORE = """
DATA: JSON lines with a text, or a folder of texts, in the order in which it was published.
"""


@command_of(TESTS, "order", MORE)
@click.argument("paths", nargs=-1, required=True, metavar="DATA...")
@click.option("--draws", type=click.IntRange(1), default=99, show_default=True, help="Shuffles, per shard.")
@click.option("--shards", type=click.IntRange(1), default=1, show_default=True, help="Parts, each shuffled within itself.")
@CHANCE
@CONTROL
@FIELD
@audit_options
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return run("order", paths, **options)
