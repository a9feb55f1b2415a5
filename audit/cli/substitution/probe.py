"""`llm-audit substitution probe`: what an endpoint really returns."""

from __future__ import annotations

import click

import llm_audit
from llm_audit.cli import EXIT_INCONCLUSIVE
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import endpoint_options


@click.command(help=SUBSTITUTION["probe"] + "\n\nAsks some twenty short questions.", short_help=SUBSTITUTION["probe"])
@endpoint_options
def command(endpoint: llm_audit.EndpointSetup) -> int:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    from rich.console import Console

    from llm_audit.reports.terminal.console import line, plain_table, show

    probed = llm_audit.probe_endpoint(endpoint)
    capabilities = probed.capabilities
    console = Console()
    facts, tests = plain_table(), plain_table()
    for name in ("fact", "value"):
        facts.add_column(name, overflow="fold")
    for fact in capabilities.facts:
        facts.add_row(line(fact.name), line(fact.value))
    for name in ("test", "can be run"):
        tests.add_column(name, overflow="fold")
    for test in probed.tests:
        tests.add_row(test.rule.code, line(f"no: {test.reason}" if test.reason else "yes"))
    show(console, facts, 0)
    console.print()
    show(console, tests, 0)
    return EXIT_INCONCLUSIVE if capabilities.best is None else 0
