"""The report on a scanned corpus: as a page, as JSON and on the terminal.

Knows nothing of how the numbers came about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports import html, json
from llm_audit.reports.console import STYLES, label, line, plain_table, say
from llm_audit.results import CorpusReport, Verdict
from llm_audit.terminal import one_line

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 10
"""Documents listed on a terminal; the page has more."""

WIDTH, HEIGHT = 1000, 200


@dataclass(frozen=True)
class Bar:
    """A bin of the histogram, in units of the picture, downwards."""

    x: float
    y: float
    width: float
    height: float
    lower: str
    upper: str
    count: int


def render_json(report: CorpusReport) -> str:
    """Everything, indented."""
    content = report.model_dump()
    content["packages"] = dict(sorted(report.packages.items()))
    return json.dump(content)


def render_html(report: CorpusReport) -> str:
    """A page. Equal reports give equal bytes."""
    found = report.discovery
    return html.page(
        "corpus.html.j2",
        report=report,
        found=found,
        title=title(report),
        bars=bars(found.histogram),
        even=round(HEIGHT - HEIGHT * found.tests / len(found.histogram) / max(1, *found.histogram), 2),
        verdicts=[(verdict, fmt.LABELS[verdict], count) for verdict, count in report.verdicts.items()],
        width=WIDTH,
        height=HEIGHT,
    )


def title(report: CorpusReport) -> str:
    """What the report covers."""
    everything = fmt.plural(report.documents, "document")
    return everything if report.complete else f"Partial: {fmt.count(report.included)} of {everything}"


def bars(histogram: tuple[int, ...]) -> list[Bar]:
    """Side by side, the highest over the full height."""
    step, highest = WIDTH / len(histogram), max(1, *histogram)
    return [
        Bar(
            x=round(i * step + 1, 2),
            y=round(HEIGHT - HEIGHT * count / highest, 2),
            width=round(step - 2, 2),
            height=round(HEIGHT * count / highest, 2),
            lower=f"{i / len(histogram):g}",
            upper=f"{(i + 1) / len(histogram):g}",
            count=count,
        )
        for i, count in enumerate(histogram)
    ]


def print_corpus(report: CorpusReport, console: Console) -> None:
    """The outcome, the counts and the documents least like the population."""
    found = report.discovery
    say(console, title(report), style="bold")
    say(console, report.summary)
    console.print()
    table = plain_table()
    table.add_column("")
    table.add_column("documents", justify="right")
    for verdict, count in report.verdicts.items():
        if count:
            table.add_row(label(fmt.LABELS[verdict], STYLES[verdict], console), fmt.count(count))
    console.print(table)
    console.print()
    say(
        console,
        f"{fmt.plural(found.low, 'text')} {'has' if found.low == 1 else 'have'} p ≤ {found.alpha:g} taken alone; about "
        f"{found.low_by_chance:.2g} of {fmt.count(found.tests)} would, had people like those of the population written all.",
    )
    if report.ranked:
        console.print()
        say(console, "Least like the population", style="bold")
        table = plain_table()
        table.add_column("document", overflow="fold")
        for name in ("p", "q"):
            table.add_column(name, justify="right")
        table.add_column("")
        for document in report.ranked[:SHOWN]:
            table.add_row(
                line(one_line(document.name)),
                fmt.p_cell(document.p_value, document.p_floor),
                fmt.p_value(document.q_value, found.alpha),
                label(fmt.LABELS[document.verdict], STYLES[document.verdict], console),
            )
        console.print(table)
    for unread in report.unread[:SHOWN]:
        say(console, unread.reason, style=STYLES[Verdict.ERROR])
