"""View of an endpoint: its tests, and the distance of each of its replies.

Knows nothing of pages or terminals, and judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.reports.charts.canvas import Canvas, Key, powers_of_ten
from llm_audit.reports.charts.figures import Figure, Row, both, count_ticks
from llm_audit.reports.format import count, decimal, number
from llm_audit.reports.views.tested import Tested, assumptions_of, tested
from llm_audit.results import FailedRequest, Point, Substitution

DOTS = 400
"""Most requests shown singly; more are shown in equal blocks by their farthest one, so that none beyond its limit is hidden."""

FAILURES = 100
"""Most failed requests shown on a page; the JSON report has all of them."""


@dataclass(frozen=True)
class Dot:
    """One request, or the farthest of a block of them."""

    first: int
    last: int
    point: Point

    @property
    def beyond(self) -> bool:
        """Whether it lies beyond its limit."""
        return self.point.value > self.point.limit

    @property
    def numbers(self) -> str:
        """The number of the request, or numbers of the block, as text: "57", "1,198–1,199"."""
        return count(self.first) + (f"–{count(self.last)}" if self.last > self.first else "")


@dataclass(frozen=True)
class View:
    """An endpoint with the values that the template needs."""

    subject: Substitution
    tests: list[Tested]
    assumptions: list[str]
    distances: Figure | None
    block: int
    beyond: int
    failures: Sequence[FailedRequest]
    more_failures: int


def view(subject: Substitution, alpha: float) -> View:
    """The view of an endpoint."""
    shown = dots(subject.points)
    return View(
        subject=subject,
        tests=tested(subject.tests, "substitution", alpha),
        assumptions=assumptions_of(subject.tests),
        distances=distances(shown) if shown else None,
        block=shown[0].last if shown else 1,
        beyond=beyond(subject.points),
        failures=subject.failures[:FAILURES],
        more_failures=len(subject.failures[FAILURES:]),
    )


def beyond(points: Sequence[Point]) -> int:
    """Number of requests beyond their limit."""
    return sum(point.value > point.limit for point in points)


def dots(points: Sequence[Point]) -> list[Dot]:
    """The requests in the order in which they were made, or if there are many, the farthest of each block of them."""
    size = max(1, math.ceil(len(points) / DOTS))
    return [
        Dot(
            first=first + 1,
            last=min(first + size, len(points)),
            point=max(points[first : first + size], key=lambda point: (point.value > point.limit, point.value)),
        )
        for first in range(0, len(points), size)
    ]


def log_ticks(values: Sequence[float]) -> tuple[float, float, list[tuple[float, str]]]:
    """Ends and ticks (log10) of an axis of whole decades, with its lowest decade reserved for 0 if that is among the values."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    high = max(high, low + 1)
    step, zero = math.ceil((high - low) / 6), min(values) <= 0
    powers = range(low, high + 1, step)
    ticks = [(float(power), label) for power, label in zip(powers, powers_of_ten(powers), strict=True)]
    if high - low <= 2 and low >= -4 and high <= 5:
        between = [factor * 10.0**power for power in range(low, high) for factor in (2, 5)]
        ticks += [(math.log10(value), decimal(value, max(0, -math.floor(math.log10(value))))) for value in between]
    return float(low - zero), float(high), [*([(float(low - 1), "0")] if zero else []), *sorted(ticks)]


def distances(shown_dots: Sequence[Dot]) -> Figure:
    """One dot for each request on a logarithmic axis, and the limit, which may differ between requests, as a path."""
    low, high, ticks = log_ticks([number for dot in shown_dots for number in (dot.point.value, dot.point.limit)])
    n, limits = shown_dots[-1].last, {dot.point.limit for dot in shown_dots}

    def height(value: float) -> float:
        return math.log10(value) if value > 0 else low

    def paint(width: int) -> Canvas:
        legend: list[Key] = [("dot", "link", "within its limit"), ("dashes", "ink", "limit")]
        if any(dot.beyond for dot in shown_dots):
            legend.insert(1, ("dot", "accent", "beyond it"))
        canvas = Canvas(width, 200, (0, n), (low, high), legend=legend, left=58, top=30)
        canvas.upright(ticks, "distance")
        canvas.along(count_ticks(n, width), "request")
        steps = [(x, height(dot.point.limit)) for dot in shown_dots for x in (dot.first - 1, dot.last)]
        canvas.line([x for x, _ in steps], [y for _, y in steps], "ink", "limit", dashes=True)
        for over, colour, size in ((False, "link", 6.0), (True, "accent", 10.0)):
            shown = [dot for dot in shown_dots if dot.beyond == over]
            if shown:
                middles = [(dot.first - 1 + dot.last) / 2 for dot in shown]
                canvas.dots(middles, [height(dot.point.value) for dot in shown], colour, size, "beyond" if over else "within")
        if len(limits) == 1:
            (limit,) = limits
            canvas.text(n, height(limit), f"limit {number(limit)}", "end", "ink", "strong", dx=3, dy=6)
        return canvas

    single = shown_dots[0].first == shown_dots[0].last
    return Figure(
        name="distances",
        title="The distance of each request from the nearest allowed variant",
        description=f"One dot for each request{'' if single else ', or for the farthest of a block of them,'} in the order in "
        "which they were made, on a logarithmic axis; and the limit as a dashed line.",
        drawn=both(paint),
        table="The requests as a table" if single else "The dots as a table",
        columns=("No.", "Request", "distance", "limit"),
        rows=[
            Row(
                (dot.numbers, dot.point.request, number(dot.point.value), number(dot.point.limit)),
                "beyond its limit" * dot.beyond,
            )
            for dot in shown_dots
        ],
        named=1,
    )
