"""Documents on a terminal: short, legible at 60 columns and without colour.

Knows nothing of detectors. For strings from outside see `console`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llm_audit.common.terminal import one_line
from llm_audit.reports import format as fmt
from llm_audit.reports.charts.figures import crossing
from llm_audit.reports.terminal.console import AUTHORSHIP_STYLES, STYLES, label, line, plain_table, say, show
from llm_audit.reports.views.lead import lead
from llm_audit.reports.views.passages import Passage, judged_by, passages
from llm_audit.reports.wording.origin import nearest_kind
from llm_audit.reports.wording.unjudged import no_statement
from llm_audit.results import Attribution, Authorship, Document, Result, SetAttribution, Trace, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GLYPHS, ASCII_GLYPHS, NOT_JUDGED = "▁▂▃▅▆█", "012345", "·"
HEAT_STYLES = ("dim", "", "yellow", "yellow", "bright_red", "bold red")
PASSAGES_SHOWN = 5
SHARES_SHOWN = 4
SETTINGS_SHOWN = 2
PATH_WIDTH = 56


def print_document(document: Document, alpha: float, console: Console) -> None:
    """A text with its verdict and its numbers: compared with human writing or, if candidates were named, with each of them."""
    printed = _print_attributed if document.attributions else _print_document
    printed(document, alpha, console)


def _print_document(document: Document, alpha: float, console: Console) -> None:
    from rich.text import Text

    verdict, words = fmt.heading(document)
    console.print(Text.assemble(label(words, STYLES[verdict], console), "  ", one_line(document.name)))
    if opening := lead(document, alpha):
        say(console, opening, indent=2, style="bold")
    say(console, document.summary, indent=2)
    result = document.combined
    if result and result.reason not in document.summary:
        say(console, fmt.alone(document), indent=2)
    if document.verdict in fmt.NOT_JUDGED:
        say(console, no_statement(document), indent=2)
    if result and result.p_value is not None:
        _print_number(result, alpha, console, fmt.with_q(document, alpha))
    detectors = tuple(test for test in document.results if test not in document.integrity)
    if any(detector.p_value is not None for detector in detectors):
        _print_detectors(detectors, alpha, console)
    _print_passages(document, alpha, console)
    _print_integrity(document, console)
    for note in document.notes:
        say(console, f"Note: {note}", indent=2)
    console.print()


def _print_number(result: Result, alpha: float, console: Console, q: str = "") -> None:
    assert result.p_value is not None
    population = result.population
    console.print()
    giver = "population" if population else "test"
    statement = f"{fmt.p_statement(result.p_value, result.p_floor, alpha, giver)}{q} (α = {alpha})"
    say(console, statement, indent=2, style="bold")
    say(console, f"Null hypothesis: {result.null}", indent=2)
    if population:
        say(
            console,
            f"Compared with {population.name} ({population.description}): {fmt.plural(population.n, 'document')} "
            f"of {population.length_bin}, digest {fmt.short_digest(population.digest)}.",
            indent=2,
        )
        if population.nearest_kind and population.nearest_kind.exceeding:
            say(console, nearest_kind(population.nearest_kind), indent=2)
    bounds = [f"Smallest possible p: {fmt.p_value(result.p_floor)}."] if result.p_floor is not None else []
    if result.p_upper is not None:
        bounds.append(f"Upper bound of p with 95 % confidence: {fmt.p_value(result.p_upper, alpha)}.")
    if bounds:
        say(console, " ".join(bounds), indent=2)
    if result.false_positive_rate:
        say(console, f"False alarms: {fmt.false_alarms(result.false_positive_rate)}.", indent=2)


def _print_detectors(results: tuple[Result, ...], alpha: float, console: Console) -> None:
    table = plain_table()
    table.add_column("detector", overflow="fold")
    table.add_column("statistic", overflow="fold")
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("compared with", justify="right")
    for result in results:
        table.add_row(
            line(f"{result.rule} {result.name}"),
            line(fmt.statistic(result)),
            fmt.p_cell(result.p_value, result.p_floor, alpha),
            fmt.count(result.population.n) if result.population else "–",
        )
    console.print()
    show(console, table, 2)
    for result in results:
        if result.shares:
            say(console, f"What moved {result.rule}: {fmt.shares(result, SHARES_SHOWN)}.", indent=2, style="dim")


def _print_integrity(document: Document, console: Console) -> None:
    """Print the integrity rules; those without a finding in one line, unless they name a place."""
    from rich.text import Text

    quiet = [test for test in document.integrity if test.verdict is Verdict.PASS and not test.spans]
    if document.integrity:
        console.print()
    for test in document.integrity:
        if test not in quiet:
            heading = label(fmt.LABELS[test.verdict], STYLES[test.verdict], console)
            show(console, Text.assemble(heading, f"  {test.rule} ", line(test.name), overflow="fold"), 2)
            say(console, test.reason, indent=4)
            say(console, f"Normal: {test.null}", indent=4, style="dim")
    if quiet:
        names = ", ".join(f"{test.name.lower()} ({test.rule})" for test in quiet)
        say(console, f"Looked for and not found: {names}.", indent=2, style="dim")


def _print_passages(document: Document, alpha: float, console: Console) -> None:
    from rich.text import Text

    text_passages = passages(document, alpha, excerpt=44)
    judge = judged_by(document)
    if judge is None:
        return
    glyphs = ASCII_GLYPHS if console.options.ascii_only else GLYPHS
    strip = Text(overflow="fold")
    for passage in text_passages:
        level = passage.level
        strip.append(NOT_JUDGED if level is None else glyphs[level], "dim" if level is None else HEAT_STYLES[level])
    keys = [f"{glyph} {name}" for glyph, name in zip(glyphs, fmt.heat_names(), strict=True)]
    console.print()
    say(console, f"{fmt.plural(len(text_passages), 'passage')} from beginning to end, by {judge.rule} {judge.name}", indent=2)
    show(console, strip, 2)
    say(console, "   ".join([*keys, f"{NOT_JUDGED} too short to judge"]), indent=2, style="dim")
    _print_hottest(text_passages, console, alpha)


def _print_hottest(text_passages: list[Passage], console: Console, alpha: float) -> None:
    standing_out = (passage for passage in text_passages if passage.stands_out)
    loud = sorted(standing_out, key=lambda passage: (passage.p or 0.0, passage.number))
    if not loud:
        say(console, f"None stands out once their number is corrected for (q ≤ {alpha}).", indent=2)
        return
    shown = loud[:PASSAGES_SHOWN]
    more = f", the first {len(shown)} of {len(loud)}" if len(loud) > len(shown) else ""
    say(console, f"Standing out once their number is corrected for (q ≤ {alpha}){more}:", indent=2)
    table = plain_table()
    for name in ("no.", "p", "q", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("passage", overflow="fold")
    for passage in shown:
        numbers = (fmt.p_cell(passage.p, passage.p_floor, alpha), fmt.p_cell(passage.q, None, alpha), fmt.count(passage.n))
        place = f" ({passage.place})" if passage.place else ""
        table.add_row(str(passage.number), *numbers, line(passage.excerpt + place))
    show(console, table, 2)


def _print_attributed(document: Document, alpha: float, console: Console) -> None:
    from rich.text import Text

    console.print(Text(one_line(document.name), style="bold", overflow="fold"))
    say(console, document.summary, indent=2)
    if not fmt.judged(document):
        say(console, "No statement is made about who wrote this document.", indent=2)
    _print_candidates(document.attributions, alpha, console)
    for candidate_set in document.sets:
        _print_set(candidate_set, alpha, console)
    for attribution in document.attributions:
        _print_evidence(attribution, alpha, console)
    if document.combined:
        console.print()
        say(console, "Compared with human writing", indent=2, style="bold")
        say(console, document.combined.reason, indent=2)
        if document.combined.p_value is not None:
            _print_number(document.combined, alpha, console)
        if compared := tuple(test for test in document.results if test not in document.integrity):
            _print_detectors(compared, alpha, console)
    _print_integrity(document, console)
    for note in document.notes:
        say(console, f"Note: {note}", indent=2)
    console.print()


def _print_candidates(attributions: tuple[Attribution, ...], alpha: float, console: Console) -> None:
    table = plain_table()
    table.add_column("candidate", overflow="fold")
    table.add_column("settings", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    for attribution in attributions:
        more = len(attribution.settings) - SETTINGS_SHOWN
        settings = " or ".join([*attribution.settings[:SETTINGS_SHOWN], *([f"{more} others"] if more > 0 else [])])
        verdict = _authorship(attribution.verdict, fmt.AUTHORSHIP, console)
        p = fmt.p_cell(attribution.p_value, None, alpha)
        table.add_row(line(attribution.candidate), line(settings or "not stated"), verdict, p)
    console.print()
    show(console, table, 2)


def _print_set(candidate_set: SetAttribution, alpha: float, console: Console) -> None:
    from rich.text import Text

    numbers = [fmt.p_statement(candidate_set.p_value, None, alpha)] if candidate_set.p_value is not None else []
    if candidate_set.e_value is not None:
        numbers.append(f"e = {fmt.e_value(candidate_set.e_value)}")
    verdict = _authorship(candidate_set.verdict, fmt.set_labels(candidate_set), console)
    heading = Text.assemble(f"{fmt.set_name(candidate_set)}: ", verdict, overflow="fold")
    heading.append("".join(f"  {number}" for number in numbers))
    console.print()
    show(console, heading, 2)
    say(console, candidate_set.reason, indent=4)
    say(console, f"Members: {', '.join(candidate_set.members)}", indent=4, style="dim")
    say(console, f"Null hypothesis: {candidate_set.null}", indent=4, style="dim")


def _print_evidence(attribution: Attribution, alpha: float, console: Console) -> None:
    console.print()
    say(console, attribution.candidate, indent=2, style="bold")
    say(console, attribution.reason, indent=4)
    if attribution.p_value is not None:
        p = fmt.p_statement(attribution.p_value, None, alpha)
        say(console, f"{p}, {fmt.guarantee(attribution)} (α = {alpha})", indent=4)
    say(console, f"Taken to have read: {attribution.context}", indent=4)
    if attribution.tests:
        table = plain_table()
        table.add_column("test", overflow="fold")
        table.add_column("statistic", overflow="fold")
        table.add_column("p", justify="right", no_wrap=True)
        table.add_column("e-value", justify="right", no_wrap=True)
        for test in attribution.tests:
            e = "–" if test.e_value is None else fmt.e_value(test.e_value)
            p = fmt.p_cell(test.p_value, test.p_floor, alpha)
            table.add_row(line(f"{test.rule} {test.name}"), line(fmt.statistic(test)), p, e)
        show(console, table, 4)
    if attribution.trace and attribution.trace.log_e:
        _print_path(attribution.trace, alpha, console)


def _print_path(trace: Trace, alpha: float, console: Console) -> None:
    """The e-process in one line: its height is the share of the threshold that is reached."""
    glyphs = ASCII_GLYPHS if console.options.ascii_only else GLYPHS
    full, n, threshold = len(glyphs) - 1, len(trace.log_e), math.log(1 / alpha)
    width = min(PATH_WIDTH, console.width - 4, n)
    ends = [trace.log_e[(column + 1) * n // width - 1] for column in range(width)]
    levels = [full if value >= threshold else 0 if value <= 0 else 1 + int((full - 1) * value / threshold) for value in ends]
    crossed = crossing(trace.log_e, alpha)
    reached = f"reached at token {fmt.count(crossed)} of" if crossed else "not reached in"
    scale = f"from {glyphs[0]} none to {glyphs[full]} {fmt.decimal(threshold)} = log(1/α)"
    say(console, "".join(glyphs[level] for level in levels), indent=4)
    say(console, f"log e along the text, {scale}: {reached} {fmt.plural(n, 'token')}", indent=4, style="dim")


def _authorship(verdict: Authorship, labels: dict[Authorship, tuple[str, str]], console: Console) -> Text:
    return label(labels[verdict], AUTHORSHIP_STYLES[verdict], console)
