"""The candidates of a document as a report shows them: their tests, and their traces as rows, axes and points.

Knows nothing of pages or terminals, and judges nothing. Positions are in per cent of a picture, from its left and its top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

from llm_audit.reports.axes import Axis, count_axis, round_axis
from llm_audit.reports.passages import excerpt_of
from llm_audit.results import Attribution, Document, Trace

ROWS = 400
"""Longer texts are shown in equal blocks of tokens, so that a page stays small and a picture legible."""

BINS = 10
GAP_FROM = (10, 1 / 20)
"""The mean gap is drawn from this token, and this share of the text, on: before, it jumps too far to leave the rest room."""

NORMAL_95 = 1.959964
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Row:
    """One token, or one block of tokens. Surprisal and entropy are means; `log_e` is the value after the last token."""

    first: int
    last: int
    text: str
    surprisal: float | None
    impossible: int
    entropy: float
    log_e: float
    pit: float | None


@dataclass(frozen=True)
class Surprisal:
    """Surprisal as bars and entropy as a line; the places of impossible tokens."""

    axis: Axis
    bars: str
    entropy: str
    impossible: tuple[float, ...]


@dataclass(frozen=True)
class Gap:
    """Mean of surprisal minus entropy over the tokens so far, impossible ones left out; `whole` is that of the text."""

    axis: Axis
    line: str
    first: int
    whole: float


@dataclass(frozen=True)
class Evidence:
    """The logarithm of the e-process, its threshold, and the first token after which it was reached."""

    axis: Axis
    line: str
    threshold: float
    crossed: int | None
    at: tuple[float, float] | None


@dataclass(frozen=True)
class Histogram:
    """Probability integral transforms in equal bins, with what a uniform distribution would give.

    `lower` and `upper` hold 95 % of the counts of a single bin: normal approximation of the binomial distribution.
    """

    across: Axis
    axis: Axis
    counts: tuple[int, ...]
    expected: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Pictures:
    """A trace as it is drawn and as it is tabulated."""

    block: int
    impossible: int
    tokens: Axis
    rows: list[Row]
    surprisal: Surprisal
    gap: Gap | None
    evidence: Evidence
    histogram: Histogram | None


@dataclass(frozen=True)
class Candidate:
    """A candidate with all that the template shows of it and cannot look up itself."""

    anchor: str
    attribution: Attribution
    assumptions: list[str]
    pictures: Pictures | None


def candidates(document: Document, anchor: str, alpha: float) -> list[Candidate]:
    """The candidates of a document, as given."""
    return [
        Candidate(
            anchor=f"{anchor}-candidate-{number}",
            attribution=attribution,
            assumptions=list(dict.fromkeys(assumption for test in attribution.tests for assumption in test.assumptions)),
            pictures=pictures(attribution.trace, document.text, alpha) if attribution.trace else None,
        )
        for number, attribution in enumerate(document.attributions, start=1)
    ]


def pictures(trace: Trace, text: str | None, alpha: float) -> Pictures | None:
    """What is drawn of a trace; None if it has no tokens."""
    n = len(trace.entropy)
    if n == 0:
        return None
    found = rows(trace, text)
    return Pictures(
        block=found[0].last,
        impossible=trace.surprisal.count(None),
        tokens=count_axis(n),
        rows=found,
        surprisal=_surprisal(found, n),
        gap=_gap(trace, found),
        evidence=evidence(trace, found, alpha),
        histogram=_histogram([value for value in trace.pit if value is not None]),
    )


def rows(trace: Trace, text: str | None) -> list[Row]:
    """The tokens, or if there are more than `ROWS` of them, blocks of as many tokens each; the last may be shorter."""
    n = len(trace.entropy)
    size = max(1, math.ceil(n / ROWS))
    found = []
    for first in range(0, n, size):
        last = min(first + size, n)
        possible = [value for value in trace.surprisal[first:last] if value is not None]
        found.append(
            Row(
                first=first + 1,
                last=last,
                text=excerpt_of(text, trace.start[first], trace.end[last - 1], 44),
                surprisal=sum(possible) / len(possible) if possible else None,
                impossible=last - first - len(possible),
                entropy=sum(trace.entropy[first:last]) / (last - first),
                log_e=trace.log_e[last - 1],
                pit=trace.pit[first] if size == 1 else None,
            )
        )
    return found


def crossing(trace: Trace, alpha: float) -> int | None:
    """Number of the first token after which the e-process reached 1 / alpha; None if it never did."""
    threshold = math.log(1 / alpha)
    return next((number for number, value in enumerate(trace.log_e, start=1) if value >= threshold), None)


def evidence(trace: Trace, found: list[Row], alpha: float) -> Evidence:
    """The path of the e-process, which starts at log 1 = 0 before the first token."""
    threshold, crossed = math.log(1 / alpha), crossing(trace, alpha)
    # The token of the crossing is drawn also if it lies within a block.
    places = [0, *sorted({row.last for row in found} | ({crossed} if crossed else set()))]
    path = [0.0, *(trace.log_e[place - 1] for place in places[1:])]
    tokens, axis = Axis(0, len(trace.log_e)), round_axis(min(0, *path), max(1.0, 1.15 * threshold, *path))
    points = [(tokens.place(place), axis.place(value)) for place, value in zip(places, path, strict=True)]
    return Evidence(axis, _line(points), threshold, crossed, points[places.index(crossed)] if crossed else None)


def _surprisal(found: list[Row], n: int) -> Surprisal:
    tokens = Axis(0, n)
    axis = round_axis(0, max(1.0, *(max(row.entropy, row.surprisal or 0) for row in found)))
    bars = [
        f"M{tokens.place(row.first - 0.9)} 100V{axis.place(row.surprisal)}H{tokens.place(row.last - 0.1)}V100Z"
        for row in found
        if row.surprisal is not None
    ]
    return Surprisal(
        axis=axis,
        bars="".join(bars),
        entropy=_line([(tokens.place(_middle(row)), axis.place(row.entropy)) for row in found]),
        impossible=tuple(tokens.place(_middle(row)) for row in found if row.impossible),
    )


def _gap(trace: Trace, found: list[Row]) -> Gap | None:
    differences = [None if s is None else s - h for s, h in zip(trace.surprisal, trace.entropy, strict=True)]
    sums = accumulate(difference or 0.0 for difference in differences)
    counts = accumulate(difference is not None for difference in differences)
    means = [total / max(count, 1) for total, count in zip(sums, counts, strict=True)]
    tokens, share = GAP_FROM
    shown = [row.last for row in found if row.last >= max(tokens, share * len(means))]
    if not shown:
        return None
    values = [means[place - 1] for place in shown]
    across, axis = Axis(0, len(means)), round_axis(min(-0.1, *values), max(0.1, *values), most=4)
    points = [(across.place(x), axis.place(y)) for x, y in zip(shown, values, strict=True)]
    return Gap(axis, _line(points), shown[0], means[-1])


def _histogram(values: list[float]) -> Histogram | None:
    n = len(values)
    if n == 0:
        return None
    counts = [0] * BINS
    for value in values:
        counts[min(int(BINS * value), BINS - 1)] += 1
    expected = n / BINS
    margin = NORMAL_95 * math.sqrt(expected * (1 - 1 / BINS))
    lower, upper = max(0.0, expected - margin), expected + margin
    unit = Axis(0, 1).marked([fifth / 5 for fifth in range(6)], 1)
    return Histogram(unit, round_axis(0, max(upper, *counts)), tuple(counts), expected, lower, upper)


def _middle(row: Row) -> float:
    return (row.first - 1 + row.last) / 2


def _line(points: list[tuple[float, float]]) -> str:
    """Points for an SVG polyline."""
    return " ".join(f"{x},{y}" for x, y in points)
