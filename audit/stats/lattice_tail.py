"""The upper tail of a sum of independent whole numbers, with relative accuracy however far out it lies.

Exponential tilting (Cramer 1938) moves the mean of the sum to the observed value; there the law is found by one fast Fourier
transform, and the tilt is taken back. Poisson-binomial sums are the case of parts with two points each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

Floats = NDArray[np.float64]

LARGEST_TABLE = 1 << 21
"""Values of a sum whose tails are computed all at once."""

WIDTH = 12
"""Standard deviations on either side of the tilted mean on which the transform stands; outside lies about e^-72."""


def log_tail(laws: Sequence[tuple[ArrayLike, int]], observed: int) -> float:
    """Log P(S >= observed), S the sum of independent numbers.

    Args:
        laws: for each part, the probabilities of 0, 1, 2, .. and how many independent numbers follow them.
        observed: a whole number.
    """
    parts = [(_checked(pmf), count) for pmf, count in laws if count > 0]
    largest = sum((len(pmf) - 1) * count for pmf, count in parts)
    if observed <= 0:
        return 0.0
    if observed > largest:
        return -math.inf
    if observed == largest:
        return sum(count * _log(float(pmf[-1])) for pmf, count in parts)
    theta = _tilt(parts, observed)
    tilted = [(_tilted(pmf, theta), count) for pmf, count in parts]
    mean, variance = (sum(count * _moment(pmf, order) for (pmf, _), count in tilted) for order in (1, 2))
    length = 1 << math.ceil(math.log2(max(WIDTH * 2 * math.sqrt(variance) + 64, 256)))
    if length > 2 * largest:
        length = 1 << math.ceil(math.log2(largest + 1))
    transform: NDArray[np.complex128] = np.ones(length // 2 + 1, np.complex128)
    for (pmf, _), count in tilted:
        transform = transform * np.fft.rfft(_wrapped(pmf, length)) ** count
    law = np.maximum(np.fft.irfft(transform, length), 0.0)
    # The transform knows places modulo its length: the tilted sum lies around its mean, within half a length.
    first = math.floor(mean) - length // 2 if length <= largest else 0
    places = np.arange(max(observed, first), min(first + length, largest + 1))
    log_scale = sum(count * log_mass for (_, log_mass), count in tilted)
    with np.errstate(divide="ignore"):
        return min(0.0, float(logsumexp(np.log(law[places % length]) - theta * places)) + log_scale)


def log_tails(pmf: ArrayLike, n: int, observed: Sequence[int]) -> Floats:
    """Log P(S >= x) of several x, S the sum of n independent numbers of one law.

    One transform gives all tails to an absolute 1e-14; those below 1e-6, and all where the sum has too many values, are
    computed one by one.

    Args:
        pmf: probabilities of 0, 1, 2, ..
        n: how many numbers.
        observed: the x.
    """
    law = _checked(pmf)
    largest = (len(law) - 1) * n
    if len(observed) < 8 or largest > LARGEST_TABLE:
        return np.array([log_tail([(law, n)], x) for x in observed])
    length = 1 << math.ceil(math.log2(largest + 1))
    whole = np.fft.irfft(np.fft.rfft(law, length) ** n, length)[: largest + 1]
    tails = np.append(np.maximum(whole, 0.0)[::-1].cumsum()[::-1], 0.0)
    found = tails[np.clip(observed, 0, largest + 1)]
    exact = [
        log_tail([(law, n)], x) if tail < 1e-6 else math.log(min(tail, 1.0)) for x, tail in zip(observed, found, strict=True)
    ]
    return np.array(exact)


def _tilt(parts: Sequence[tuple[Floats, int]], observed: int) -> float:
    """The tilt under which the mean is `observed`; 0 where the mean is above it anyway."""

    def excess(theta: float) -> float:
        return sum(count * _moment(_tilted(pmf, theta)[0], 1) for pmf, count in parts) - observed

    if excess(0.0) >= 0:
        return 0.0
    high = 1.0 / max(len(pmf) for pmf, _ in parts)
    while excess(high) < 0 and high < 1e4:
        high *= 2
    return high if excess(high) < 0 else float(brentq(excess, 0.0, high, xtol=1e-12, rtol=1e-10))


def _tilted(pmf: Floats, theta: float) -> tuple[Floats, float]:
    """The tilted probabilities, and the logarithm of what they were divided by."""
    with np.errstate(divide="ignore"):
        logs = np.log(pmf) + theta * np.arange(len(pmf))
    log_mass = float(logsumexp(logs))
    return np.exp(logs - log_mass), log_mass


def _moment(pmf: Floats, order: int) -> float:
    """Mean (order 1) or variance (order 2)."""
    places = np.arange(len(pmf))
    mean = float(pmf @ places)
    return mean if order == 1 else float(pmf @ (places - mean) ** 2)


def _wrapped(pmf: Floats, length: int) -> Floats:
    padded: Floats = np.pad(pmf, (0, -len(pmf) % length)).reshape(-1, length).sum(axis=0)
    return padded


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _checked(pmf: ArrayLike) -> Floats:
    law = np.asarray(pmf, dtype=np.float64)
    if law.ndim != 1 or not (law >= 0).all() or abs(law.sum() - 1) > 1e-9:
        raise ValueError("probabilities must be at least 0 and sum to 1")
    return law
