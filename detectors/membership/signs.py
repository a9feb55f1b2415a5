"""Signs in the texts themselves, without a model: that rows were sorted or run on, or that public versions differ."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.running_on import runs_on

if TYPE_CHECKING:
    from llm_audit.detectors.membership.paired import Pair

LAGS = 10
"""Largest distance, in rows, between rows that are compared."""

OfOrders = Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float64]]
"""Function from rows (n,) and orders of them (orders, n) to a statistic of each order, (orders,)."""


def _neighbours(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) deviation of the mean similarity (cosine of word sets) of rows up to `LAGS` apart from its usual value."""
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
    return _unusual(np.asarray((scaled @ scaled.T).todense()), orders)


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
    """A statistic: how unusual the frequency is with which rows up to `LAGS` apart share their first (0) or last (-1) word."""

    def statistic(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
        words = np.array([(row.lower().split() or [""])[word] for row in rows])
        return _unusual((words[:, None] == words[None, :]).astype(np.float64), orders)

    return statistic


def _place(
    values: Callable[[Sequence[str]], Sequence[float]],
) -> OfOrders:
    """A statistic: |Spearman correlation| of a row's place with a value of it, (orders,)."""

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

OF_ORDERS: dict[str, OfOrders] = {
    "likeness of rows near each other": _neighbours,
    "beginnings of rows near each other": _same(0),
    "endings of rows near each other": _same(-1),
    "place and length": _place(lambda rows: [float(len(row)) for row in rows]),
    "place and alphabet": _place(_alphabetical),
    "place and first number": _place(_first_number),
    RUNNING_ON: runs_on,
}
"""Sign of an order -> its statistic."""


def words_of(text: str) -> set[str]:
    """The distinct words of a text, in lower case."""
    return set(re.findall(r"\w+", text.lower()))


def weights_of(pairs: Sequence[Pair]) -> dict[str, float]:
    """Word -> how much more often it occurs in public versions: z of a sign test; words in fewer than 4 items are left out."""
    more: dict[str, list[int]] = {}
    for pair in pairs:
        public, private = words_of(pair.public), [words_of(text) for text in pair.private]
        for word in public ^ set().union(*private):
            more.setdefault(word, []).append(1 if word in public else -1)
    return {word: sum(signs) / len(signs) ** 0.5 for word, signs in more.items() if len(signs) >= 4}


def usual_pairs(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """(items, versions) how usual the word pairs of a version are, judged by the other documents alone.

    Mean of log(1 + frequency of a pair there, in public and private versions alike), which does not depend on the choice of
    the versions that were published.
    """
    counted: Counter[tuple[str, str]] = Counter()
    by_document: dict[str, Counter[tuple[str, str]]] = {}
    for pair in pairs:
        counts = by_document.setdefault(pair.document, Counter())
        for text in (pair.public, *pair.private):
            counts.update(_neighbouring(text))
    for counts in by_document.values():
        counted.update(counts)

    def usual(text: str, document: str) -> float:
        logs = [math.log1p(counted[two] - by_document[document][two]) for two in _neighbouring(text)]
        return sum(logs) / max(len(logs), 1)

    return np.array([[usual(text, pair.document) for text in (pair.public, *pair.private)] for pair in pairs])


def _neighbouring(text: str) -> list[tuple[str, str]]:
    return list(pairwise(re.findall(r"\w+", text.lower())))


OF_TEXTS: dict[str, Callable[[str], float]] = {
    "length": lambda text: float(len(text)),
    "digits": lambda text: sum(character.isdigit() for character in text) / len(text),
    "punctuation": lambda text: len(re.findall(r"[^\w\s]", text)) / len(text),
    "capitals": lambda text: sum(character.isupper() for character in text) / len(text),
    "long words": lambda text: len(re.findall(r"\w", text)) / max(len(re.findall(r"\w+", text)), 1),
}
"""Name -> quantity measured of each version; more of it, and less of it, in public versions are one sign each."""
