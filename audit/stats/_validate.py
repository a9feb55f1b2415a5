"""Shared checks of arguments. Each returns its argument as a float or numpy array."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def unit_interval(values: ArrayLike, name: str, fewest: int = 1) -> Floats:
    """The argument as (n,) numbers in [0, 1], n >= `fewest`; otherwise a ValueError that begins with its `name`."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) < fewest or not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError(f"{name} must be an array of at least {fewest} numbers in [0, 1]")
    return numbers


def level(alpha: float) -> float:
    """The argument as a significance level, above 0 and below 1; otherwise ValueError."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    return alpha


def log_likelihoods(values: ArrayLike) -> Floats:
    """The argument as log-probabilities or log-densities: numbers below +inf, -inf allowed; otherwise ValueError."""
    numbers = np.asarray(values, dtype=np.float64)
    if not (numbers < np.inf).all():
        raise ValueError("log-likelihoods must be numbers below +inf")
    return numbers


def calibration_scores(values: ArrayLike) -> Floats:
    """The argument as (n,) finite numbers, n >= 1; otherwise ValueError."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) == 0 or not np.isfinite(numbers).all():
        raise ValueError("calibration scores must be a non-empty, finite array of one dimension")
    return numbers
