"""Rank uniformity: whether the score of an endpoint's reply to each prompt ranks like one more of the reference's replies.

Null hypothesis of every function here: for each prompt, the endpoint's score and the reference's m scores are exchangeable
(same model, same decoding), and the prompts are independent of one another, each with references of its own. Then the rank
of the endpoint's score is Uniform(0, 1), whatever the score, the prompts' difficulty and m, which may differ by prompt.

A substitute can surprise the reference more or less than the reference itself, or its spread can differ, or a few replies
only can lie far out. So both tests are two-sided; which way the ranks went is their mean.

Source: Zhu et al., "Auditing Black-Box LLM APIs with a Rank-Based Uniformity Test" (RUT, ICLR 2026, arXiv 2506.06975), whose
rank (#less + U #ties) / m is not uniform: its size at nominal .05 with 100 prompts is .93 for m = 5, .18 for m = 10. Ours is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln
from scipy.stats import cramervonmises

from llm_audit.stats._validate import unit_interval
from llm_audit.stats.eprocess import EProcess, mixture

Floats = NDArray[np.float64]

BETS = ((0.6, 0.6), (1.7, 1.7), (4.0, 4.0), *((k * m, k * (1 - m)) for m in (0.2, 0.35, 0.45, 0.55, 0.65, 0.8) for k in (2, 4)))
"""Parameters of the beta densities that `wealth` bets on: both ends, the middle, and a shift of the mean to m. Of the sets
compared, this one needs few prompts for every alternative tried; a histogram learned online needs about twice as many."""


class Uniformity(NamedTuple):
    """Result of the test of uniformity of n ranks.

    Attributes:
        mean: of the ranks; 1/2 by chance. Above: the endpoint scores higher than the reference.
        statistic: omega^2 of Cramer and von Mises.
        p_value: of the statistic, two-sided.
    """

    mean: float
    statistic: float
    p_value: float


def relative_rank(scores: ArrayLike, references: ArrayLike, generator: np.random.Generator) -> Floats:
    """(#{s_j < s} + U (1 + #{s_j = s})) / (m + 1), U ~ Uniform(0, 1): exactly uniform for every m >= 1, also with ties.

    U is a coin: draw it from a generator seeded by the audit, so that one audit has one result.

    Args:
        scores: (...) one score of the endpoint per prompt.
        references: (..., m) the reference's scores for that prompt. Prompts of different m: one call each.
        generator: draws U.

    Returns:
        (...) in [0, 1).

    Raises:
        ValueError: no references, or a score that is not finite.
    """
    tested, others = np.asarray(scores, dtype=np.float64)[..., None], np.asarray(references, dtype=np.float64)
    if others.ndim == 0 or others.shape[:-1] != tested.shape[:-1] or others.shape[-1] == 0:
        raise ValueError("each score needs as many reference scores as the others, and at least one")
    if not (np.isfinite(tested).all() and np.isfinite(others).all()):
        raise ValueError("scores must be finite")
    less, ties = (others < tested).sum(axis=-1), (others == tested).sum(axis=-1)
    rank: Floats = (less + generator.random(less.shape) * (1 + ties)) / (others.shape[-1] + 1)
    return rank


def uniformity(ranks: ArrayLike) -> Uniformity:
    """Cramer-von Mises test: omega^2 = 1 / (12 n) + sum_i ((2i - 1) / (2n) - r_(i))^2.

    p from the limiting law with its correction for n (Csorgo & Faraway 1996, as in scipy), exact for n = 1. Ours: p is at least
    sqrt(2) erfc(pi omega / sqrt 2), the leading term of the limiting law's upper tail, and equal to it where omega^2 > 2:
    below 1e-4 scipy's p can be too small, and below 1e-8 it is rounding. Measured P(p <= a) / a for a = .05, .01, .001 on
    1,000,000 samples: n = 5: .99, .69, .18; 10: 1.00, .89, .60; 20: 1.00, .97, .82; 50: 1.00, 1.01, .94; 100: 1.00, 1.00, .99.

    Args:
        ranks: (n,) from `relative_rank`, n >= 1.
    """
    r = unit_interval(ranks, "ranks")
    if len(r) == 1:
        return Uniformity(float(r[0]), float(1 / 12 + (0.5 - r[0]) ** 2), float(1 - 2 * abs(0.5 - r[0])))
    grid = (2 * np.arange(1, len(r) + 1) - 1) / (2 * len(r))
    statistic = float(1 / (12 * len(r)) + ((grid - np.sort(r)) ** 2).sum())
    p = math.sqrt(2) * math.erfc(math.pi * math.sqrt(statistic / 2))
    if statistic <= 2:
        p = min(1.0, max(p, float(cramervonmises(r, "uniform").pvalue)))
    return Uniformity(float(r.mean()), statistic, max(p, float(np.finfo(np.float64).tiny)))


def wealth(ranks: ArrayLike) -> EProcess:
    """Evidence after each prompt, valid whenever one stops: the average over `BETS` of the product of beta densities at r_i.

    A density on (0, 1) has mean 1 under the null, so each product is a nonnegative martingale from 1. Stop and reject at level
    a once E >= 1/a (`EProcess.p_anytime`). Prompts must be asked in an order fixed beforehand.

    Median prompts to reject at .01, for reference scores N(0, 1) (4,000 audits, m = 100), and the power at 100 prompts beside
    that of `uniformity`: all scores .5 higher 52 (.87, .98); all 3 higher 4; a tenth 5 higher 82 (.60, .21); three tenths 2
    higher 33 (.98, .96); 1.5 times the spread 44 (.96, .36).

    Args:
        ranks: (n,) in the order asked, n >= 0.
    """
    # Within rounding of the ends, a density is not its mean.
    r = np.clip(unit_interval(ranks, "ranks", fewest=0), 1e-12, 1 - 1e-12)[:, None]
    a, b = np.array(BETS).T
    return mixture((a - 1) * np.log(r) + (b - 1) * np.log1p(-r) - betaln(a, b))
