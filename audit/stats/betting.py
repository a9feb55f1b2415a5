"""Betting on a rate: evidence that more than a share q of requests is flagged, valid whenever one stops asking.

Null hypothesis: given the past, each request is flagged with probability at most q, whatever the dependence. For p > q,
the product of (p/q)^x ((1-p)/(1-q))^(1-x) over the outcomes x is then a nonnegative supermartingale from 1, and so is any
average of such products over p. Ours averages over p uniform on (q, 1), which has a closed form:

    E_n = B(k + 1, n - k + 1) P(Beta(k + 1, n - k + 1) > q) / ((1 - q) q^k (1 - q)^(n - k)),    k flags among n.

P(sup E_n >= 1/a) <= a (Ville 1939): stop and reject at level a once E_n >= 1/a.

q = 1/2 serves pairs: "the endpoint's reply is farther from the reference than an honest one's", ties tossed by a coin or left
out. Sources: Robbins, "Statistical methods related to the law of the iterated logarithm" (Ann. Math. Statist. 1970) for the
mixture; Ramdas, Grunwald, Vovk & Shafer, "Game-theoretic statistics and safe anytime-valid inference" (Statist. Sci. 2023).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaln

Floats = NDArray[np.float64]


class Stopping(NamedTuple):
    """How long a bet takes to win.

    Attributes:
        stopped: (most,) probability of having rejected by request 1, 2, ..
        expected: mean number of requests, those still undecided counted at `most`: a lower bound of the unlimited mean.
    """

    stopped: Floats
    expected: float

    def requests(self, power: float) -> int | None:
        """The fewest requests by which the bet is won with this probability; None: not within `most`."""
        reached = np.flatnonzero(self.stopped >= power)
        return int(reached[0]) + 1 if len(reached) else None


def wealth(flags: ArrayLike, q: float = 0.5) -> Floats:
    """Log E_1 .. log E_n, nats; -inf where it is below 1e-300.

    Reject at level a as soon as one reaches log(1/a); min(1, exp(-max)) is a p-value however the end was chosen.

    Args:
        flags: (n,) 0 and 1, or bool, in the order of asking, n >= 0.
        q: the largest rate under the null, in (0, 1).
    """
    x = np.asarray(flags, dtype=np.float64)
    if x.ndim != 1 or not np.isin(x, (0.0, 1.0)).all():
        raise ValueError("flags must be 0 or 1")
    return _log_e(np.cumsum(x), np.arange(1, len(x) + 1, dtype=np.float64), _share(q, "q"))


def stopping(rate: float, alpha: float, q: float = 0.5, most: int = 2000) -> Stopping:
    """When the bet is won if requests are independently flagged with probability `rate`: exact, by recursion over counts.

    Args:
        rate: of flags, in [0, 1].
        alpha: level at which one stops and rejects.
        q: the largest rate under the null.
        most: requests at which one gives up.
    """
    goal = math.log(1 / _share(alpha, "alpha"))
    law, stopped, needed = np.array([1.0]), np.empty(most), 0  # law: of the count, still undecided; needed: count that wins
    for n in range(1, most + 1):
        law = np.append(law * (1 - rate), 0.0) + np.append(0.0, law * rate)
        while needed <= n and _log_e(np.array([float(needed)]), np.array([float(n)]), _share(q, "q"))[0] < goal:
            needed += 1
        law[needed:] = 0.0
        stopped[n - 1] = 1 - law.sum()
    return Stopping(stopped, 1 + float((1 - stopped[:-1]).sum()))


def _log_e(k: Floats, n: Floats, q: float) -> Floats:
    """Nondecreasing in k, and nonincreasing in n at given k."""
    with np.errstate(divide="ignore"):
        log_tail = np.log(betaincc(k + 1, n - k + 1, q))
    log_e: Floats = betaln(k + 1, n - k + 1) + log_tail - math.log1p(-q) - k * math.log(q) - (n - k) * math.log1p(-q)
    return log_e


def _share(value: float, name: str) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} must be between 0 and 1, got {value}")
    return value
