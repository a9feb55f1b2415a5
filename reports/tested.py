"""Tests as a report shows them, of a collection or of an endpoint: the draws of each, and what it rests on.

Knows nothing of pages or terminals, and judges nothing. Positions are in per cent of a picture, from its left and its top.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.reports.axes import Axis, decimals, round_axis, round_step
from llm_audit.reports.format import decimal
from llm_audit.results import Result

NARROWEST = 100
"""Bars of a histogram are no thinner than this part of its width, however far out the observed value lies."""


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
    """A test and its picture; `rests_on` numbers the assumptions of all tests together, listed at the anchor `assumptions`."""

    anchor: str
    assumptions: str
    result: Result
    rests_on: list[int]
    draws: Histogram | None


def tested(tests: Sequence[Result], of: str) -> list[Tested]:
    """The tests of a report with what `test.html.j2` shows of them; `of` begins the anchors."""
    assumptions = assumptions_of(tests)
    return [
        Tested(
            anchor=f"{of}-test-{number}",
            assumptions=f"{of}-assumptions",
            result=test,
            rests_on=[assumptions.index(assumption) + 1 for assumption in dict.fromkeys(test.assumptions)],
            draws=histogram(test),
        )
        for number, test in enumerate(tests, start=1)
    ]


def assumptions_of(tests: Sequence[Result]) -> list[str]:
    """The assumptions of all tests, each once."""
    return list(dict.fromkeys(assumption for test in tests for assumption in test.assumptions))


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


def _along(low: float, high: float) -> Axis:
    """A lying axis with these ends and a few round ticks; fewer if their labels are long."""
    for most in (6, 3):
        step = round_step((high - low) / most)
        inside = [tick * step for tick in range(math.ceil(low / step), math.floor(high / step) + 1)]
        axis = Axis(low, high).marked(inside, decimals(step))
        if sum(len(tick.label) for tick in axis.ticks) <= 30:
            break
    return axis
