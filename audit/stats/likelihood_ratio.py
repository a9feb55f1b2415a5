"""Likelihood-ratio e-values: evidence that one set of models wrote the tokens rather than another set.

Null hypothesis: some member b of a fixed set of models sampled the tokens; which one is unknown. E_t = (mean of the
rivals' likelihoods of the first t tokens) / (largest likelihood within the null set). For the member b that wrote them,
E_t <= M_t = mean of the rivals / b, and M is a nonnegative supermartingale from 1 under b: a martingale where b can say
whatever the rivals can. The larger denominator only lowers it. So, for every member of the null set, E_t has mean at most 1 at
a fixed t and P(sup_t E_t >= 1/a) <= a (Ville 1939). M is not known, which is why E is reported rather than M.

An unknown setting (temperature, top-p, prompt) enters as a grid, one member per value, on either side: universal inference by
the method of mixtures (Wasserman, Ramdas & Balakrishnan, "Universal inference", PNAS 2020). Rejecting says that the null set
did not write the text, not that a rival did: run both directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats._validate import log_likelihoods
from llm_audit.stats.combination import average_e

Floats = NDArray[np.float64]


def log_ratio(numerators: ArrayLike, denominators: ArrayLike) -> Floats:
    """The path log E_1 .. log E_n from the models' probabilities of the same tokens.

    A rival that excludes a token drops out. If every member of the null set excludes the text, log E = +inf. If every rival
    does too, log E = 0 from there on: the ratio 0/0 compares nothing, so it is no evidence, in either direction. The null gives
    this case probability zero, so any value keeps E valid. (To leave such a token out instead would let the others speak for a
    side that the text has refuted.)

    Args:
        numerators: (n, k) log p of each token under each rival; -inf where excluded.
        denominators: (n, m) the same under each member of the null set.

    Returns:
        (n,), nats. ValueError for NaN or +inf.
    """
    above, below = (log_likelihoods(columns) for columns in (numerators, denominators))
    return _ratio(average_e(np.cumsum(above, axis=0)), np.cumsum(below, axis=0).max(axis=1))


def _ratio(above: Floats, below: Floats) -> Floats:
    """The difference above - below, where below = -inf gives +inf, or 0 if above = -inf too."""
    refuted = np.isneginf(below)
    return np.where(refuted, np.where(np.isneginf(above), 0.0, np.inf), above - np.where(refuted, 0.0, below))
