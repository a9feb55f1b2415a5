"""The results of `llm-audit bench` on the terminal, as JSON and as a page with plots.

Knows nothing of how the numbers came about.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports import formats, html, json
from llm_audit.reports import write as files
from llm_audit.reports.charts import Canvas, Key, drawable, powers_of_ten
from llm_audit.reports.figures import Figure, Row, both
from llm_audit.results import Interval
from llm_audit.results.benchmark import Benchmark, Curve, FalseAlarms, Power
from llm_audit.terminal import terminal_safe

if TYPE_CHECKING:
    from rich.console import Console

DECADES = 3
"""The calibration plot runs from .001 to 1."""


def render_json(found: Benchmark) -> str:
    """Everything, indented."""
    return json.dump(found.model_dump())


def render_html(found: Benchmark) -> str:
    """A page: power by slice, false alarms by group, calibration. Equal results give equal bytes."""
    return html.page(
        "bench.html.j2",
        found=found,
        calibration=calibration(found.curves) if found.curves else None,
        power={by: [row for row in found.power if row.by == by] for by in dict.fromkeys(row.by for row in found.power)},
        alarms={
            by: [row for row in found.false_alarms if row.by == by] for by in dict.fromkeys(r.by for r in found.false_alarms)
        },
        cell=fmt.interval,
        percent=percent,
        combined=found.combined,
    )


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


RENDERERS: dict[str, Callable[[Benchmark], str]] = {".html": render_html, ".htm": render_html, ".json": render_json}


def renderer_for(path: str | os.PathLike[str]) -> Callable[[Benchmark], str]:
    """The renderer for a path's suffix; AuditError for an unknown one, so call it before a long run."""
    return formats.choose(path, RENDERERS)


def write(found: Benchmark, path: str | os.PathLike[str]) -> None:
    """Write in the format that the path's suffix names."""
    files.write(path, renderer_for(path)(found))


def percent(interval: Interval) -> str:
    """A rate with its interval, in per cent."""
    return f"{100 * interval.value:.1f} % [{100 * interval.lower:.1f}, {100 * interval.upper:.1f}]"


def print_benchmark(found: Benchmark, console: Console, *, fairness: bool = False) -> None:
    """Tables for a reader; of single slices only the combination of all detectors, the rest is in the files."""
    for note in found.notes:
        console.print(terminal_safe(note), markup=False, highlight=False)
    if not fairness:
        _print_power("Detectors, all texts", [row for row in found.power if row.by == "all"], console, first="detector")
        for by in dict.fromkeys(row.by for row in found.power if row.by != "all"):
            rows = [row for row in found.power if row.by == by and row.detector == found.combined]
            _print_power(f"{found.combined} by {by}", rows, console, first="group")
    shown = found.detectors if fairness else (found.combined,)
    for detector in shown:
        alarms = [row for row in found.false_alarms if row.detector == detector]
        if alarms:
            _print_alarms(f"{detector}: share of human texts flagged, with exact 95 % interval", alarms, console)


def _print_power(title: str, rows: list[Power], console: Console, first: str) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("human", "machine", "AUROC", "TPR at 1 % FPR", "found at α .01", "at α .05"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            terminal_safe(getattr(row, first)), f"{row.n_human:,}", f"{row.n_machine:,}",
            fmt.interval(row.auroc), fmt.interval(row.tpr_at_1_percent_fpr),
            f"{row.flagged_at_alpha_1_percent:.1%}", f"{row.flagged_at_alpha_5_percent:.1%}",
        )  # fmt: skip
    console.print(table)
    console.print()


def _print_alarms(title: str, rows: list[FalseAlarms], console: Console) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for name in ("by", "group"):
        table.add_column(name)
    for name in ("n", "α .05", "α .01"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            terminal_safe(row.by), terminal_safe(row.group), f"{row.n:,}", percent(row.at_5_percent), percent(row.at_1_percent)
        )
    console.print(table)
    console.print()
