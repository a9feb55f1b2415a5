"""A collection as a report shows it: its tests, its scores on one axis, its texts as columns of numbers.

Knows nothing of pages or terminals, and judges nothing. Positions are in per cent of a picture, from its left and its top.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from llm_audit.reports.axes import Axis
from llm_audit.reports.format import decimal, interval
from llm_audit.reports.tested import Tested, assumptions_of, tested
from llm_audit.results import Interval, Membership, Screened, Separation

FIRST, MOST = 50, 1000
"""Texts shown at once, and shown at all: the ranking is of use at its top, and the JSON report has all of it."""

AREAS = Axis(0, 1).marked([0, 0.25, 0.5, 0.75, 1], 2)
"""One axis for all areas under the curve of a page, so that pictures can be compared."""


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
    rows = [row for row in map(_row, found.separations) if row]
    kinds = {mark.kind for row in rows for mark in row.marks}
    return View(
        found=found,
        set_aside=set_aside(found),
        gate=row_of("Classifier that reads only the texts", {"score": found.gate.auc}) if found.gate else None,
        tests=tested(found.tests, "membership"),
        assumptions=assumptions_of(found.tests),
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
