"""Many documents on a terminal: one table, the worst first. Details of each are left to -v and to report files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llm_audit.common.terminal import one_line
from llm_audit.reports import format as fmt
from llm_audit.reports.terminal.console import AUTHORSHIP_STYLES, STYLES, label, line, plain_table, say, show
from llm_audit.reports.views.documents import worst_first
from llm_audit.results import Document

if TYPE_CHECKING:
    from rich.console import Console

DETAILED = 5
"""Number of documents above which there is one table of all."""


def print_many(documents: Sequence[Document], alpha: float, console: Console) -> None:
    """Print a line for each document; for one with candidates, a line for each candidate."""
    attributed = any(document.attributions for document in documents)
    tested = any(document.gate and document.gate.q_value is not None for document in documents)
    table = plain_table()
    table.add_column("verdict", no_wrap=True)
    table.add_column("document", overflow="fold")
    for name in ("p", *(("q",) if tested else ())):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("candidate" if attributed else "characters", overflow="fold")
    for document in worst_first(documents):
        name = line(one_line(document.name))
        if document.attributions:
            for attribution in document.attributions:
                verdict = label(fmt.AUTHORSHIP[attribution.verdict], AUTHORSHIP_STYLES[attribution.verdict], console)
                table.add_row(verdict, name, fmt.p_cell(attribution.p_value, None, alpha), line(attribution.candidate))
            continue
        combined = document.combined
        p = fmt.p_cell(combined.p_value, combined.p_floor, alpha) if combined else "–"
        q = [fmt.p_cell(document.gate.q_value if document.gate else None, None, alpha)] if tested else []
        odd = ", ".join(f"{test.name.lower()} ({test.rule})" for test in document.tampering)
        table.add_row(label(fmt.LABELS[document.verdict], STYLES[document.verdict], console), name, p, *q, line(odd))
    show(console, table, 0)
    console.print()
    say(console, "-v shows what is known of each; so does a report file, -o report.html.", style="dim")
    console.print()
