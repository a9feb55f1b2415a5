"""A report on a terminal: its gate, each of its subjects, and once, at the end, the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_audit.common.terminal import one_line
from llm_audit.reports import format as fmt
from llm_audit.reports.terminal.console import line, say
from llm_audit.reports.terminal.documents import print_document
from llm_audit.reports.terminal.gate import print_gate
from llm_audit.reports.terminal.many import DETAILED, print_many
from llm_audit.reports.views.lead import last_line
from llm_audit.reports.wording.not_read import not_read
from llm_audit.results import Benchmark, Corpus, Document, Membership, Report, Subject, Substitution

if TYPE_CHECKING:
    from rich.console import Console


def print_report(report: Report, console: Console, *, details: bool = False) -> None:
    """Each document, the collection or the endpoint with its verdict and its numbers; the limits once, at the end.

    Many documents are one table, unless details are asked for.
    """
    if report.gate:
        print_gate(report, report.gate, console)
    # In a gate, passing documents have a line each in its outcome.
    shown = [
        subject for subject in report.subjects if not isinstance(subject, Document) or not subject.gate or subject.gate.failures
    ]
    documents = [subject for subject in shown if isinstance(subject, Document)]
    if len(documents) > DETAILED and not details:
        print_many(documents, report.manifest.alpha, console)
        shown = [subject for subject in shown if not isinstance(subject, Document)]
    for subject in shown:
        _print_subject(subject, report, console)
    _print_limits(report, console)
    if report.coverage.found != 1 and not report.corpus:
        coverage = report.coverage
        console.print()
        say(
            console,
            f"{fmt.plural(coverage.found, 'input')}: {fmt.count(coverage.scored)} judged, "
            f"{fmt.count(coverage.not_assessable)} not assessable, {fmt.count(coverage.unreadable)} unreadable.",
        )
    if report.not_read:
        say(console, one_line(not_read(report.not_read)))
    if report.manifest.policy and not report.corpus:
        console.print()
        say(console, f"Policy {fmt.short_digest(report.manifest.policy)}")
    if last := last_line(report):
        console.print()
        say(console, last, style="bold")


def _print_subject(subject: Subject, report: Report, console: Console) -> None:
    alpha = report.manifest.alpha
    match subject:  # a kind that is not there is not imported
        case Document():
            print_document(subject, alpha, console)
        case Membership():
            from llm_audit.reports.terminal.membership import print_membership

            print_membership(subject, alpha, console)
        case Substitution():
            from llm_audit.reports.terminal.substitution import print_substitution

            print_substitution(subject, alpha, console)
        case Corpus():
            from llm_audit.reports.terminal.corpus import print_corpus

            print_corpus(subject, report.manifest, console)
            console.print()
        case Benchmark():
            from llm_audit.reports.terminal.benchmark import print_benchmark

            print_benchmark(subject, console)


def _print_limits(report: Report, console: Console) -> None:
    from rich.table import Table

    if report.limits:
        say(console, "What this does not prove", style="bold")
        for limit in report.limits:
            grid = Table.grid(padding=(0, 1, 0, 0))
            grid.add_row("  -", line(limit))
            console.print(grid)
