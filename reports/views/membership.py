"""View of a collection: its tests, its scores on one axis, its texts as columns of numbers.

Knows nothing of pages or terminals, and judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from llm_audit.reports.charts.canvas import Canvas, Key, drawable
from llm_audit.reports.charts.figures import NARROW, Figure, both
from llm_audit.reports.charts.figures import Row as TableRow
from llm_audit.reports.format import decimal, interval
from llm_audit.reports.views.tested import Tested, assumptions_of, tested
from llm_audit.results import Interval, Membership, Screened, Separation

FIRST, MOST = 50, 1000
"""Most texts shown at once, and most shown at all: only the top of the ranking is useful; the JSON report has all of it."""

LEGEND: dict[str, Key] = {
    "score": ("dot", "link", "suspect against held-out"),
    "control": ("ring", "soft", "held-out against held-out: should cover 0.5"),
    "other": ("diamond", "soft", "under a model that cannot have seen them"),
}


@dataclass(frozen=True)
class Areas:
    """Areas under ROC curves that are shown together, by the name of the score that each belongs to."""

    name: str
    intervals: dict[str, Interval]

    @property
    def words(self) -> dict[str, str]:
        """The areas with their intervals as words for a table."""
        return {kind: interval(area) for kind, area in self.intervals.items()}


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
    """The ranked texts: those shown at once, those folded away, and the number left to the JSON report."""

    first: list[tuple[int, Screened]]
    rest: list[tuple[int, Screened]]
    beyond: int
    scores: list[Column]
    variants: list[Column]
    saturation: bool


@dataclass(frozen=True)
class View:
    """A collection with the values that the template needs."""

    subject: Membership
    set_aside: bool
    gate: Figure | None
    tests: list[Tested]
    assumptions: list[str]
    separations: Figure | None
    fprs: list[float]
    groups: list[str]
    screening: Screening | None


def view(subject: Membership, alpha: float) -> View:
    """The view of a collection."""
    gate = [Areas("Classifier of texts", {"score": subject.gate.auc})] if subject.gate and subject.gate.auc else []
    return View(
        subject=subject,
        set_aside=set_aside(subject),
        gate=areas("gate", "How well a classifier that reads only the texts tells them apart", gate),
        tests=tested(subject.tests, "membership", alpha),
        assumptions=assumptions_of(subject.tests),
        separations=areas(
            "areas",
            "How well each score tells suspect from held-out texts",
            [row for row in map(_areas, subject.separations) if row.intervals],
        ),
        fprs=sorted({rate.fpr for separation in subject.separations for rate in separation.rates}, reverse=True),
        groups=list(dict.fromkeys(name for separation in subject.separations for name, _ in separation.groups)),
        screening=_screening(subject) if subject.texts else None,
    )


def set_aside(membership: Membership) -> bool:
    """Whether the blind baseline forbids any conclusion from the scores."""
    return membership.gate is not None and membership.gate.outcome != "no_difference_found"


def score_columns(membership: Membership) -> list[Column]:
    """One column for each score of the texts, under the name that readers know it by."""
    titles = {separation.score: separation.title for separation in membership.separations}
    return _columns(membership.texts, lambda text: text.scores, titles)


def areas(name: str, title: str, rows: list[Areas]) -> Figure | None:
    """Areas under the curve with their intervals, a row each, on one axis from 0 to 1; None if there are none."""
    if not rows:
        return None
    kinds = [kind for kind in LEGEND if any(kind in row.intervals for row in rows)]
    heights = [14 + 14 * len(row.intervals) for row in rows]  # pixels
    total = sum(heights)

    def paint(width: int) -> Canvas:
        # Names stand above their rows where there is no room beside them.
        beside = width > NARROW
        high = total + (0 if beside else 16 * len(rows))
        legend = [LEGEND[kind] for kind in kinds] if len(kinds) > 1 or name == "areas" else []
        canvas = Canvas(width, high, (0, 1), (high, 0), legend=legend, left=150 if beside else 8, right=12, top=8)
        canvas.along([(quarter / 4, decimal(quarter / 4)) for quarter in range(5)], "AUC; 0.5 is chance")
        for quarter in range(5):
            canvas.line((quarter / 4,) * 2, (0, high), "line", "grid", 1)
        canvas.line((0.5, 0.5), (0, high), "soft", "chance", dashes=True)
        top = 0.0
        for row, height in zip(rows, heights, strict=True):
            if beside:
                canvas.text(0, top + height / 2, drawable(row.name, 20), dx=-150, dy=-4, part="name", colour="ink")
            else:
                canvas.text(0, top + 14, drawable(row.name, 40), part="strong name", colour="ink")
                top += 16
            for place, (kind, area) in enumerate(row.intervals.items()):
                y = top + 14 * (place + 1)
                colour = LEGEND[kind][1]
                canvas.line((area.lower, area.upper), (y, y), colour, f"reach {kind}", 2)
                if kind == "other":
                    wide = 6 / (width - (162 if beside else 20))
                    corners = ((area.value - wide, y), (area.value, y - 6), (area.value + wide, y), (area.value, y + 6))
                    canvas.shapes([corners], colour, f"value {kind}")
                else:
                    canvas.dots([area.value], [y], colour, 9, f"value {kind}")
                if kind == "control":
                    canvas.dots([area.value], [y], "paper", 5, "hollow")
            top += height
        return canvas

    return Figure(
        name=name,
        title=title,
        description="Areas under the ROC curve with their 95 % intervals, on an axis from 0 to 1 with chance at 0.5.",
        drawn=both(paint),
        table="The areas as a table",
        columns=("Texts", *(LEGEND[kind][2] for kind in kinds)),
        rows=[TableRow((row.name, *(row.words.get(kind, "–") for kind in kinds))) for row in rows],
    )


def _areas(separation: Separation) -> Areas:
    intervals = {"score": separation.auc, "control": separation.control, "other": separation.other_model}
    return Areas(separation.title, {kind: area for kind, area in intervals.items() if area is not None})


def _screening(membership: Membership) -> Screening:
    ranked = list(enumerate(membership.texts, start=1))
    return Screening(
        first=ranked[:FIRST],
        rest=ranked[FIRST:MOST],
        beyond=max(0, len(ranked) - MOST),
        scores=score_columns(membership),
        variants=_columns(membership.texts, lambda text: text.variants, {}),
        saturation=any(text.saturation is not None for text in membership.texts),
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
