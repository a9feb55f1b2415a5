"""A report on a terminal: its gate, each of its subjects, and once, at the end, the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports.terminal.benchmark import print_benchmark
from llm_audit.reports.terminal.console import line, say
from llm_audit.reports.terminal.corpus import print_corpus
from llm_audit.reports.terminal.documents import print_document
from llm_audit.reports.terminal.gate import print_gate
from llm_audit.reports.terminal.membership import print_membership
from llm_audit.reports.terminal.substitution import print_substitution
from llm_audit.results import Benchmark, Corpus, Document, Membership, Report, Subject, Substitution

if TYPE_CHECKING:
    from rich.console import Console


def print_report(report: Report, console: Console) -> None:
    """Each document, the collection or the endpoint with its verdict and its numbers; the limits once, at the end."""
    if report.gate:
        print_gate(report, report.gate, console)
    for subject in report.subjects:
        _print_subject(subject, report, console)
    _print_limits(report, console)
    if report.coverage.found != 1 and not report.corpus:
        found = report.coverage
        console.print()
        say(
            console,
            f"{fmt.plural(found.found, 'input')}: {fmt.count(found.scored)} judged, "
            f"{fmt.count(found.not_assessable)} not assessable, {fmt.count(found.unreadable)} unreadable.",
        )
    if report.manifest.policy and not report.corpus:
        console.print()
        say(console, f"Policy {fmt.short_digest(report.manifest.policy)}")


def _print_subject(subject: Subject, report: Report, console: Console) -> None:
    alpha = report.manifest.alpha
    match subject:
        case Document():
            if not subject.gate or subject.gate.failures:  # of many texts, those that pass in a line each
                print_document(subject, alpha, console)
        case Membership():
            print_membership(subject, alpha, console)
        case Substitution():
            print_substitution(subject, alpha, console)
        case Corpus():
            print_corpus(subject, report.manifest, console)
            console.print()
        case Benchmark():
            print_benchmark(subject, console)


def _print_limits(report: Report, console: Console) -> None:
    from rich.table import Table

    if report.limits:
        say(console, "What this does not prove", style="bold")
        for limit in report.limits:
            grid = Table.grid(padding=(0, 1, 0, 0))
            grid.add_row("  -", line(limit))
            console.print(grid)
