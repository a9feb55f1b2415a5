"""View of a corpus: the outcome, its p-values as bars, the documents least like the population.

Knows nothing of pages or terminals, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.reports import format as fmt
from llm_audit.reports.charts import figures
from llm_audit.reports.charts.canvas import Canvas
from llm_audit.results import Corpus, Discovery, Unread, Verdict


@dataclass(frozen=True)
class View:
    """A corpus with the values that the template needs."""

    corpus: Corpus
    title: str
    alone: str
    figure: figures.Figure
    unread: list[str]
    verdicts: list[tuple[Verdict, tuple[str, str], int]]


def view(corpus: Corpus) -> View:
    """The view of a corpus."""
    return View(
        corpus=corpus,
        title=title(corpus),
        alone=taken_alone(corpus.discovery),
        figure=p_values(corpus.discovery.histogram),
        unread=[why_unread(document) for document in corpus.unread],
        verdicts=[(verdict, fmt.LABELS[verdict], count) for verdict, count in corpus.verdicts.items()],
    )


def title(corpus: Corpus) -> str:
    """The number of documents that the report covers, in words."""
    everything = fmt.plural(corpus.documents, "document")
    return everything if corpus.complete else f"Partial: {fmt.count(corpus.included)} of {everything}"


def taken_alone(discovery: Discovery) -> str:
    """Sentence on how many texts have a small p-value by themselves, and how many would by chance."""
    low = f"{fmt.plural(discovery.low, 'text')} {'has' if discovery.low == 1 else 'have'}" if discovery.low else "No text has"
    return (
        f"{low} p ≤ {discovery.alpha:g} taken alone; about {discovery.low_by_chance:.2g} of {fmt.count(discovery.tests)} "
        "would, had people like those of the population written all of them."
    )


def why_unread(document: Unread) -> str:
    """Sentence on a document that could not be read, with the reason."""
    return document.reason if document.name in document.reason else f"{document.name}: {document.reason}"


def p_values(histogram: Sequence[int]) -> figures.Figure:
    """Figure of the histogram of p-values, against the uniform share."""
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
