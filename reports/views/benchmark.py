"""View of a benchmark of detectors: power by slice, false alarms by group, calibration.

Knows nothing of pages or terminals, or of the origin of the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llm_audit.reports.charts.canvas import Canvas, Key, drawable, powers_of_ten
from llm_audit.reports.charts.figures import Figure, Row, both
from llm_audit.results import Benchmark, Curve, FalseAlarms, Interval, Power

DECADES = 3
"""Decades of the calibration plot, which runs from .001 to 1."""

LEAST_OF_A_GROUP, MOST_OF_NOMINAL = 150, 2
"""Fewest human texts of a group, and multiple of the nominal rate, at which it counts as unfair, which stops our releases."""

Sliced = TypeVar("Sliced", Power, FalseAlarms)


@dataclass(frozen=True)
class View:
    """A benchmark with the values that the template needs."""

    benchmark: Benchmark
    calibration: Figure | None
    power: dict[str, list[Power]]
    alarms: dict[str, list[FalseAlarms]]


def view(benchmark: Benchmark) -> View:
    """The view of a benchmark."""
    return View(
        benchmark=benchmark,
        calibration=calibration(benchmark.curves) if benchmark.curves else None,
        power=by_slice(benchmark.power),
        alarms=by_slice(benchmark.false_alarms),
    )


def by_slice(rows: Iterable[Sliced]) -> dict[str, list[Sliced]]:
    """Dimension of slicing -> its rows, in their order."""
    sliced: dict[str, list[Sliced]] = {}
    for row in rows:
        sliced.setdefault(row.by, []).append(row)
    return sliced


def unfair(benchmark: Benchmark) -> list[FalseAlarms]:
    """The groups with enough texts that all detectors combined flag more than twice as often as alpha .01 allows."""
    return [
        row
        for row in benchmark.false_alarms
        if row.detector == benchmark.combined and row.n >= LEAST_OF_A_GROUP and row.at_1_percent.value > MOST_OF_NOMINAL * 0.01
    ]


def percent(interval: Interval) -> str:
    """A rate with its interval, in per cent."""
    return f"{100 * interval.value:.1f} % [{100 * interval.lower:.1f}, {100 * interval.upper:.1f}]"


def calibration(curves: Sequence[Curve]) -> Figure:
    """Nominal against realised false-positive rates, both logarithmic; rates below the axis sit on it."""
    colours = ("ink", "accent", "link", "bar", "soft", "heat-4")
    signs = [("line" if number < len(colours) else "dashes", colours[number % len(colours)]) for number in range(len(curves))]

    def place(rate: float) -> float:
        return max(math.log10(max(rate, 10.0**-DECADES)), -DECADES)

    def paint(width: int) -> Canvas:
        legend: list[Key] = [
            ("line" if kind == "line" else "dashes", colour, drawable(curve.detector, 20))
            for (kind, colour), curve in zip(signs, curves, strict=True)
        ]
        canvas = Canvas(
            min(width, 420), 300 if width > 400 else 230, (-DECADES, 0), (-DECADES, 0), legend=legend, left=52, top=30
        )
        powers = range(-DECADES, 1)
        decades = [(float(at), label) for at, label in zip(powers, powers_of_ten(powers), strict=True)]
        canvas.upright(decades, "realised rate")
        canvas.along(decades, "nominal rate α")
        canvas.line((-DECADES, 0), (-DECADES, 0), "soft", "promise", 1, dashes=True)
        for (kind, colour), curve in zip(signs, curves, strict=True):
            xs, ys = map(place, curve.nominal), map(place, curve.realised)
            canvas.line(list(xs), list(ys), colour, "curve", dashes=kind == "dashes")
        return canvas

    return Figure(
        name="calibration",
        title="Nominal against realised false-positive rate",
        description="Both axes logarithmic, from 0.001 to 1. One line per detector; the dashed diagonal is a p-value that "
        "keeps its promise exactly, lines above it flag too many human texts.",
        drawn=both(paint),
        table="The curves as a table",
        columns=("Detector", *(str(alpha) for alpha in curves[0].nominal)),
        rows=[Row((curve.detector, *(f"{rate:.4f}" for rate in curve.realised))) for curve in curves],
    )
