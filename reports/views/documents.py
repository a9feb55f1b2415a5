"""View of a document: its passages in the text and along it, its tokens, its rank among human texts.

Knows nothing of templates, and judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.reports import format as fmt
from llm_audit.reports.charts.canvas import Canvas, powers_of_ten
from llm_audit.reports.charts.figures import Figure, Row, blocks, both, population, scale, surprisal
from llm_audit.reports.views.attribution import Candidate, candidates
from llm_audit.reports.views.lead import lead
from llm_audit.reports.views.passages import Passage, judged_by, passages, segments
from llm_audit.results import Authorship, Document, Result, Verdict

ORDER = (Verdict.FINDING, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.NOT_ASSESSABLE, Verdict.PASS)
"""Verdicts in the order in which a reader should look at them."""


@dataclass(frozen=True)
class DocumentView:
    """A document with the values that the template needs."""

    anchor: str
    document: Document
    judged: bool
    lead: str
    reasons: list[str]
    passages: list[Passage]
    judge: Result | None
    segments: list[tuple[str, Passage | None]]
    candidates: list[Candidate]
    scale: Figure | None
    strip: Figure | None
    tokens: Figure | None
    populations: list[Figure]


def words(document: Document) -> int | None:
    """Number of words of the text; None: it was left out of the report."""
    return None if document.text is None else len(document.text.split())


def worst_first(documents: Sequence[Document]) -> list[Document]:
    """The documents sorted by verdict, suppressed ones after others, then by p-value, then in their order."""

    def key(document: Document) -> tuple[int, bool, float]:
        p = document.combined.p_value if document.combined else None
        return ORDER.index(document.verdict), document.passed_over is not None, 2.0 if p is None or document.attributions else p

    return sorted(documents, key=key)


def view(document: Document, anchor: str, alpha: float, *, charts: bool) -> DocumentView:
    """The view of a document; without charts, their numbers are left to the tables."""
    text_passages = [] if document.attributions else passages(document, alpha)
    combined = document.combined
    results = [*([combined] if combined else []), *document.results]
    judged = fmt.judged(document)
    reasons = [result.reason for result in results if judged or result.verdict in fmt.NOT_JUDGED]
    histograms = [population(result, number) for number, result in enumerate(document.results, start=1)] if charts else []
    traced = charts and document.trace is not None and bool(document.trace.entropy)
    return DocumentView(
        anchor=anchor,
        document=document,
        judged=judged,
        lead=lead(document, alpha),
        reasons=[reason for reason in dict.fromkeys(reasons) if reason not in document.summary],
        passages=text_passages,
        judge=judged_by(document),
        # A line ending is no tampering: without this, every line of a Windows file would end in a visible "\r".
        segments=[(text.replace("\r\n", "\n"), passage) for text, passage in segments(document.text or "", text_passages)],
        candidates=candidates(document, anchor, alpha, charts=charts),
        scale=scale(combined.p_value, combined.p_floor, alpha, "population" if combined.population else "test")
        if charts and combined and combined.p_value is not None
        else None,
        strip=strip(text_passages, document.characters, alpha, charts=charts) if text_passages else None,
        tokens=surprisal(blocks(document.trace, document.text)) if traced and document.trace else None,
        populations=[figure for figure in histograms if figure],
    )


def strip(text_passages: Sequence[Passage], characters: int, alpha: float, *, charts: bool = True) -> Figure:
    """The passages along the text: the higher a bar, the smaller its p-value."""
    length = max([characters, *(passage.end for passage in text_passages)]) or 1
    least = min((passage.p for passage in text_passages if passage.p), default=1.0)
    decades = min(12, max(2, math.ceil(-math.log10(least) - 1e-9)))

    def paint(width: int) -> Canvas:
        canvas = Canvas(width, 96, (0, length), (0, decades), left=52, top=28, bottom=24)
        powers = [-power for power in range(0, decades + 1, math.ceil(decades / 4))]
        canvas.upright([(float(-at), label) for at, label in zip(powers, powers_of_ten(powers), strict=True)], "p")
        canvas.along([(0.0, "beginning"), (float(length), "end")], "")
        gap = 2 * length / width
        for level in range(len(fmt.HEAT) + 1):
            bars = [
                # A p-value of 1 has a height too: it was judged.
                (passage.start, max(passage.end - gap, passage.start + gap / 4), 0, max(-math.log10(passage.p), decades / 48))
                for passage in text_passages
                if passage.p is not None and passage.p > 0 and passage.level == level
            ]
            canvas.boxes(bars, f"heat-{level}")
        return canvas

    return Figure(
        name="strip",
        title="Passages of the text by p-value",
        description="One bar per passage, from the beginning of the text to its end. The higher the bar, the smaller "
        "the p-value. A gap is a passage too short to judge.",
        drawn=both(paint) if charts else (),
        table=f"{fmt.plural(len(text_passages), 'passage')} as a table",
        columns=("No.", "Passage", "p", "q", "compared with"),
        rows=[
            Row(
                (
                    str(passage.number),
                    passage.excerpt,
                    fmt.p_cell(passage.p, passage.p_floor, alpha),
                    fmt.p_cell(passage.q, None, alpha),
                    fmt.count(passage.n) if passage.p is not None else "–",
                ),
                "stands out" if passage.stands_out else "",
            )
            for passage in text_passages
        ],
        named=1,
    )


def tally(documents: Sequence[Document]) -> list[tuple[str, str, str, int]]:
    """Counts of documents by verdict, as (class, sign, words, number), in the order in which they are shown."""
    if any(document.attributions for document in documents):
        outcomes = [attribution.verdict for document in documents for attribution in document.attributions]
        return [(kind.value, *fmt.AUTHORSHIP[kind], outcomes.count(kind)) for kind in Authorship if kind in outcomes]
    verdicts = [document.verdict for document in documents]
    return [(kind.value, *fmt.LABELS[kind], verdicts.count(kind)) for kind in ORDER if kind in verdicts]
