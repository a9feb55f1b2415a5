"""The e-process of "model A sampled these tokens": exact at every length, also when one looks after every token.

Null hypothesis: each token x_t was sampled from A's law A_t, given exactly the context and the decoding that the columns were
computed with. For a fixed exponent lambda, e_t = A_t(x_t)^(-lambda) / sum_v A_t(v)^(1-lambda) has conditional mean
sum_v A_t(v)^(1-lambda) / sum_v A_t(v)^(1-lambda) = 1, so that the products E_n = prod e_t are a nonnegative martingale from 1,
and so is any average of them over lambda fixed beforehand. Nothing is assumed about how the tokens depend on one another.

- Fixed n: 1 / E_n is a p-value by Markov's inequality. n must not depend on the tokens.
- Anytime: P(sup_n E_n >= 1/a) <= a (Ville 1939), so 1 / max E is one however the end was chosen.

With temperature T = 1 / (1 - lambda), E_n is the likelihood ratio of "A at temperature T" to A: lambda < 0 looks for sharper
text than A's, 0 < lambda < 1 for flatter, and the average is a prior over temperatures. As lambda goes to 0 the growth becomes
that of the gap between log-perplexity and entropy. For 0 < lambda, one very improbable token can decide alone: exact in
theory, but in practice such a token is more likely a mismatch of tokenisers or of arithmetic than evidence, so `EProcess` says
what remains without the most influential token.

Sources: Ville (1939); Ramdas, Grunwald, Vovk & Shafer, "Game-theoretic statistics and safe anytime-valid inference"
(Statist. Sci. 2023). The tempering martingale and the contaminated null are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats.combination import average_e, e_to_p

Floats = NDArray[np.float64]


class EProcess(NamedTuple):
    """Evidence against the null after each token, in nats.

    Attributes:
        path: (n,) log E_1 .. log E_n.
        log_e: log E_n; 0 without tokens.
        log_peak: the largest log E_t, E_0 = 1 included.
        dominant: index of the token without which that peak would be lowest; -1 if it is E_0.
        log_peak_without: log E at the place of the peak without that token. Far below the peak: one token carries the evidence,
            likely a mismatch. It is looked for at the peak, because under the null the process fades again.
    """

    path: Floats
    log_e: float
    log_peak: float
    dominant: int
    log_peak_without: float

    @property
    def p_fixed(self) -> float:
        """min(1, 1 / E_n), valid if the length was fixed beforehand."""
        return e_to_p(self.log_e)

    @property
    def p_anytime(self) -> float:
        """min(1, 1 / max E_t), valid however the end was chosen."""
        return e_to_p(self.log_peak)


def tempering_increments(logprob: ArrayLike, renyi: ArrayLike, orders: Sequence[float]) -> Floats:
    """Log e_t = -lambda log A_t(x_t) - log sum_v A_t(v)^(1-lambda), lambda = 1 - order.

    The sums run over the support. A token outside it has probability zero under the null: whatever e is there, its mean under
    the null stays 1, and the null is refuted. So e = +inf for every lambda, also for lambda < 0, where the formula says 0.

    Args:
        logprob: (n,) log A_t(x_t); -inf outside the support.
        renyi: (n, J) log sum_v A_t(v)^order.
        orders: (J,) positive.

    Returns:
        (n, J), nats.
    """
    return _increments(np.asarray(logprob, dtype=np.float64), np.asarray(renyi, dtype=np.float64), 1 - np.asarray(orders))


def contaminated_increments(
    logprob: ArrayLike,
    renyi: ArrayLike,
    untruncated_logprob: ArrayLike,
    untruncated_renyi: ArrayLike,
    log_kept: ArrayLike,
    orders: Sequence[float],
    epsilon: float,
) -> Floats:
    """Log e_t for a truncated law A' (top-k, top-p, min-p) that other arithmetic may have left with a small probability.

    Null: x_t ~ (1 - w_t) A' + w_t A with unknown w_t <= epsilon, A the law before truncation and A' = A / Z on the kept set.
    Let A'' be the mixture at w = epsilon: c A inside with c = (1 - epsilon) / Z + epsilon, epsilon A outside. Then
    e = f(x) / max(E_A' f, E_A'' f) with f = A''^(-lambda): the mean of f is linear in w, hence at most the larger of its ends,
    and E_n is a supermartingale for every w. With a = 1 - lambda,

        E_A' f = (c Z)^(-lambda) sum A'^a,    E_A'' f = (c Z)^a sum A'^a + epsilon^a (sum A^a - Z^a sum A'^a).

    A token outside has a finite e. Ours.

    Args:
        logprob: (n,) log A'_t(x_t); -inf outside the kept set.
        renyi: (n, J) log sum_v A'_t(v)^order.
        untruncated_logprob: (n,) log A_t(x_t), same temperature.
        untruncated_renyi: (n, J) log sum_v A_t(v)^order.
        log_kept: (n,) log Z_t.
        orders: (J,) positive.
        epsilon: largest probability of the untruncated law, in (0, 1).

    Returns:
        (n, J), nats; +inf only where A itself excludes the token.
    """
    if not 0 < epsilon < 1:
        raise ValueError(f"epsilon must lie in (0, 1), not {epsilon}")
    order, lambdas = np.asarray(orders, dtype=np.float64), 1 - np.asarray(orders, dtype=np.float64)
    kept, untruncated = np.asarray(renyi, dtype=np.float64), np.asarray(untruncated_renyi, dtype=np.float64)
    inside, log_z = np.asarray(logprob, dtype=np.float64), np.asarray(log_kept, dtype=np.float64)
    log_cz = np.log1p(epsilon * np.expm1(log_z))  # c Z = 1 - epsilon + epsilon Z
    outside = np.log(epsilon) + np.asarray(untruncated_logprob, dtype=np.float64)
    log_likelihood = np.where(np.isneginf(inside), outside, log_cz + inside)

    # log(sum A^a - Z^a sum A'^a): the columns are float32, so that the difference may come out below zero.
    share_kept = np.minimum(order * log_z[:, None] + kept - untruncated, 0)
    with np.errstate(divide="ignore"):
        log_tail = untruncated + np.log(-np.expm1(share_kept))
    mean_truncated = kept - lambdas * log_cz[:, None]
    mean_mixed = np.logaddexp(kept + order * log_cz[:, None], order * np.log(epsilon) + log_tail)
    return _increments(log_likelihood, np.maximum(mean_truncated, mean_mixed), lambdas)


def mixture(increments: ArrayLike) -> EProcess:
    """E_t = the equal-weight average over lambda of the running products of e.

    Args:
        increments: (n, J) log e_t(lambda_j), n >= 0, +inf allowed. ValueError if one is NaN or -inf.
    """
    steps = np.asarray(increments, dtype=np.float64)
    if not (steps > -np.inf).all():
        raise ValueError("increments must be numbers above -inf")
    path = average_e(np.cumsum(steps, axis=0)) if len(steps) else np.empty(0)
    peak = int(path.argmax()) + 1 if len(path) else 0
    if peak == 0 or path[peak - 1] <= 0:
        return EProcess(path, float(path[-1]) if len(path) else 0.0, 0.0, -1, 0.0)
    infinite = np.isinf(steps[:peak])
    finite = np.where(infinite, 0.0, steps[:peak])
    rest = np.where(infinite.sum(axis=0) > infinite, np.inf, finite.sum(axis=0) - finite)  # the products without each token
    without = average_e(rest)
    dominant = int(without.argmin())
    return EProcess(path, float(path[-1]), float(path[peak - 1]), dominant, float(without[dominant]))


def _increments(log_likelihood: Floats, log_mean: Floats, lambdas: Floats) -> Floats:
    impossible = np.isneginf(log_likelihood)
    finite = np.where(impossible, 0.0, log_likelihood)
    return np.where(impossible[:, None], np.inf, -finite[:, None] * lambdas - log_mean)
