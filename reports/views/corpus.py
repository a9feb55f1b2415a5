"""The report on a scanned corpus: as a page, as JSON and on the terminal.

Knows nothing of how the numbers came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports.charts import figures
from llm_audit.reports.charts.canvas import Canvas
from llm_audit.reports.formats import html, json
from llm_audit.reports.terminal.console import STYLES, label, line, plain_table, say
from llm_audit.results import CorpusReport, Discovery, Unread, Verdict
from llm_audit.terminal import one_line

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 10
"""Documents listed on a terminal; the page has more."""


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
        alone=taken_alone(found),
        figure=p_values(found.histogram),
        unread=[why_unread(document) for document in report.unread],
        verdicts=[(verdict, fmt.LABELS[verdict], count) for verdict, count in report.verdicts.items()],
    )


def title(report: CorpusReport) -> str:
    """What the report covers."""
    everything = fmt.plural(report.documents, "document")
    return everything if report.complete else f"Partial: {fmt.count(report.included)} of {everything}"


def taken_alone(found: Discovery) -> str:
    """How many texts have a small p-value by themselves, and how many would by chance, as a sentence."""
    low = f"{fmt.plural(found.low, 'text')} {'has' if found.low == 1 else 'have'}" if found.low else "No text has"
    return (
        f"{low} p ≤ {found.alpha:g} taken alone; about {found.low_by_chance:.2g} of {fmt.count(found.tests)} would, had people "
        "like those of the population written all of them."
    )


def why_unread(document: Unread) -> str:
    """Which document could not be read, and why, as a sentence."""
    return document.reason if document.name in document.reason else f"{document.name}: {document.reason}"


def p_values(histogram: Sequence[int]) -> figures.Figure:
    """How often which p-value came out, against an even share."""
    bins = len(histogram)
    even, uprights = sum(histogram) / bins, figures.value_ticks(0, max(1, *histogram), 3)

    def paint(width: int) -> Canvas:
        canvas = Canvas(width, 150, (0, 1), (0, uprights[-1][0]), left=40, right=8, top=24)
        canvas.upright(uprights, "texts")
        canvas.along([(tick, fmt.decimal(tick, 1)) for tick in (0.0, 0.5, 1.0)], "p")
        canvas.boxes([(at / bins, (at + 1) / bins, 0, count) for at, count in enumerate(histogram) if count], "bar")
        canvas.line((0, 1), (even, even), "accent", "even", dashes=True)
        return canvas

    return figures.Figure(
        name="p-values",
        title="How often which p-value came out",
        description=f"One bar for each of {bins} equal parts of the range from 0 to 1; the dashed line is an even share.",
        drawn=figures.both(paint),
        table="The bars as a table",
        columns=("p", "texts"),
        rows=[figures.Row((f"{at / bins:g} to {(at + 1) / bins:g}", fmt.count(count))) for at, count in enumerate(histogram)],
    )


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
    if found.tests:
        say(console, taken_alone(found))
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
        say(console, why_unread(unread), style=STYLES[Verdict.ERROR])
    if report.policy:
        console.print()
        say(console, f"Policy {fmt.short_digest(report.policy)}")
