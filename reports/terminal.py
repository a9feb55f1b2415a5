"""The report on a terminal: short, legible at 60 columns and without colour.

Knows nothing of detectors. Strings from the outside are shown as plain text with their control characters visible.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports.attribution import crossing
from llm_audit.reports.passages import Passage, judged_by, passages
from llm_audit.results import Attribution, Authorship, Document, Report, Result, SetAttribution, Trace, Verdict
from llm_audit.terminal import terminal_safe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {
    Verdict.FINDING: "bold yellow",
    Verdict.PASS: "bold",
    Verdict.INCONCLUSIVE: "bold cyan",
    Verdict.NOT_ASSESSABLE: "bold magenta",
    Verdict.ERROR: "bold red",
}
AUTHORSHIP_STYLES = {
    Authorship.WRITTEN_BY: "bold yellow",
    Authorship.NOT_WRITTEN_BY: "bold",
    Authorship.UNDECIDED: "bold cyan",
    Authorship.NOT_ASSESSABLE: "bold magenta",
}
ASCII_SIGNS = {"=": "=", "≠": "!=", "◇": "?", "–": "-"}
GLYPHS, ASCII_GLYPHS, NOT_JUDGED = "▁▂▃▅▆█", "012345", "·"
HEAT_STYLES = ("dim", "", "yellow", "yellow", "bright_red", "bold red")
PASSAGES_SHOWN = 5
SHARES_SHOWN = 4
SETTINGS_SHOWN = 2
PATH_WIDTH = 56


def print_report(report: Report, console: Console) -> None:
    """Each document with its verdict, its p-value and what that is worth; the limits once, at the end."""
    from rich.table import Table

    for document in report.documents:
        printed = _print_attributed if document.attributions else _print_document
        printed(document, report.manifest.alpha, console)
    if report.limits:
        _print(console, "What this does not prove", style="bold")
        for limit in report.limits:
            grid = Table.grid(padding=(0, 1, 0, 0))
            grid.add_row("  -", _line(limit))
            console.print(grid)
    if report.coverage.found != 1:
        found = report.coverage
        console.print()
        _print(
            console,
            f"{fmt.plural(found.found, 'input')}: {fmt.count(found.scored)} judged, "
            f"{fmt.count(found.not_assessable)} not assessable, {fmt.count(found.unreadable)} unreadable.",
        )


def _print_document(document: Document, alpha: float, console: Console) -> None:
    from rich.text import Text

    sign, label = fmt.LABELS[document.verdict]
    console.print(Text.assemble((f"{sign} {label}", STYLES[document.verdict]), "  ", _name(document.name)))
    _print(console, document.summary, indent=2)
    result = document.combined
    if document.verdict in fmt.NOT_JUDGED:
        if result and result.reason != document.summary:
            _print(console, result.reason, indent=2)
        _print(console, "No statement is made about this document. It has neither passed nor failed.", indent=2)
    if result and result.p_value is not None:
        _print_number(result, alpha, console)
    if any(detector.p_value is not None for detector in document.results):
        _print_detectors(document.results, alpha, console)
    _print_passages(document, alpha, console)
    for note in document.notes:
        _print(console, f"Note: {note}", indent=2)
    console.print()


def _print_number(result: Result, alpha: float, console: Console) -> None:
    assert result.p_value is not None
    population = result.population
    console.print()
    _print(console, fmt.p_statement(result.p_value, result.p_floor, alpha) + f" (α = {alpha})", indent=2, style="bold")
    _print(console, f"Null hypothesis: {result.null}", indent=2)
    if population:
        _print(
            console,
            f"Compared with {population.name} ({population.description}): {fmt.plural(population.n, 'document')} "
            f"of {population.length_bin}, digest {fmt.short_digest(population.digest)}.",
            indent=2,
        )
    bounds = [f"Smallest possible p: {fmt.p_value(result.p_floor)}."] if result.p_floor is not None else []
    if result.p_upper is not None:
        bounds.append(f"Upper bound of p with 95 % confidence: {fmt.p_value(result.p_upper, alpha)}.")
    if bounds:
        _print(console, " ".join(bounds), indent=2)
    if result.false_positive_rate:
        _print(console, f"False alarms: {fmt.false_alarms(result.false_positive_rate)}.", indent=2)


def _print_detectors(results: tuple[Result, ...], alpha: float, console: Console) -> None:
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("detector", overflow="fold")
    table.add_column("statistic", overflow="fold")
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("compared with", justify="right")
    for result in results:
        table.add_row(
            _line(f"{result.rule} {result.name}"),
            _line(fmt.statistic(result)),
            fmt.p_cell(result.p_value, result.p_floor, alpha),
            fmt.count(result.population.n) if result.population else "–",
        )
    console.print()
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    for result in results:
        if result.shares:
            _print(console, f"What moved {result.rule}: {fmt.shares(result, SHARES_SHOWN)}.", indent=2, style="dim")


def _print_passages(document: Document, alpha: float, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    found = passages(document, alpha, excerpt=44)
    judge = judged_by(document)
    if judge is None:
        return
    glyphs = ASCII_GLYPHS if console.options.ascii_only else GLYPHS
    strip = Text(overflow="fold")
    for passage in found:
        level = passage.level
        strip.append(NOT_JUDGED if level is None else glyphs[level], "dim" if level is None else HEAT_STYLES[level])
    keys = [f"{glyph} {name}" for glyph, name in zip(glyphs, fmt.heat_names(), strict=True)]
    console.print()
    _print(console, f"{fmt.plural(len(found), 'passage')} from beginning to end, by {judge.rule} {judge.name}", indent=2)
    console.print(Padding(strip, (0, 0, 0, 2), expand=False))
    _print(console, "   ".join([*keys, f"{NOT_JUDGED} too short to judge"]), indent=2, style="dim")
    _print_hottest(found, console, alpha)


def _print_hottest(found: list[Passage], console: Console, alpha: float) -> None:
    from rich.padding import Padding
    from rich.table import Table

    loud = sorted((passage for passage in found if passage.stands_out), key=lambda passage: (passage.p or 0.0, passage.number))
    if not loud:
        _print(console, f"None stands out once their number is corrected for (q ≤ {alpha}).", indent=2)
        return
    shown = loud[:PASSAGES_SHOWN]
    more = f", the first {len(shown)} of {len(loud)}" if len(loud) > len(shown) else ""
    _print(console, f"Standing out once their number is corrected for (q ≤ {alpha}){more}:", indent=2)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("no.", "p", "q", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("passage", overflow="fold")
    for passage in shown:
        numbers = (fmt.p_cell(passage.p, passage.p_floor, alpha), fmt.p_cell(passage.q, None, alpha), fmt.count(passage.n))
        table.add_row(str(passage.number), *numbers, _line(passage.excerpt))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_attributed(document: Document, alpha: float, console: Console) -> None:
    from rich.text import Text

    console.print(Text(_name(document.name), style="bold", overflow="fold"))
    _print(console, document.summary, indent=2)
    if not fmt.judged(document):
        _print(console, "No statement is made about who wrote this document.", indent=2)
    _print_candidates(document.attributions, alpha, console)
    for found in document.sets:
        _print_set(found, alpha, console)
    for attribution in document.attributions:
        _print_evidence(attribution, alpha, console)
    if document.combined:
        console.print()
        _print(console, "Compared with human writing", indent=2, style="bold")
        _print(console, document.combined.reason, indent=2)
        if document.combined.p_value is not None:
            _print_number(document.combined, alpha, console)
    for note in document.notes:
        _print(console, f"Note: {note}", indent=2)
    console.print()


def _print_candidates(found: tuple[Attribution, ...], alpha: float, console: Console) -> None:
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("candidate", overflow="fold")
    table.add_column("settings", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    for one in found:
        more = len(one.settings) - SETTINGS_SHOWN
        settings = " or ".join([*one.settings[:SETTINGS_SHOWN], *([f"{more} others"] if more > 0 else [])])
        label = _label(one.verdict, fmt.AUTHORSHIP, console)
        table.add_row(_line(one.candidate), _line(settings or "not stated"), label, fmt.p_cell(one.p_value, None, alpha))
    console.print()
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_set(found: SetAttribution, alpha: float, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    numbers = [fmt.p_statement(found.p_value, None, alpha)] if found.p_value is not None else []
    if found.e_value is not None:
        numbers.append(f"e = {fmt.e_value(found.e_value)}")
    line = Text.assemble(f"{fmt.set_name(found)}: ", _label(found.verdict, fmt.set_labels(found), console), overflow="fold")
    line.append("".join(f"  {number}" for number in numbers))
    console.print()
    console.print(Padding(line, (0, 0, 0, 2), expand=False))
    _print(console, found.reason, indent=4)
    _print(console, f"Members: {', '.join(found.members)}", indent=4, style="dim")
    _print(console, f"Null hypothesis: {found.null}", indent=4, style="dim")


def _print_evidence(found: Attribution, alpha: float, console: Console) -> None:
    from rich.padding import Padding
    from rich.table import Table

    console.print()
    _print(console, found.candidate, indent=2, style="bold")
    _print(console, found.reason, indent=4)
    if found.p_value is not None:
        _print(console, f"{fmt.p_statement(found.p_value, None, alpha)}, {fmt.guarantee(found)} (α = {alpha})", indent=4)
    _print(console, f"Taken to have read: {found.context}", indent=4)
    if found.tests:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("test", overflow="fold")
        table.add_column("statistic", overflow="fold")
        table.add_column("p", justify="right", no_wrap=True)
        table.add_column("e-value", justify="right", no_wrap=True)
        for test in found.tests:
            e = "–" if test.e_value is None else fmt.e_value(test.e_value)
            p = fmt.p_cell(test.p_value, test.p_floor, alpha)
            table.add_row(_line(f"{test.rule} {test.name}"), _line(fmt.statistic(test)), p, e)
        console.print(Padding(table, (0, 0, 0, 4), expand=False))
    if found.trace and found.trace.log_e:
        _print_path(found.trace, alpha, console)


def _print_path(trace: Trace, alpha: float, console: Console) -> None:
    """The e-process in one line: its height is the share of the threshold that is reached."""
    glyphs = ASCII_GLYPHS if console.options.ascii_only else GLYPHS
    full, n, threshold = len(glyphs) - 1, len(trace.log_e), math.log(1 / alpha)
    width = min(PATH_WIDTH, console.width - 4, n)
    ends = [trace.log_e[(column + 1) * n // width - 1] for column in range(width)]
    levels = [full if value >= threshold else 0 if value <= 0 else 1 + int((full - 1) * value / threshold) for value in ends]
    crossed = crossing(trace, alpha)
    reached = f"reached at token {fmt.count(crossed)} of" if crossed else "not reached in"
    scale = f"from {glyphs[0]} none to {glyphs[full]} {fmt.decimal(threshold)} = log(1/α)"
    _print(console, "".join(glyphs[level] for level in levels), indent=4)
    _print(console, f"log e along the text, {scale}: {reached} {fmt.plural(n, 'token')}", indent=4, style="dim")


def _label(verdict: Authorship, labels: dict[Authorship, tuple[str, str]], console: Console) -> Text:
    from rich.text import Text

    sign, words = labels[verdict]
    return Text(f"{ASCII_SIGNS[sign] if console.options.ascii_only else sign} {words}", AUTHORSHIP_STYLES[verdict])


def _print(console: Console, sentence: str, *, indent: int = 0, style: str = "") -> None:
    from rich.padding import Padding

    text = _line(sentence)
    text.style = style
    console.print(Padding(text, (0, 0, 0, indent), expand=False))


def _line(sentence: str) -> Text:
    """A sentence or cell: line breaks of the input become spaces, so that it cannot forge a line of ours."""
    from rich.text import Text

    return Text(terminal_safe(re.sub(r"[\t\n]+", " ", sentence)), overflow="fold")


def _name(name: str) -> str:
    """A file name: a line break in it is part of the name, so it is shown."""
    return terminal_safe(name).replace("\n", "\\n").replace("\t", "\\t")
