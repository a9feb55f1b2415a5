"""A collection as a report shows it: the draws of its tests, its scores on one axis, its texts as columns of numbers.

Knows nothing of pages or terminals, and judges nothing. Positions are in per cent of a picture, from its left and its top.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from llm_audit.reports.axes import Axis, decimals, round_axis, round_step
from llm_audit.reports.format import decimal, interval
from llm_audit.results import Interval, Membership, Result, Screened, Separation

FIRST, MOST = 50, 1000
"""Texts shown at once, and shown at all: the ranking is of use at its top, and the JSON report has all of it."""

NARROWEST = 100
"""Bars of a histogram are no thinner than this part of its width, however far out the observed value lies."""

AREAS = Axis(0, 1).marked([0, 0.25, 0.5, 0.75, 1], 2)
"""One axis for all areas under the curve of a page, so that pictures can be compared."""


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: draws with `low` <= value < `high`."""

    x: float
    width: float
    y: float
    count: int
    low: str
    high: str
    extreme: bool


@dataclass(frozen=True)
class Histogram:
    """The draws of a test in bars of equal width, and the observed value, at which a bar begins.

    So bars are either wholly at least as extreme as what was observed or wholly less so.
    """

    across: Axis
    axis: Axis
    bars: list[Bar]
    at: float
    observed: str
    shown: int


@dataclass(frozen=True)
class Tested:
    """A test and its picture; `rests_on` numbers the assumptions of all tests together."""

    anchor: str
    result: Result
    rests_on: list[int]
    draws: Histogram | None


@dataclass(frozen=True)
class Mark:
    """A value with its interval, at its height in the row."""

    kind: str
    at: float
    lower: float
    upper: float
    y: float


@dataclass(frozen=True)
class Row:
    """What is drawn of one score on the axis `AREAS`, and the same in words."""

    name: str
    marks: list[Mark]
    words: str


@dataclass(frozen=True)
class Column:
    """One number of each text, with as many decimals as the largest of them needs for four digits."""

    title: str
    values: Callable[[Screened], dict[str, float]]
    name: str
    digits: int

    def cell(self, text: Screened) -> str:
        """The number of one text; a dash if it has none."""
        value = self.values(text).get(self.name)
        return "–" if value is None else decimal(value, self.digits)


@dataclass(frozen=True)
class Screening:
    """The ranked texts: those seen at once, those folded away, and how many are left to the JSON report."""

    first: list[tuple[int, Screened]]
    rest: list[tuple[int, Screened]]
    beyond: int
    scores: list[Column]
    variants: list[Column]
    saturation: bool


@dataclass(frozen=True)
class View:
    """A collection with all that the template shows of it and cannot look up itself."""

    found: Membership
    set_aside: bool
    gate: Row | None
    tests: list[Tested]
    assumptions: list[str]
    separations: list[Row]
    kinds: list[str]
    fprs: list[float]
    groups: list[str]
    screening: Screening | None
    areas: Axis = AREAS


def view(found: Membership) -> View:
    """What is shown of a collection."""
    assumptions = list(dict.fromkeys(assumption for test in found.tests for assumption in test.assumptions))
    rows = [row for row in map(_row, found.separations) if row]
    kinds = {mark.kind for row in rows for mark in row.marks}
    return View(
        found=found,
        set_aside=set_aside(found),
        gate=row_of("Classifier that reads only the texts", {"score": found.gate.auc}) if found.gate else None,
        tests=[
            Tested(
                anchor=f"membership-test-{number}",
                result=test,
                rests_on=[assumptions.index(assumption) + 1 for assumption in dict.fromkeys(test.assumptions)],
                draws=histogram(test),
            )
            for number, test in enumerate(found.tests, start=1)
        ],
        assumptions=assumptions,
        separations=rows,
        kinds=[kind for kind in ("score", "control", "other") if kind in kinds],
        fprs=sorted({rate.fpr for separation in found.separations for rate in separation.rates}, reverse=True),
        groups=list(dict.fromkeys(name for separation in found.separations for name, _ in separation.groups)),
        screening=_screening(found) if found.texts else None,
    )


