"""Runs of small p-values in a sequence, found by its likeliest segmentation.

Three states. Outside of runs p-values are uniform; in them they have the density a p^(a - 1) on (0, 1], the usual law of
p-values under an alternative (Sellke, Bayarri & Berger, The American Statistician 55, 2001, section 3), with a near 0; behind
a run they have it with a larger a, since what was scored in the context of the run takes after it. A change of state costs a
fixed amount; the best sequence of states is Viterbi's. It is a description, without an error rate of its own: whoever uses it
decides first, by a test, whether there is anything to describe.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import inf, log

SHAPE = 0.1
"""The parameter a of small p-values. Like `CHANGE` chosen on 120 texts joined from human and machine ones, from a grid of .1 to
.35 and .5 to 2, by the error of share and places (`benchmarks/mixed.py` joins the same texts otherwise)."""

AFTER = 0.5
"""The parameter of p-values behind a run: on texts joined from human and machine ones all values from .4 to .7 give nearly the
same cuts, nearer to the truth than those of 1, which is uniform (docs/measurements/mixed.md)."""

CHANGE = 1.0
"""Cost of a change of state, in nats."""

SMALLEST = 1e-3
"""Floor of the p-values: how small they can get depends only on the size of the reference population."""

_OUTSIDE, _INSIDE, _BEHIND = range(3)


def runs(p_values: Sequence[float | None], weight: float = 1.0) -> list[tuple[int, int]]:
    """The runs of small p-values, as [first, stop).

    Args:
        p_values: in order; None: no evidence for either state.
        weight: weight of each p-value, below 1 where neighbours share data.
    """
    best = [0.0, 0.0, -inf]  # largest log-likelihood of all paths so far that end in each state; none begins behind a run
    came: list[tuple[int, int, int]] = []  # state of the place before, given that of this one
    for number, p in enumerate(p_values):
        cost = CHANGE if number else 0.0  # the first place may be outside or in a run
        to_run = max((_OUTSIDE, _INSIDE, _BEHIND), key=lambda state: best[state] - (state != _INSIDE) * cost)
        to_behind = _INSIDE if best[_INSIDE] - cost > best[_BEHIND] else _BEHIND
        came.append((_OUTSIDE, to_run, to_behind))
        best = [
            best[_OUTSIDE],
            best[to_run] - (to_run != _INSIDE) * cost + _gain(p, SHAPE, weight),
            best[to_behind] - (to_behind == _INSIDE) * cost + _gain(p, AFTER, weight) if number else -inf,
        ]
    states: list[int] = []
    state = max((_OUTSIDE, _INSIDE, _BEHIND), key=best.__getitem__)
    for before in reversed(came):
        states.append(state)
        state = before[state]
    places = groupby(enumerate(reversed(states)), key=lambda place: place[1])
    numbers = [[number for number, _ in group] for state, group in places if state == _INSIDE]
    return [(group[0], group[-1] + 1) for group in numbers]


def _gain(p: float | None, shape: float, weight: float) -> float:
    """Log-likelihood of a p-value under the density with this parameter, above that under the uniform law."""
    return 0.0 if p is None else weight * (log(shape) + (shape - 1) * log(max(p, SMALLEST)))
