"""Linear axes with round ticks, for pictures on a page.

Positions are in per cent of a picture, from its left and its top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from llm_audit.reports.format import decimal


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
