"""A collection on the terminal: verdict, gate, tests, scores and the top of the ranking; the rest is in the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports.terminal.console import STYLES, label, line, plain_table, say, show
from llm_audit.reports.views.membership import score_columns, set_aside
from llm_audit.reports.wording.unjudged import no_statement
from llm_audit.results import Gate, Membership, Result, Separation, is_blind

if TYPE_CHECKING:
    from rich.console import Console

TEXTS_SHOWN = 10
GATE_STYLES = {"no_difference_found": "bold", "shifted": "bold yellow", "too_few": "bold magenta"}


def print_membership(membership: Membership, alpha: float, console: Console) -> None:
    """Print a collection of texts: the question about training, the verdict, each test, the scores of the texts, and notes."""
    console.print(label(fmt.LABELS[membership.verdict], STYLES[membership.verdict], console))
    say(console, membership.claim, indent=2)
    say(console, membership.summary, indent=2, style="bold")
    if membership.verdict in fmt.NOT_JUDGED:
        say(console, no_statement(membership), indent=2)
    say(console, fmt.NO_SINGLE_TEXT, indent=2)
    say(console, f"Unit of the claim: {membership.unit}. Independent units: {fmt.units(membership)}.", indent=2)
    say(console, f"Non-members: {membership.provenance or 'not stated'}", indent=2)
    if membership.gate:
        _print_gate(membership.gate, console)
    for test in membership.tests:
        print_test(test, alpha, console)
    if membership.separations or membership.texts:
        console.print()
        say(console, fmt.FOR_THE_RECORD if set_aside(membership) else "Scores", indent=2, style="bold")
    if membership.separations:
        _print_separations(membership.separations, alpha, console)
    if membership.texts:
        _print_texts(membership, console)
    if membership.notes:
        console.print()
    for note in membership.notes:
        say(console, f"Note: {note}", indent=2)
    console.print()


def _print_gate(gate: Gate, console: Console) -> None:
    from rich.text import Text

    outcome = label(fmt.GATE[gate.outcome], GATE_STYLES[gate.outcome], console)
    auc = f"  AUC {fmt.interval(gate.auc)}" if gate.auc else ""
    console.print()
    show(console, Text.assemble((f"{gate.code} Texts without the model: ", "bold"), outcome, auc), 2)
    say(console, gate.reason, indent=4)
    if gate.features:
        say(console, f"What gave it away: {', '.join(feature.name for feature in gate.features)}", indent=4, style="dim")


def print_test(test: Result, alpha: float, console: Console) -> None:
    """A test of a collection or of an endpoint: its verdict, its numbers, its null hypothesis."""
    from rich.text import Text

    heading = Text(overflow="fold")
    heading.append(line(f"{test.rule} {test.name}: "))
    heading.append(label(fmt.LABELS[test.verdict], STYLES[test.verdict], console))
    console.print()
    show(console, heading, 2)
    say(console, test.reason, indent=4)
    if test.p_value is not None:
        statement = fmt.p_statement(test.p_value, test.p_floor, alpha, "test")
        # What looks at the texts alone has a level of its own, which its reason states.
        say(console, statement if is_blind(test) else f"{statement} (α = {alpha})", indent=4, style="bold")
    if test.e_value is not None:
        say(console, f"e = {fmt.e_value(test.e_value)}", indent=4, style="" if test.p_value is not None else "bold")
    if test.p_floor is not None and (test.p_value is None or not fmt.at_floor(test.p_value, test.p_floor)):
        say(console, f"Smallest possible p: {fmt.p_value(test.p_floor)}", indent=4)
    if test.effect:
        say(console, f"Effect: {fmt.effect(test.effect)}", indent=4)
    say(console, f"Null hypothesis: {test.null}", indent=4, style="dim")
    counted = [f"{fmt.plural(test.n, 'independent unit')}"] if test.n is not None else []
    counted += [fmt.draws(test.draws, test.evidence)] if test.draws else []
    if counted:
        say(console, "; ".join(counted), indent=4, style="dim")
    for assumption in test.assumptions:
        say(console, f"Assumes: {assumption}", indent=4, style="dim")


def _print_separations(separations: tuple[Separation, ...], alpha: float, console: Console) -> None:
    table = plain_table()
    table.add_column("score", overflow="fold")
    for name in ("AUC", "p", "Holm", "TPR 1 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for separation in separations:
        rate = next((rate for rate in separation.rates if rate.fpr == 0.01), None)
        table.add_row(
            line(separation.title),
            fmt.interval(separation.auc, 2),
            fmt.p_cell(separation.p_value, None, alpha),
            fmt.p_cell(separation.p_adjusted, None, alpha),
            fmt.fraction(rate) if rate else "–",
        )
    show(console, table, 2)


def _print_texts(membership: Membership, console: Console) -> None:
    shown, scores = membership.texts[:TEXTS_SHOWN], score_columns(membership)[:1]
    table = plain_table()
    table.add_column("no.", justify="right", no_wrap=True)
    table.add_column("side", no_wrap=True)
    table.add_column("tokens", justify="right", no_wrap=True)
    for score in scores:
        table.add_column(line(score.title), justify="right")
    table.add_column("text", overflow="fold")
    for number, text in enumerate(shown, start=1):
        values = [score.cell(text) for score in scores]
        table.add_row(str(number), fmt.SIDES[text.side], fmt.tokens(text), *values, line(text.name))
    console.print()
    say(console, f"Texts, most member-like first, {fmt.count(len(shown))} of {fmt.count(len(membership.texts))}:", indent=2)
    show(console, table, 2)
