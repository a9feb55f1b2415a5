"""The upper tail of a sum of independent integers, with small relative error however far out it lies.

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
"""Most values of a sum for which all tails are computed by one transform."""

WIDTH = 12
"""Half width of the transform around the tilted mean, in standard deviations; the mass outside is about e^-72."""


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
    counts = np.array([count for _, count in parts], dtype=np.int64)
    with np.errstate(divide="ignore"):
        logs = np.log([np.pad(pmf, (0, max(len(p) for p, _ in parts) - len(pmf))) for pmf, _ in parts])
        if observed == largest:
            return sum(count * float(np.log(pmf[-1])) for pmf, count in parts)
    places = np.arange(logs.shape[1], dtype=np.float64)
    theta = _tilt(logs, counts, places, observed)
    tilted, log_masses = _tilted(logs, places, theta)
    means = tilted @ places
    mean, variance = float(counts @ means), float(counts @ (tilted @ places**2 - means**2))
    length = 1 << math.ceil(math.log2(max(WIDTH * 2 * math.sqrt(max(variance, 0.0)) + 64, 256)))
    if length > 2 * largest:
        length = 1 << math.ceil(math.log2(largest + 1))
    transform: NDArray[np.complex128] = np.ones(length // 2 + 1, np.complex128)
    for law, count in zip(tilted, counts.tolist(), strict=True):
        transform = transform * np.fft.rfft(_wrapped(law, length)) ** count
    masses = np.maximum(np.fft.irfft(transform, length), 0.0)
    # The transform knows places modulo its length: the tilted sum lies around its mean, within half a length.
    first = max(math.floor(mean) - length // 2, 0) if length <= largest else 0
    reached = np.arange(max(observed, first), min(first + length, largest + 1))
    with np.errstate(divide="ignore"):
        back = float(logsumexp(np.log(masses[reached % length]) - theta * reached))
    return min(0.0, back + float(counts @ log_masses))


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
    masses = np.fft.irfft(np.fft.rfft(law, length) ** n, length)[: largest + 1]
    tails = np.append(np.maximum(masses, 0.0)[::-1].cumsum()[::-1], 0.0)
    reached = tails[np.clip(observed, 0, largest + 1)]
    pairs = zip(observed, reached, strict=True)
    return np.array([math.log(min(tail, 1.0)) if tail >= 1e-6 else log_tail([(law, n)], x) for x, tail in pairs])


def _tilt(logs: Floats, counts: NDArray[np.int64], places: Floats, observed: int) -> float:
    """The tilt under which the mean is `observed`; 0 where the mean is above it anyway."""

    def excess(theta: float) -> float:
        return float(counts @ (_tilted(logs, places, theta)[0] @ places)) - observed

    if excess(0.0) >= 0:
        return 0.0
    high = 1.0 / len(places)
    while excess(high) < 0 and high < 1e4:
        high *= 2
    return high if excess(high) < 0 else float(brentq(excess, 0.0, high, xtol=1e-9, rtol=1e-6))


def _tilted(logs: Floats, places: Floats, theta: float) -> tuple[Floats, Floats]:
    """The tilted probabilities of each part, and the logarithms of what they were divided by."""
    moved = logs + theta * places
    peaks = moved.max(axis=1, keepdims=True)
    weights = np.exp(moved - peaks)
    masses = weights.sum(axis=1, keepdims=True)
    return weights / masses, (peaks + np.log(masses))[:, 0]


def _wrapped(pmf: Floats, length: int) -> Floats:
    padded: Floats = np.pad(pmf, (0, -len(pmf) % length)).reshape(-1, length).sum(axis=0)
    return padded


def _checked(pmf: ArrayLike) -> Floats:
    """The probability mass function of one part, without the zeros at its end. Raises ValueError: it is none."""
    law = np.asarray(pmf, dtype=np.float64)
    if law.ndim != 1 or not (law >= 0).all() or abs(law.sum() - 1) > 1e-9:
        raise ValueError("probabilities must be at least 0 and sum to 1")
    return np.trim_zeros(law, "b")  # so that its length says which sums are possible
