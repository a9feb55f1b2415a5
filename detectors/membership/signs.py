"""Signs in the texts themselves, without a model, that rows were sorted or run on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.counters import counter
from llm_audit.detectors.membership.running_on import TEXTS, runs_on, runs_on_later, standardised

LAGS = 10
"""Largest distance, in rows, between rows that are compared."""

REACH, FARTHEST = (1.5, 4.0), 24
"""Rows over which the likeness of the rows of one story falls to 1/e, and the largest distance at which they are compared."""

OfOrders = Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float64]]
"""Function from rows (n,) and orders of them (orders, n) to a statistic of each order, (orders,)."""


def _neighbours(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) deviation of the mean likeness of rows up to `LAGS` apart from its usual value."""
    return _unusual(_likeness(rows), orders)


def _stories(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) how much more alike rows near each other are, or every second, third, ... sixth of them, than in other orders.

    Sums of likeness that fall with the distance: of all rows, over each `REACH`, and of those k, 2k, 3k, ... places apart,
    over 2k rows, for each k up to `TEXTS`. The largest of these sums, in standard deviations over the orders. Many distances
    together show a story of whole sentences that no single one shows.
    """
    alike = _likeness(rows)
    n = len(alike)
    np.fill_diagonal(alike, 0)
    usual = alike.sum(axis=1) / (n - 1)
    alike -= usual[:, None] + usual[None, :]
    lags = np.arange(1, min(FARTHEST, n - 2) + 1)
    near = np.stack([alike[orders[:, :-lag], orders[:, lag:]].sum(axis=1) for lag in lags])
    weights = [np.exp(-lags / reach) for reach in REACH]
    weights += [np.exp(-lags / (2 * k)) * (lags % k == 0) for k in range(2, TEXTS + 1) if k < lags[-1]]
    return np.asarray(np.max([standardised(weight @ near) for weight in weights], axis=0), dtype=np.float64)


def _likeness(rows: Sequence[str]) -> NDArray[np.float64]:
    """(n, n) cosine of the rows' sets of words, weighted by how few rows have a word."""
    from scipy import sparse

    vocabulary: dict[str, int] = {}
    sets = [{vocabulary.setdefault(word, len(vocabulary)) for word in re.findall(r"\w+", row.lower())} for row in rows]
    counts = np.array([len(words) for words in sets])
    columns = np.array([index for words in sets for index in sorted(words)], dtype=np.int64)
    # Inverse document frequency: rare words link neighbours, common ones link all rows.
    weight = np.log((1 + len(rows)) / (1 + np.bincount(columns, minlength=len(vocabulary)))) if len(columns) else np.zeros(0)
    matrix = sparse.csr_array(
        (weight[columns], columns, np.concatenate([[0], np.cumsum(counts)])), shape=(len(rows), max(len(vocabulary), 1))
    )
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel()
    scaled = sparse.csr_array(sparse.diags_array(1 / np.maximum(norm, 1e-12)) @ matrix)
    return np.asarray((scaled @ scaled.T).todense())


def _unusual(alike: NDArray[np.float64], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) largest deviation, over lags up to `LAGS`, of the mean of alike[a, b] at that lag from its usual value.

    In standard deviations over the orders. Two-sided: alternating rows are unlike their neighbours.
    """
    largest = np.zeros(len(orders))
    for lag in range(1, min(LAGS, orders.shape[1] - 2) + 1):
        mean = alike[orders[:, :-lag], orders[:, lag:]].mean(axis=1)
        largest = np.maximum(largest, np.abs(mean - mean.mean()) / max(mean.std(), 1e-12))
    return largest


def _same(word: int) -> OfOrders:
    """The statistic (orders,) of shared first (0) or last (-1) words: how unusually often rows up to `LAGS` apart share one."""

    def statistic(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
        words = np.array([(row.lower().split() or [""])[word] for row in rows])
        return _unusual((words[:, None] == words[None, :]).astype(np.float64), orders)

    return statistic


def _place(
    values: Callable[[Sequence[str]], Sequence[float]],
) -> OfOrders:
    """The statistic (orders,) of a value of rows: its |Spearman correlation| with their places."""

    def statistic(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
        from scipy.stats import rankdata

        ranks = rankdata(values(rows)) - (len(rows) + 1) / 2
        place = np.arange(len(rows)) - (len(rows) - 1) / 2
        scale = np.sqrt((ranks**2).sum() * (place**2).sum())
        return np.asarray(np.abs(ranks[orders] @ place) / max(scale, 1e-12), dtype=np.float64)

    return statistic


def _alphabetical(rows: Sequence[str]) -> list[float]:
    place = {row: float(rank) for rank, row in enumerate(sorted(set(rows)))}
    return [place[row] for row in rows]


def _first_number(rows: Sequence[str]) -> list[float]:
    matches = [re.search(r"\d+", row) for row in rows]
    return [float(match[0][:15]) if match else -1.0 for match in matches]


RUNNING_ON = "how rows end and the next ones begin"
"""Name of the sign that rows are pieces of one text."""

RUNNING_ON_LATER = "how rows end and those some places on begin"
"""Name of the sign that rows are pieces of texts that take turns."""

STORY = "likeness of rows of one story"
"""Name of the sign that rows are sentences of a story, or of several one after the other or in turn."""

REPEATING = "rows that follow one another again"
"""Name of the sign that the data set holds a stretch of its rows more than once; looked for where rows repeat."""


def repeats(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) how many pairs of neighbouring rows occurred earlier already. A model copies what it has just read."""
    number = {row: place for place, row in enumerate(dict.fromkeys(rows))}
    text = np.array([number[row] for row in rows])[orders]
    pairs = np.sort(text[:, :-1] * len(number) + text[:, 1:], axis=1)
    return np.asarray((pairs[:, 1:] == pairs[:, :-1]).sum(axis=1), dtype=np.float64)


WEIGHTS = {RUNNING_ON: 6, RUNNING_ON_LATER: 2}
"""Weight of a sign, by which the level is divided; of any other sign 1.

A data set of twenty rows has few joins to show that it runs on, and a model finds such an order likelier whether it has read
it or not.
"""

OF_ORDERS: dict[str, OfOrders] = {
    "likeness of rows near each other": _neighbours,
    "beginnings of rows near each other": _same(0),
    "endings of rows near each other": _same(-1),
    "place and length": _place(lambda rows: [float(len(row)) for row in rows]),
    "place and alphabet": _place(_alphabetical),
    "place and first number": _place(_first_number),
    RUNNING_ON: runs_on,
    RUNNING_ON_LATER: runs_on_later,
    STORY: _stories,
    "place and counter": _place(lambda rows: list(map(counter, rows))),
}
"""Sign of an order -> its statistic."""
