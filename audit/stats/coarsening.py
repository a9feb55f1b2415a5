"""Exact tests from an API that returns the top-k log-probabilities only.

Merge all other tokens into one symbol, "other", with the leftover mass. If model A sampled the tokens, each coarsened symbol
has exactly this (k+1)-symbol law given the past, because merging outcomes does not change how they are drawn. So the z-test,
the e-process and the PIT tests apply unchanged to its columns. What is lost is power: the differences inside "other", and for
the z-test nearly everything where "other" is among the likeliest symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_ROUNDING = 1e-6
"""Smallest mass of "other": below it, one minus the sum of k rounded numbers is noise."""
_EXCESS = 1e-3
"""How much the listed masses may exceed 1 by rounding."""


class Coarsened(NamedTuple):
    """The columns of `TokenScores` that the tests need, for the (k+1)-symbol law; natural logarithms, float64.

    Attributes:
        logprob: (n,) log p of the observed symbol; -inf only for a listed symbol of probability zero.
        entropy: (n,) nats.
        varentropy: (n,) nats^2.
        rank: (n,) 1 + number of strictly likelier symbols.
        mass_above: (n,) probability of the strictly likelier symbols.
        tie_mass: (n,) probability of the symbols exactly as likely, the observed one included.
        renyi: (n, J) log sum p^order.
    """

    logprob: Floats
    entropy: Floats
    varentropy: Floats
    rank: NDArray[np.int64]
    mass_above: Floats
    tie_mass: Floats
    renyi: Floats


def coarsen(top_logprobs: ArrayLike, index: ArrayLike, orders: Sequence[float]) -> Coarsened:
    """Columns of the law "one of the k listed tokens, or other".

    "Other" keeps at least 1e-6: rounded log-probabilities do not say that it is impossible. The law is then divided by its sum.

    Args:
        top_logprobs: (n, k) log p of the listed tokens, falling; -inf for none. ValueError if one is NaN, if a row rises, or if
            a row's mass exceeds 1.001.
        index: (n,) int, column of the observed token; k if it is not listed. ValueError outside 0..k.
        orders: (J,) positive orders of `renyi`.
    """
    top, observed = np.asarray(top_logprobs, dtype=np.float64), np.asarray(index)
    n, k = top.shape
    if np.isnan(top).any():
        raise ValueError("the top log-probabilities contain NaN")
    if (top[:, 1:] > top[:, :-1]).any():
        raise ValueError("the top log-probabilities do not fall from left to right")
    if (top > _EXCESS).any() or (mass := np.exp(top).sum(axis=1)).max(initial=0.0) > 1 + _EXCESS:
        raise ValueError("the top log-probabilities add up to more than 1")
    if observed.shape != (n,) or ((observed < 0) | (observed > k)).any():
        raise ValueError(f"the observed tokens' columns must be {n} numbers from 0 to {k}")
    p = np.column_stack([np.exp(top), np.maximum(1 - mass, _ROUNDING)])
    p /= p.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    surprisal = np.where(p > 0, -log_p, 0.0)
    entropy = (p * surprisal).sum(axis=1)
    seen = np.take_along_axis(p, observed[:, None], axis=1)
    likelier = p > seen
    return Coarsened(
        logprob=np.take_along_axis(log_p, observed[:, None], axis=1)[:, 0],
        entropy=entropy,
        varentropy=(p * (surprisal - entropy[:, None]) ** 2).sum(axis=1),
        rank=1 + likelier.sum(axis=1),
        mass_above=(p * likelier).sum(axis=1),
        tie_mass=(p * (p == seen)).sum(axis=1),
        renyi=np.column_stack([np.log((p**order).sum(axis=1)) for order in orders]),
    )
