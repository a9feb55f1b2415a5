"""`llm-audit cache`: the scores that are kept so that no text is scored twice."""

from __future__ import annotations

import click

from llm_audit.api.machine import score_cache
from llm_audit.cli import COMMANDS, EXIT_FINDINGS
from llm_audit.common.terminal import one_line

command = click.Group("cache", help=COMMANDS["cache"])


@command.command()
def info() -> None:
    """Show where the cache is and how large."""
    with score_cache() as cache:
        usage = cache.info()
    click.echo(f"{one_line(str(usage.path))}: scores of {usage.rows:,} texts, {usage.size / 1e6:,.1f} MB")


@command.command()
def verify() -> int:
    """Check every row; exit with 1 if some are damaged. Damaged rows are never used."""
    with score_cache() as cache:
        rows, damaged = cache.verify()
    click.echo(f"{rows:,} rows, {damaged:,} damaged.")
    return EXIT_FINDINGS if damaged else 0


@command.command()
def clear() -> None:
    """Delete all kept scores."""
    with score_cache() as cache:
        cache.clear()
    click.echo("The cache is empty.")
