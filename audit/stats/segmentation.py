"""Runs of small p-values in a sequence, found by its likeliest segmentation into two states.

Two states. In one p-values are uniform, in the other they have the density a p^(a - 1) on (0, 1], which is the usual law of
p-values under an alternative (Sellke, Bayarri & Berger, The American Statistician 55, 2001, section 3). A change of state costs
a fixed amount; the best sequence of states is Viterbi's. It is a description, without an error rate of its own: whoever uses it
decides first, by a test, whether there is anything to describe.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import log

SHAPE = 0.1
"""The parameter a of small p-values. Like `CHANGE` chosen on 120 texts joined from human and machine ones, from a grid of .1 to
.35 and .5 to 2, by the error of share and places (`benchmarks/mixed.py` joins the same texts otherwise)."""

CHANGE = 1.0
"""Cost of a change of state, in nats."""

SMALLEST = 1e-3
"""Floor of the p-values: how small they can get depends only on the size of the reference population."""


def runs(p_values: Sequence[float | None], weight: float = 1.0) -> list[tuple[int, int]]:
    """The runs of small p-values, as [first, stop).

    Args:
        p_values: in order; None: no evidence for either state.
        weight: weight of each p-value, below 1 where neighbours share data.
    """
    out, inside = 0.0, 0.0  # largest log-likelihood of all paths so far that end in each state
    came: list[tuple[bool, bool]] = []  # whether the previous place is inside, given that this one is outside; inside
    for number, p in enumerate(p_values):
        gain = 0.0 if p is None else weight * (log(SHAPE) + (SHAPE - 1) * log(max(p, SMALLEST)))
        cost = CHANGE if number else 0.0  # the first place may be in either state
        came.append((inside - cost > out, inside >= out - cost))
        out, inside = max(out, inside - cost), max(inside, out - cost) + gain
    states: list[bool] = []
    state = inside > out
    for from_out, from_inside in reversed(came):
        states.append(state)
        state = from_inside if state else from_out
    places = groupby(enumerate(reversed(states)), key=lambda place: place[1])
    numbers = [[number for number, _ in group] for is_inside, group in places if is_inside]
    return [(group[0], group[-1] + 1) for group in numbers]
