"""`llm-audit substitution probe`: what an endpoint really returns."""

from __future__ import annotations

import llm_audit
from llm_audit.cli import EXIT_INCONCLUSIVE, command_of
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import endpoint_options


@command_of(SUBSTITUTION, "probe", "Asks some twenty short questions.")
@endpoint_options
def command(endpoint: llm_audit.EndpointSetup) -> int:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    from rich.console import Console

    from llm_audit.reports.terminal.console import show, table_of

    probed = llm_audit.probe_endpoint(endpoint)
    console = Console()
    show(console, table_of(("fact", "value"), [(fact.name, fact.value) for fact in probed.capabilities.facts]), 0)
    console.print()
    tests = [(test.rule.code, f"no: {test.reason}" if test.reason else "yes") for test in probed.tests]
    show(console, table_of(("test", "can be run"), tests), 0)
    return EXIT_INCONCLUSIVE if probed.capabilities.best is None else 0
