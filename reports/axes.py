"""Axes with round ticks, for pictures on a page.

Positions are in per cent of a picture, from its left and its top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_audit.reports.format import count, decimal

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high`: from left to right, or if `upright` from bottom to top."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()
    upright: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, in per cent of the picture from its left or its top."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * (1 - share if self.upright else share), 2) + 0.0

    def marked(self, values: list[float], digits: int) -> Axis:
        """The same axis with ticks at these values."""
        return replace(self, ticks=tuple(Tick(self.place(value), decimal(value, digits)) for value in values))


@dataclass(frozen=True)
class LogAxis(Axis):
    """A logarithmic axis from 10^`low` to 10^`high`. It has no place for 0, which is put at its foot."""

    def place(self, value: float) -> float:
        """Where a value lies, in per cent of the picture from its left or its top."""
        return super().place(math.log10(value) if value > 0 else self.low)


def log_axis(values: Sequence[float]) -> LogAxis:
    """An upright axis of whole decades that holds these values, none of them negative; with its own tick for 0 if it is one."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    high = max(high, low + 1)
    plain, step = low >= -4 and high <= 5, math.ceil((high - low) / 6)
    zero = min(values) <= 0
    axis = LogAxis(low - zero, high, upright=True)
    ticks = [Tick(100.0, "0")] if zero else []
    for power in range(low, high + 1, step):
        for factor in (1, 2, 5) if plain and high - low <= 2 and power < high else (1,):
            label = decimal(factor * 10.0**power, max(0, -power)) if plain else "10" + str(power).translate(SUPERSCRIPT)
            ticks.append(Tick(Axis.place(axis, power + math.log10(factor)), label))
    return replace(axis, ticks=tuple(ticks))


def count_axis(n: int) -> Axis:
    """A lying axis from 0 to n things in a row, with a tick at every round number of them."""
    bare, step = Axis(0, n), max(1, int(round_step(n / 6)))
    return replace(bare, ticks=tuple(Tick(bare.place(thing), count(thing)) for thing in range(step, n + 1, step)))


def round_axis(low: float, high: float, most: int = 5) -> Axis:
    """An upright axis with about `most` round ticks, from the one below `low` to the one above `high`."""
    step = round_step((high - low) / most)
    first, last = math.floor(low / step), math.ceil(high / step)
    axis = Axis(first * step, last * step, upright=True)
    return axis.marked([tick * step for tick in range(first, last + 1)], decimals(step))


def round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(rough))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def decimals(step: float) -> int:
    """How many decimals tell neighbours apart that lie a step from each other."""
    return max(0, -math.floor(math.log10(step)))
