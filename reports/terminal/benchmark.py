"""A benchmark of detectors on a terminal: tables of power and of false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_audit.common.terminal import terminal_safe
from llm_audit.reports import format as fmt
from llm_audit.reports.views.benchmark import LEAST_OF_A_GROUP, percent, unfair
from llm_audit.results import Benchmark, FalseAlarms, Power

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_benchmark(benchmark: Benchmark, console: Console, *, fairness: bool = False) -> None:
    """Tables for a reader; of single slices only the combination of all detectors, the rest is in the files."""
    for note in benchmark.notes:
        console.print(terminal_safe(note), markup=False, highlight=False)
    if not fairness:
        _print_power("Detectors, all texts", [row for row in benchmark.power if row.by == "all"], console, first="detector")
        for by in dict.fromkeys(row.by for row in benchmark.power if row.by != "all"):
            rows = [row for row in benchmark.power if row.by == by and row.detector == benchmark.combined]
            _print_power(terminal_safe(f"{benchmark.combined} by {by}"), rows, console, first="group")
    shown = benchmark.detectors if fairness else (benchmark.combined,)
    for detector in shown:
        alarms = [row for row in benchmark.false_alarms if row.detector == detector]
        if alarms:
            _print_alarms(terminal_safe(f"{detector}: share of human texts flagged, with exact 95 % interval"), alarms, console)
    if fairness and benchmark.false_alarms:
        listed = ", ".join(f"{row.by} {row.group}" if row.by != row.group else row.group for row in unfair(benchmark)) or "none"
        groups = f"of groups of {LEAST_OF_A_GROUP} texts or more: {listed}."
        sentence = f"Flagged more than twice as often as alpha .01 says, {groups}"
        console.print(terminal_safe(sentence), markup=False, highlight=False)


def _print_power(title: str, rows: list[Power], console: Console, first: str) -> None:
    table = _table(title, ("",), ("human", "machine", "AUROC", "TPR at 1 % FPR", "found at α .01", "at α .05"))
    for row in rows:
        table.add_row(
            terminal_safe(getattr(row, first)), f"{row.n_human:,}", f"{row.n_machine:,}",
            fmt.interval(row.auroc), fmt.interval(row.tpr_at_1_percent_fpr),
            f"{row.flagged_at_alpha_1_percent:.1%}", f"{row.flagged_at_alpha_5_percent:.1%}",
        )  # fmt: skip
    console.print(table)
    console.print()


def _print_alarms(title: str, rows: list[FalseAlarms], console: Console) -> None:
    table = _table(title, ("by", "group"), ("n", "α .05", "α .01"))
    for row in rows:
        table.add_row(
            terminal_safe(row.by), terminal_safe(row.group), f"{row.n:,}", percent(row.at_5_percent), percent(row.at_1_percent)
        )
    console.print(table)
    console.print()


def _table(title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="dim")
    for name in words:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
