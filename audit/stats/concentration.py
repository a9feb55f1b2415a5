"""Log-perplexity against average entropy: two tests of "model A sampled these tokens".

Null hypothesis of every p-value here: each token x_t was sampled from A's law A_t, given exactly the context and the decoding
that the columns were computed with. Then X_t = -log A_t(x_t) has conditional mean H_t (entropy) and conditional variance V_t
(varentropy), and S_n = sum (X_t - H_t) is a martingale, however the tokens depend on one another. Rejecting does not say that
a human wrote the text; not rejecting does not say that A did: a writer B whose cross-entropy to A equals A's entropy leaves
the gap at zero whatever its divergence from A.

Sources: Radvand, Abdolmaleki, Mostagir & Tewari, arXiv 2501.02406 (the gap and its exponential concentration); Bao et al.,
"Fast-DetectGPT" (ICLR 2024) (the same gap, standardised). The constants of the bounds are ours, not theirs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri


class ZTest(NamedTuple):
    """A standardised gap and its two-sided normal p-value."""

    z: float
    p_value: float


def gap(logprob: ArrayLike, entropy: ArrayLike) -> float:
    """Log-perplexity minus average entropy, nats per token; > 0: the text surprises A more than A's own text would.

    Args:
        logprob: (n,) log A_t(x_t), n >= 1; +inf is returned if one is -inf.
        entropy: (n,) H_t, nats.
    """
    surprisal, expected = -np.asarray(logprob, dtype=np.float64), np.asarray(entropy, dtype=np.float64)
    if len(surprisal) == 0:
        raise ValueError("no tokens, no gap")
    return float(surprisal.mean() - expected.mean())


def varentropy_bound(vocabulary: int) -> float:
    """V_K, the largest varentropy of any law over K symbols, nats^2 (27.9 at K = 32,000, 30.3 at 50,257).

    V_K = max over r of r (1 - r) log^2((1 - r)(K - 1) / r): one symbol of probability 1 - r and K - 1 that share r
    (Reeb & Wolf, arXiv 1304.0036). The derivative vanishes where (1 - 2r) log((1 - r)(K - 1) / r) = 2, once in (0, 1/2).

    Args:
        vocabulary: K >= 2.
    """

    def log_odds(r: float) -> float:
        return math.log(vocabulary - 1) + math.log((1 - r) / r)

    r = float(brentq(lambda r: (1 - 2 * r) * log_odds(r) - 2, 0.05, 0.5))
    return r * (1 - r) * log_odds(r) ** 2


def certificate(gap: float, n: int, vocabulary: int) -> float:
    """Bound on P(|S_n| / n >= |gap|) that needs the vocabulary's size alone: a p-value at every n. Never the decision rule.

    With psi(l) = log E exp(l (X - H)) and q ~ A^(1-l): psi'' = Var_q(log A) = Var_q(log q) / (1-l)^2 <= V_K / (1-l)^2. Hence
    psi(l) <= V_K (-log(1-l) - l) and psi(-s) <= V_K (s - log(1+s)), and Chernoff's bound gives, with u = |gap| / V_K,

        exp(-n V_K (u - log(1 + u))) for a gap above, exp(-n V_K (-log(1 - u) - u)) for one below (0 from u = 1 on).

    Both are about exp(-n gap^2 / (2 V_K)); twice the first, which is the larger, is the bound. Ours. It presumes the worst law
    at every token, and real text is far from that: at K = 50,257 a gap of .2 nats needs 8,058 tokens for .01, where the z-test
    needs 664.

    Args:
        gap: nats per token, from `gap`.
        n: number of tokens.
        vocabulary: K, the number of symbols that a law can have.
    """
    if n == 0:
        return 1.0
    return min(1.0, 2 * math.exp(-n * _exponent(gap, vocabulary)))


def certificate_length(gap: float, vocabulary: int, alpha: float) -> int:
    """The smallest number of tokens at which `certificate` is at most alpha for this gap. ValueError for a gap of 0."""
    if gap == 0:
        raise ValueError("a gap of 0 is never significant")
    return max(1, math.ceil(math.log(2 / alpha) / _exponent(gap, vocabulary)))


def martingale_z(logprob: ArrayLike, entropy: ArrayLike, varentropy: ArrayLike) -> ZTest:
    """Z = sum (-log A_t(x_t) - H_t) / sqrt(sum V_t); z > 0: more surprising than A's own text.

    Approximate: normal in the limit by the martingale central limit theorem (Hall & Heyde 1980, ch. 3), if sum V_t grows and
    no single token dominates it. The sign is the opposite of Fast-DetectGPT's curvature. -log A is skewed to the right, so the
    surprising side is reached too often and the other too rarely. Measured on 40,000 synthetic texts that A wrote, P(z > q) and
    P(z < -q) at the normal quantile q of

        n      .05            .01             .001             .0001
        50     .057 and .038  .0166 and .0034 .0032  and 0     .0007 and 0
        100    .056 and .043  .0146 and .0053 .0025  and .0002 .0003 and 0
        300    .054 and .045  .0136 and .0077 .0017  and .0005 .0002 and 0

    so a p-value below .01 claims too much.

    Args:
        logprob: (n,) log A_t(x_t); z = inf if one is -inf.
        entropy: (n,) H_t, nats.
        varentropy: (n,) V_t, nats^2. All zero (nothing was left to chance): z = 0, unless a token was impossible.
    """
    total = float(np.sum(varentropy, dtype=np.float64))
    deviation = -float(np.sum(logprob, dtype=np.float64)) - float(np.sum(entropy, dtype=np.float64))
    return z_test(deviation, total)


def z_test(deviation: float, variance: float) -> ZTest:
    """`martingale_z` from the sums over tokens: of surprisal minus entropy, nats, and of varentropy, nats^2."""
    if math.isinf(deviation):
        return ZTest(deviation, 0.0)
    z = deviation / math.sqrt(variance) if variance > 0 else 0.0
    return ZTest(z, float(2 * ndtr(-abs(z))))


def z_length(gap: float, varentropy: float, alpha: float) -> int:
    """Number of tokens at which `martingale_z` reaches two-sided alpha if every token adds `gap` and `varentropy`.

    n = V (q / gap)^2, q the normal quantile of 1 - alpha / 2 (664 for V = 4, gap = .2, alpha = .01). ValueError for a gap of 0.
    """
    if gap == 0:
        raise ValueError("a gap of 0 is never significant")
    return math.ceil(varentropy * (float(ndtri(alpha / 2)) / gap) ** 2)


def _exponent(gap: float, vocabulary: int) -> float:
    """V_K (u - log(1 + u)), u = |gap| / V_K, also where the two nearly cancel."""
    largest = varentropy_bound(vocabulary)
    u = abs(gap) / largest
    if math.isinf(u):
        return math.inf
    return largest * (u * u * (1 / 2 - u * (1 / 3 - u * (1 / 4 - u / 5))) if u < 1e-3 else u - math.log1p(u))
