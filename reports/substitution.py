"""An endpoint as a report shows it: its tests, and the distance of each of its replies.

Knows nothing of pages or terminals, and judges nothing. Positions are in per cent of a picture, from its left and its top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.reports.axes import Axis, count_axis, log_axis
from llm_audit.reports.tested import Tested, assumptions_of, tested
from llm_audit.results import FailedRequest, Point, Substitution

DOTS = 400
"""More requests than this are shown in equal blocks, each by its farthest one: so none beyond its limit is ever hidden."""

FAILURES = 100
"""Failed requests shown on a page; the JSON report has all of them."""


@dataclass(frozen=True)
class Dot:
    """One request, or the farthest of a block of them."""

    first: int
    last: int
    point: Point
    x: float
    y: float
    beyond: bool


@dataclass(frozen=True)
class Distances:
    """The requests in the order in which they were made.

    `limit` is the path of the limit, which may differ between requests; `only` is one of them if it does not.
    """

    across: Axis
    axis: Axis
    block: int
    dots: list[Dot]
    limit: str
    only: Point | None


@dataclass(frozen=True)
class View:
    """An endpoint with all that the template shows of it and cannot look up itself."""

    found: Substitution
    tests: list[Tested]
    assumptions: list[str]
    distances: Distances | None
    beyond: int
    failures: Sequence[FailedRequest]
    more_failures: int


def view(found: Substitution) -> View:
    """What is shown of an endpoint."""
    return View(
        found=found,
        tests=tested(found.tests, "substitution"),
        assumptions=assumptions_of(found.tests),
        distances=distances(found.points) if found.points else None,
        beyond=beyond(found.points),
        failures=found.failures[:FAILURES],
        more_failures=len(found.failures[FAILURES:]),
    )


def beyond(points: Sequence[Point]) -> int:
    """How many requests lie beyond their limit."""
    return sum(point.value > point.limit for point in points)


def distances(points: Sequence[Point]) -> Distances:
    """The picture of at least one request."""
    size = math.ceil(len(points) / DOTS)
    across, axis = count_axis(len(points)), log_axis([number for point in points for number in (point.value, point.limit)])
    dots = []
    for first in range(0, len(points), size):
        last = min(first + size, len(points))
        farthest = max(points[first:last], key=lambda point: (point.value > point.limit, point.value))
        dots.append(
            Dot(
                first=first + 1,
                last=last,
                point=farthest,
                x=across.place((first + last) / 2),
                y=axis.place(farthest.value),
                beyond=farthest.value > farthest.limit,
            )
        )
    return Distances(
        across=across,
        axis=axis,
        block=size,
        dots=dots,
        limit="".join(
            f"{'V' if dot.first > 1 else 'M0 '}{axis.place(dot.point.limit)}H{across.place(dot.last)}" for dot in dots
        ),
        only=points[0] if len({point.limit for point in points}) == 1 else None,
    )
