"""View of the tests of a collection or of an endpoint: their draws and assumptions.

Knows nothing of pages or terminals, and judges nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.reports.charts.canvas import Anchor, Canvas, Key, decimals, round_ticks
from llm_audit.reports.charts.figures import Figure, Row, both, path, scale, value_ticks
from llm_audit.reports.format import count, decimal
from llm_audit.results import Result, is_blind

NARROWEST = 100
"""Least width of a histogram's bars, as a share of its width, however far out the observed value lies."""


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: draws with `low` <= value < `high`."""

    low: float
    high: float
    count: int
    extreme: bool


@dataclass(frozen=True)
class Histogram:
    """The draws of a test in bars of equal width, and the observed value, at which a bar begins.

    So each bar is either entirely at least as extreme as the observed value or entirely less so. `low`, `high`: ends of all.
    """

    bars: list[Bar]
    observed: float
    digits: int
    low: float
    high: float


@dataclass(frozen=True)
class Tested:
    """A test and its figures; `rests_on`: numbers of its assumptions in the list of all tests' assumptions.

    `blind`: whether it tests the texts alone, so that the verdict is that of another test.
    """

    anchor: str
    assumptions: str
    result: Result
    rests_on: list[int]
    scale: Figure | None
    draws: Figure | None
    shown: int
    path: Figure | None
    blind: bool


def tested(tests: Sequence[Result], of: str, alpha: float) -> list[Tested]:
    """The tests of a report with the values that `test.html.j2` needs; `of`: prefix of the anchors."""
    assumptions = assumptions_of(tests)
    return [
        Tested(
            anchor=f"{of}-test-{number}",
            assumptions=f"{of}-assumptions",
            result=test,
            rests_on=[assumptions.index(assumption) + 1 for assumption in dict.fromkeys(test.assumptions)],
            scale=scale(test.p_value, test.p_floor, alpha, "test") if test.p_value is not None else None,
            draws=draws(test),
            shown=len(test.draws.values) if test.draws else 0,
            path=path(test.log_e, alpha, "request" if of == "substitution" else "unit") if test.log_e else None,
            blind=is_blind(test),
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
    # A slightly smaller draw must stay below the observed value, though its distance in steps may round to zero.
    places = ((math.floor((value - observed) / step), value < observed) for value in values)
    counts = Counter(min(place, -1) if smaller else place for place, smaller in places)
    low, high = min(low, observed + min(counts) * step), max(high, observed + (max(counts) + 1) * step)
    margin = (high - low) / NARROWEST
    return Histogram(
        bars=[
            Bar(low=observed + place * step, high=observed + (place + 1) * step, count=number, extreme=place >= 0)
            for place, number in sorted(counts.items())
        ],
        observed=observed,
        digits=max(0, -math.floor(math.log10(step))) + 1,
        low=low - margin,
        high=high + margin,
    )


def draws(test: Result) -> Figure | None:
    """Figure of the observed value among the draws under the null hypothesis."""
    plot = histogram(test)
    if plot is None:
        return None
    uprights, observed = value_ticks(0, max(4, *(bar.count for bar in plot.bars)), 4), decimal(plot.observed, plot.digits)

    def paint(width: int) -> Canvas:
        legend: list[Key] = [("box", "bar", "under the null hypothesis"), ("box", "accent", "at least as extreme")]
        canvas = Canvas(width, 140, (plot.low, plot.high), (0, uprights[-1][0]), legend=legend, top=30)
        canvas.upright(uprights, "draws")
        ticks = round_ticks(plot.low, plot.high, 3 if width < 400 else 6)
        digits = decimals(ticks)
        canvas.along([(tick, decimal(tick, digits)) for tick in ticks if plot.low <= tick <= plot.high], "statistic")
        for extreme, colour, part in ((False, "bar", "bars"), (True, "accent", "extreme")):
            bars = [(bar.low, bar.high, 0, bar.count) for bar in plot.bars if bar.extreme == extreme]
            canvas.boxes(bars, colour, part)
        canvas.line((plot.observed, plot.observed), (0, uprights[-1][0]), "ink", "observed", 2)
        left = plot.observed < (plot.low + plot.high) / 2
        anchor: Anchor = "start" if left else "end"
        name, dx = f"observed {observed}", -3 if left else 3
        canvas.text(plot.observed, uprights[-1][0], name, anchor, "ink", "strong observed", dx=dx, dy=7)
        return canvas

    return Figure(
        name="draws",
        title="What was observed among the draws",
        description="A histogram of the statistic under the null hypothesis, and the observed value as an upright line at "
        f"{observed}.",
        drawn=both(paint),
        table="The draws as a table",
        columns=("statistic", "draws"),
        rows=[
            Row(
                (f"{decimal(bar.low, plot.digits)} to {decimal(bar.high, plot.digits)}", count(bar.count)),
                "at least as extreme" if bar.extreme else "",
            )
            for bar in plot.bars
        ],
    )
