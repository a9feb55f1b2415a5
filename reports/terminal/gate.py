"""A gate on a terminal: the outcome first, then the texts that pass in a line each, then what was passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_audit.common.terminal import one_line
from llm_audit.reports import format as fmt
from llm_audit.reports.terminal.console import STYLES, label, say, show
from llm_audit.results import GateOutcome, Report, Verdict

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 20
"""Most texts listed that do not fail and are no plain pass; suppressions are all listed."""


def print_gate(report: Report, gate: GateOutcome, console: Console) -> None:
    """Print the outcome of a gate, and the texts that do not fail."""
    from rich.text import Text

    say(console, gate.summary, style=STYLES[Verdict.FINDING if gate.failed else Verdict.PASS])
    for name, value in fmt.gate_facts(gate):
        say(console, f"{name}: {value}", indent=2, style="dim")
    console.print()
    passing = [document for document in report.documents if document.gate and not document.gate.failures]
    plain = sum(document.verdict is Verdict.PASS and not document.tampering for document in passing)
    others = [document for document in passing if document.verdict is not Verdict.PASS or document.tampering]
    for document in others[:SHOWN]:
        shown = label(fmt.LABELS[document.verdict], STYLES[document.verdict], console)
        show(console, Text.assemble(shown, "  ", one_line(document.name), overflow="fold"), 0)
        say(console, document.summary, indent=2)
    if len(others) > SHOWN:
        say(console, f"... and {fmt.plural(len(others) - SHOWN, 'document')} more that fail nothing.")
    if plain:
        say(console, f"{fmt.LABELS[Verdict.PASS][1]} in {fmt.plural(plain, 'document')}.")
    if plain or others:
        console.print()
    if suppressions := fmt.suppressions(report):
        say(console, "Suppressions", style="bold")
        for document, suppression in suppressions:
            state = fmt.SUPPRESSIONS[suppression.state]
            say(console, f"{one_line(document.name)}, {suppression.rule}. {state}: {fmt.known(suppression)}", indent=2)
        console.print()
