"""A sequential Monte-Carlo p-value, which stops early when it is large (Besag & Clifford, Biometrika 1991)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Sequential(NamedTuple):
    """Draws of a sequential Monte-Carlo test, and the p-value that follows.

    Attributes:
        p_value: valid for every choice of `draws` and `stop` made beforehand.
        draws: made.
        exceeding: how many of them were at least as extreme as the observation.
        p_floor: the smallest p-value that could have come out.
    """

    p_value: float
    draws: int
    exceeding: int
    p_floor: float


def besag_clifford(observed: float, draw: Callable[[], float], draws: int = 999, stop: int = 10) -> Sequential:
    """Draws null statistics until `stop` of them reach the observation, or `draws` are made.

    Null: the observation and the draws are exchangeable. p = stop / t when the stop-th arrives at draw t, else
    (1 + exceeding) / (1 + draws). A text without a mark is done after about stop / p draws.

    Args:
        observed: higher is stronger evidence.
        draw: gives one null statistic.
        draws: at most.
        stop: exceedances that suffice, at least 1.
    """
    if draws < 1 or stop < 1:
        raise ValueError("there must be at least one draw, and one exceedance to stop at")
    exceeding = 0
    for drawn in range(1, draws + 1):
        exceeding += draw() >= observed
        if exceeding == stop:
            return Sequential(stop / drawn, drawn, exceeding, 1 / (draws + 1))
    return Sequential((1 + exceeding) / (1 + draws), draws, exceeding, 1 / (draws + 1))
