"""An endpoint on the terminal: verdict, tests, what single requests show, cost and failures; the rest is in the files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports.terminal.console import STYLES, label, line, plain_table, say, show
from llm_audit.reports.terminal.membership import print_test
from llm_audit.reports.views.substitution import beyond
from llm_audit.results import FailedRequest, Served, Substitution

if TYPE_CHECKING:
    from rich.console import Console

FAILURES_SHOWN = 5


def print_substitution(substitution: Substitution, alpha: float, console: Console) -> None:
    """Print an endpoint: the question, the outcome, and what it rests on."""
    console.print(label(fmt.SERVED[substitution.served], STYLES[fmt.LIKE[substitution.served]], console))
    say(console, substitution.claim, indent=2)
    say(console, substitution.summary, indent=2, style="bold")
    if substitution.served is Served.NOT_MEASURED:
        say(console, fmt.NOTHING_SHOWN, indent=2)
    say(console, f"Endpoint: {substitution.endpoint}, said to serve {substitution.model}", indent=2)
    say(console, f"Allowed variants: {', '.join(substitution.allowed) or 'not stated'}", indent=2)
    for test in substitution.tests:
        print_test(test, alpha, console)
    console.print()
    if substitution.points:
        say(console, fmt.beyond(beyond(substitution.points), len(substitution.points)), indent=2)
    share = fmt.mixture(substitution.mixture) if substitution.mixture else "not estimated"
    say(console, f"Share of requests out of the honest range: {share}", indent=2, style="bold" if substitution.mixture else "")
    if substitution.capabilities:
        _print_capabilities(substitution, console)
    cost = substitution.cost
    say(
        console,
        f"Cost: {fmt.plural(cost.requests, 'request')}, {fmt.plural(cost.attempts, 'attempt')}, "
        f"{fmt.count(cost.prompt_tokens)} + {fmt.count(cost.completion_tokens)} tokens of prompts and completions",
        indent=2,
    )
    if substitution.failures:
        _print_failures(substitution.failures, console)
    for note in substitution.notes:
        say(console, f"Note: {note}", indent=2)
    console.print()


def _print_capabilities(substitution: Substitution, console: Console) -> None:
    table = plain_table()
    table.add_column("returned by the endpoint", overflow="fold")
    table.add_column("", overflow="fold")
    for fact in substitution.capabilities:
        table.add_row(line(fact.name), line(fact.value))
    console.print()
    show(console, table, 2)
    console.print()


def _print_failures(failures: tuple[FailedRequest, ...], console: Console) -> None:
    kinds = Counter(failure.kind for failure in failures)
    counts = ", ".join(f"{fmt.count(number)} {kind}" for kind, number in kinds.most_common(FAILURES_SHOWN))
    say(console, f"{fmt.plural(len(failures), 'failed request')}: {counts}", indent=2, style="bold")
    for failure in failures[:FAILURES_SHOWN]:
        say(console, f"{failure.request}: {failure.reason} ({fmt.plural(failure.attempts, 'attempt')})", indent=4)
    more = len(failures) - FAILURES_SHOWN
    if more > 0:
        say(console, f"and {fmt.count(more)} more: the JSON report has all of them.", indent=4)