def set_aside(found: Membership) -> bool:
    """Whether the gate forbids that anything is concluded from the scores."""
    return found.gate is not None and found.gate.outcome != "no_difference_found"


def score_columns(found: Membership) -> list[Column]:
    """One column for each score of the texts, under the name that readers know it by."""
    return _columns(found.texts, lambda text: text.scores, {one.score: one.title for one in found.separations})


def histogram(test: Result) -> Histogram | None:
    """The draws of a test; None without draws or without an observed value."""
    if test.draws is None or not test.draws.values or test.statistic is None:
        return None
    values, observed = test.draws.values, test.statistic.value
    low, high = min(*values, observed), max(*values, observed)
    if high - low <= 1e-9 * max(1, abs(low), abs(high)):  # all alike, but for rounding
        low, high = (observed + sign * max(1, abs(observed)) / 2 for sign in (-1, 1))
    bars = min(30, max(5, round(2 * len(values) ** (1 / 3))))
    step = max((max(values) - min(values)) / bars, (high - low) / NARROWEST)
    counts = Counter(math.floor((value - observed) / step) for value in values)
    low, high = min(low, observed + min(counts) * step), max(high, observed + (max(counts) + 1) * step)
    margin = (high - low) / NARROWEST
    across, axis = _along(low - margin, high + margin), round_axis(0, max(4, *counts.values()), most=4)
    digits = decimals(round_step(step)) + 1
    return Histogram(
        across=across,
        axis=axis,
        bars=[
            Bar(
                x=across.place(observed + place * step),
                width=round(100 * step / (across.high - across.low), 2),
                y=axis.place(count),
                count=count,
                low=decimal(observed + place * step, digits),
                high=decimal(observed + (place + 1) * step, digits),
                extreme=place >= 0,
            )
            for place, count in sorted(counts.items())
        ],
        at=across.place(observed),
        observed=decimal(observed, digits),
        shown=len(values),
    )


def row_of(name: str, found: dict[str, Interval | None]) -> Row | None:
    """One row of intervals, one under the other; None if there are none."""
    there = {kind: area for kind, area in found.items() if area is not None}
    words = {"score": "AUC", "control": "control", "other": "other model"}
    marks = [
        Mark(
            kind=kind,
            at=AREAS.place(area.value),
            lower=AREAS.place(area.lower),
            upper=AREAS.place(area.upper),
            y=round(100 * (2 * number + 1) / (2 * len(there)), 2),
        )
        for number, (kind, area) in enumerate(there.items())
    ]
    return Row(name, marks, ", ".join(f"{words[kind]} {interval(area)}" for kind, area in there.items())) if marks else None


def _row(found: Separation) -> Row | None:
    return row_of(found.title, {"score": found.auc, "control": found.control, "other": found.other_model})


def _along(low: float, high: float) -> Axis:
    """A lying axis with these ends and a few round ticks; fewer if their labels are long."""
    for most in (6, 3):
        step = round_step((high - low) / most)
        inside = [tick * step for tick in range(math.ceil(low / step), math.floor(high / step) + 1)]
        axis = Axis(low, high).marked(inside, decimals(step))
        if sum(len(tick.label) for tick in axis.ticks) <= 30:
            break
    return axis


def _screening(found: Membership) -> Screening:
    ranked = list(enumerate(found.texts, start=1))
    return Screening(
        first=ranked[:FIRST],
        rest=ranked[FIRST:MOST],
        beyond=max(0, len(ranked) - MOST),
        scores=score_columns(found),
        variants=_columns(found.texts, lambda text: text.variants, {}),
        saturation=any(text.saturation is not None for text in found.texts),
    )


def _columns(
    texts: tuple[Screened, ...], values: Callable[[Screened], dict[str, float]], known: dict[str, str]
) -> list[Column]:
    largest: dict[str, float] = {}
    for text in texts:
        for name, value in values(text).items():
            largest[name] = max(largest.get(name, 0.0), abs(value))
    digits = {name: max(0, 3 - math.floor(math.log10(size))) if size else 0 for name, size in largest.items()}
    return [Column(known.get(name, name), values, name, digits[name]) for name in largest]
