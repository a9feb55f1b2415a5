"""Scan statistic over a sequence of scores: windows of doubling length, and p-values for the best of them.

A mark in part of a text is diluted in the whole. Windows have lengths `least`, 2 `least`, 4 `least`, .. and overlap by half,
so that a part of length L >= 1.5 `least` has a window of at least L / 3 inside it. Two p-values for "there is no mark at all":
Bonferroni over the windows, which can be as small as the evidence, and one from the same scan of simulated scores, which is
sharper but ends at 1 / (1 + draws). To scan and then read the best window's own p-value would be wrong: of noise, its median
is .0005.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats.laws import Floats, Law

CELLS = 1 << 21
"""Simulated scores in memory at a time."""


class Scan(NamedTuple):
    """Result of a scan over windows.

    Attributes:
        windows: (W, 2) first and one past the last score.
        log_p: (W,) log p-value of each window on its own.
        log_p_cover: min(0, log W + min log_p): valid for the whole scan.
        statistic: the largest over windows and bets of log e.
        p_simulated: (1 + exceeding) / (1 + draws) of that statistic; valid for the whole scan.
        exceeding: simulated sequences whose statistic is at least as large.
        draws: simulated sequences.
    """

    windows: NDArray[np.int64]
    log_p: Floats
    log_p_cover: float
    statistic: float
    p_simulated: float
    exceeding: int
    draws: int


def cover(n: int, least: int = 32) -> NDArray[np.int64]:
    """The windows of n scores, (W, 2): the whole, and lengths `least` times a power of two below it, half overlapping."""
    if n == 0:
        return np.empty((0, 2), np.int64)
    windows, length = [(0, n)], least
    while length < n:
        starts = [*range(0, n - length, length // 2), n - length]
        windows += [(start, start + length) for start in starts]
        length *= 2
    return np.array(windows, dtype=np.int64)


def scan(scores: ArrayLike, law: Law, generator: np.random.Generator, draws: int = 999, least: int = 32) -> Scan:
    """Scan the windows of a text's scores.

    Null: the n scores are independent draws of the law (or an urn's, without replacement).

    Args:
        scores: (n,), n >= 1.
        law: of one score.
        generator: of the simulated sequences.
        draws: how many.
        least: scores in the shortest windows, at least 2.
    """
    s = np.asarray(scores, dtype=np.float64)
    if s.ndim != 1 or len(s) == 0 or least < 2:
        raise ValueError("a scan needs at least one score, and windows of at least two")
    return scanned(_sums(s[None], cover(len(s), least))[0], len(s), law, generator, draws, least)


def scanned(sums: ArrayLike, n: int, law: Law, generator: np.random.Generator, draws: int = 999, least: int = 32) -> Scan:
    """The result of `scan`, from the sums of the windows alone, which a stored result holds.

    Args:
        sums: (W,) of the windows of `cover(n, least)`, in that order.
        n: scores of the text.
        law: of one score.
        generator: of the simulated sequences.
        draws: how many.
        least: scores in the shortest windows.
    """
    windows, totals = cover(n, least), np.asarray(sums, dtype=np.float64)
    if totals.shape != (len(windows),) or n == 0:
        raise ValueError(f"{n} scores have {len(windows)} windows, and {totals.size} sums are given")
    lengths = windows[:, 1] - windows[:, 0]
    log_p = np.empty(len(windows))
    for length in np.unique(lengths):
        of_length = lengths == length
        log_p[of_length] = law.log_tails(totals[of_length], int(length))
    statistic = float(_best(totals[None], lengths, law)[0])
    portion = max(1, CELLS // n)
    null = np.concatenate(
        [
            _best(_sums(law.draw(generator, (min(portion, draws - done), n)), windows), lengths, law)
            for done in range(0, draws, portion)
        ]
    )
    exceeding = int(np.count_nonzero(null >= statistic - 1e-9))  # equal counts of green tokens must stay tied
    return Scan(
        windows,
        log_p,
        min(0.0, math.log(len(windows)) + float(log_p.min())),
        statistic,
        (1 + exceeding) / (1 + draws),
        exceeding,
        draws,
    )


def sums_of(scores: ArrayLike, least: int = 32) -> Floats:
    """(W,) sums of the windows of `cover`, for `scanned`."""
    s = np.asarray(scores, dtype=np.float64)
    sums: Floats = _sums(s[None], cover(len(s), least))[0]
    return sums


def disjoint(scan: Scan, alpha: float) -> NDArray[np.int64]:
    """Windows that reject after Bonferroni over all, greedily from the smallest p, none overlapping an earlier one.

    Returns:
        Their indices, in the order of the text.
    """
    threshold = math.log(alpha / len(scan.windows)) if len(scan.windows) else -math.inf
    taken: list[int] = []
    for i in np.argsort(scan.log_p, kind="stable"):
        start, stop = scan.windows[i]
        if scan.log_p[i] > threshold:
            break
        if all(stop <= scan.windows[j, 0] or start >= scan.windows[j, 1] for j in taken):
            taken.append(int(i))
    return np.array(sorted(taken, key=lambda i: int(scan.windows[i, 0])), dtype=np.int64)


def _sums(rows: Floats, windows: NDArray[np.int64]) -> Floats:
    total = np.concatenate([np.zeros((len(rows), 1)), rows.cumsum(axis=1)], axis=1)
    sums: Floats = total[:, windows[:, 1]] - total[:, windows[:, 0]]
    return sums


def _best(sums: Floats, lengths: NDArray[np.int64], law: Law) -> Floats:
    best = np.full(len(sums), -np.inf)
    for tilt in law.tilts:
        best = np.maximum(best, (tilt * sums - law.log_mgf(tilt) * lengths).max(axis=1))
    return best
