"""View of a document's passages: their places, texts and heat levels.

Knows nothing of pages or terminals. The numbers come from the result; this only looks up text and a heat level.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from llm_audit.reports.format import count, heat
from llm_audit.results import Document, Result


@dataclass(frozen=True)
class Passage:
    """A judged stretch of the text; `stands_out` if its q-value is at most alpha."""

    number: int
    start: int
    end: int
    excerpt: str
    place: str | None
    p: float | None
    p_floor: float | None
    q: float | None
    n: int
    level: int | None
    stands_out: bool


def judged_by(document: Document) -> Result | None:
    """The result whose passages are shown: the combined one, or else the first detector that has any."""
    results = (*([document.combined] if document.combined else []), *document.results)
    # The spans of integrity rules are characters.
    return next((result for result in results if result.spans and result not in document.integrity), None)


def passages(document: Document, alpha: float, excerpt: int = 72) -> list[Passage]:
    """The passages in reading order, with the beginning of their text, or their place if the text was left out."""
    result = judged_by(document)
    spans = sorted(result.spans, key=lambda span: (span.start, span.end)) if result else []
    return [
        Passage(
            number=number,
            start=span.start,
            end=span.end,
            excerpt=excerpt_of(document.text, span.start, span.end, excerpt),
            place=span.place,
            p=span.p_value,
            p_floor=span.p_floor,
            q=span.q_value,
            n=span.n,
            level=heat(span.p_value),
            stands_out=span.q_value is not None and span.q_value <= alpha,
        )
        for number, span in enumerate(spans, start=1)
    ]


def segments(text: str, text_passages: list[Passage]) -> list[tuple[str, Passage | None]]:
    """The whole text, cut where passages begin and end; an overlap of two belongs to the one with the smaller p.

    No passage occurs twice: if one is interrupted, only its first piece belongs to it.
    """
    cuts = (place for passage in text_passages for place in (passage.start, passage.end))
    places = sorted({0, len(text), *(min(place, len(text)) for place in cuts)})
    pieces: list[tuple[int, int, Passage | None]] = []
    shown: set[int] = set()
    waiting = deque(sorted(text_passages, key=lambda passage: passage.start))
    covering: list[Passage] = []
    for start, end in pairwise(places):
        while waiting and waiting[0].start <= start:
            covering.append(waiting.popleft())
        covering = [passage for passage in covering if passage.end > start]
        last = pieces[-1][2] if pieces else None
        left = [passage for passage in covering if passage is last or passage.number not in shown]
        best = min(left, key=lambda passage: (2.0 if passage.p is None else passage.p, passage.number), default=None)
        if pieces and best is last:
            pieces[-1] = (pieces[-1][0], end, best)
        else:
            pieces.append((start, end, best))
        if best:
            shown.add(best.number)
    return [(text[start:end], passage) for start, end, passage in pieces]


def excerpt_of(text: str | None, start: int, end: int, length: int) -> str:
    """The beginning of a stretch of the text on one line, or its place if the text was left out."""
    if text is None:
        return f"characters {count(start)} to {count(end)}"
    words = " ".join(text[start:end].split())
    if len(words) <= length:
        return words
    whole_words, space, _ = words[:length].rpartition(" ")
    return f"{whole_words if space else words[: length - 1]}…"
