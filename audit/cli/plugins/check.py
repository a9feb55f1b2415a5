"""`llm-audit plugins check`: the contract, clause by clause."""

from __future__ import annotations

import click

from llm_audit.cli import EXIT_FINDINGS
from llm_audit.cli.plugins import PLUGINS
from llm_audit.common.terminal import one_line

LOADS = "loads, under a name and a code of its own"


@click.command(
    help=PLUGINS["check"]
    + "\n\nNAME is that of something installed; MODULE:ATTRIBUTE need not be announced. Exits with 1 if a "
    "clause is broken.",
    short_help=PLUGINS["check"],
)
@click.argument("target", metavar="NAME|MODULE:ATTRIBUTE")
def command(target: str) -> int:
    """Run the command; the docstring for users is in `PLUGINS`."""
    from llm_audit.api.plugins import clauses, loaded

    failed = False
    for title, thing, reason in loaded(target):
        click.echo(one_line(title))
        for promise, complaint in [(LOADS, reason), *(clauses(thing) if thing else ())]:
            failed |= bool(complaint)
            click.echo(one_line(f"  FAIL  {promise}: {complaint}" if complaint else f"  pass  {promise}"))
    return EXIT_FINDINGS if failed else 0
