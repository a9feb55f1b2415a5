"""The statistics of the reference detectors, slowly and obviously, from the flags that our schemes give."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from llm_audit.detectors.watermark.schemes.base import windows


def z_score(green: float, n: int, gamma: float) -> float:
    return (green - gamma * n) / math.sqrt(n * gamma * (1 - gamma))


def first_of_ngram(ids: Sequence[int], positions: Sequence[int], flags: Sequence[int], width: int) -> list[int]:
    """Flags of the first of each n-gram, in the order of the text."""
    table: dict[tuple[int, ...], int] = {}
    for p, flag in zip(positions, flags, strict=True):
        table.setdefault(tuple(ids[p - width + 1 : p + 1]), flag)
    return list(table.values())


def by_ngram(ids: Sequence[int], positions: Sequence[int], flags: Sequence[int], width: int) -> tuple[int, int]:
    """Numbers of distinct n-grams that end in a scored token, and of green ones among them."""
    first = first_of_ngram(ids, positions, flags, width)
    return len(first), sum(first)


def win_max(flags: Sequence[int], gamma: float) -> dict[int, float]:
    """The largest z of the runs of each length shorter than the whole."""
    sums = np.concatenate([[0], np.cumsum(flags)])
    return {size: z_score(float((sums[size:] - sums[:-size]).max()), size, gamma) for size in range(1, len(flags))}


def normal_p(z: float) -> float:
    return float(norm.sf(z))


def synthid_means(bits: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Mean and weighted mean of the reference's scorers."""
    weights = np.linspace(10, 1, bits.shape[1])
    weights *= bits.shape[1] / weights.sum()
    return float(bits[mask].mean()), float((bits[mask] * weights).mean())


def context_mask(ids: NDArray[np.int64], ngram: int, history_size: int) -> NDArray[np.bool_]:
    """SynthID's mask: which windows' contexts are not among the last `history_size` different ones.

    For parity; our tests count a context once however long ago it was.
    """
    contexts = windows(ids, ngram - 1)[: max(len(ids) - ngram + 1, 0)]
    history: list[bytes] = []
    mask = np.empty(len(contexts), np.bool_)
    for i, context in enumerate(contexts):
        mask[i] = context.tobytes() not in history
        history = [context.tobytes(), *history][:history_size]
    return mask
