"""Maximum mean discrepancy of strings: a test whether two samples of texts, several per prompt, have the same distribution.

Null hypothesis: for each prompt, the texts of both sides are independent draws from one law (they are exchangeable); prompts
may differ as they like. Rejecting says that some law differs, not what is better. Texts are compared by code points, since
an endpoint returns text and not tokens; white space at the ends is the caller's decision.

With K(y, y') = k(y, y') / sqrt(k(y, y) k(y', y')) for texts y, y' of one prompt, and none for others,

    MMD = mean K(x, x') - 2 mean K(x, y) + mean K(y, y'),

each mean over all such pairs of all prompts. p by permutation of the labels within each prompt.

Source: Gao, Liang & Guestrin, "Model Equality Testing" (MET, ICLR 2025, arXiv 2410.20247), its kernels and statistic. Ours
differs: labels are permuted within prompts, not over all (which presumes equal shares of every prompt); p is (1 + b) / (1 + B)
and so never 0; the kernel is computed once, not per permutation; texts are padded to the longest of their prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from llm_audit.stats.permutation import Outcome, monte_carlo

Floats = NDArray[np.float64]
Kernel = Callable[[Sequence[str]], Floats]
"""Function from (n,) texts of one prompt to (n, n) k(y, y'), symmetric and positive semidefinite."""

LONGEST = 5
"""Longest substrings, in code points, that `spectrum` counts."""

SAME = 1e-9
"""Two texts whose K is above 1 less this count as the same."""


def hamming(texts: Sequence[str]) -> Floats:
    """The Hamming kernel of every two texts, (n, n): in how many positions they have the same code point.

    Texts are padded to the length of the longest, and padding equals padding.
    """
    length = max(map(len, texts), default=0)
    points = np.full((len(texts), length), -1, dtype=np.int64)
    for row, text in zip(points, texts, strict=True):
        row[: len(text)] = np.fromiter(map(ord, text), np.int64, len(text))
    matches = np.zeros((len(texts), len(texts)))
    for column in points.T:
        matches += column[:, None] == column
    return matches


def spectrum(texts: Sequence[str]) -> Floats:
    """The blended spectrum kernel of every two texts y and y', (n, n).

    The sum over all substrings s of 1 to `LONGEST` code points of (times s occurs in y) (times s occurs in y').
    """
    counters = [Counter(text[i : i + k] for k in range(1, LONGEST + 1) for i in range(len(text) - k + 1)) for text in texts]
    number = {substring: i for i, substring in enumerate(dict.fromkeys(chain.from_iterable(counters)))}
    rows = np.repeat(np.arange(len(texts)), [len(counter) for counter in counters])
    columns = np.array([number[substring] for counter in counters for substring in counter], dtype=np.int64)
    counts = np.array([times for counter in counters for times in counter.values()], dtype=np.float64)
    features = csr_array((counts, (rows, columns)), shape=(len(texts), max(1, len(number))))
    gram: Floats = (features @ features.T).toarray()
    return gram


def within_prompts(
    first: Sequence[tuple[Hashable, str]], second: Sequence[tuple[Hashable, str]], kernel: Kernel
) -> list[tuple[Floats, int]]:
    """For each prompt that both sides answered: K of its texts with zeros on the diagonal, and how many texts are of `first`.

    Args:
        first: (n,) prompt and text, such as the endpoint's. Prompts that only one side answered are left out.
        second: (m,) the same of the reference.
        kernel: of this module, or another.

    Raises:
        ValueError: no prompt has texts of both sides and at least three in all, so that no permutation changes anything.
    """
    sides: dict[Hashable, tuple[list[str], list[str]]] = {}
    for side, texts in enumerate((first, second)):
        for prompt, text in texts:
            sides.setdefault(prompt, ([], []))[side].append(text)
    shared = [(x, y) for x, y in sides.values() if x and y]
    if not any(len(x) + len(y) > 2 for x, y in shared):
        raise ValueError("the samples share no prompt that one of them answered more than once")
    return [(_normalised(kernel([*x, *y])), len(x)) for x, y in shared]


def permuted(likeness: Sequence[tuple[Floats, int]], generator: np.random.Generator, draws: int) -> Outcome:
    """Whether the two samples of `within_prompts` differ: MMD, with labels permuted within each prompt.

    For several allowed references, call it for each and take the largest p-value; its null is that at least one of them holds.

    Args:
        likeness: of `within_prompts`.
        generator: of the permutations.
        draws: how many, at least 1.
    """
    sums, pairs = np.zeros((draws + 1, 3)), np.zeros(3)  # of K over the pairs (x, x'), (x, y), (y, y'); row 0 as observed
    for gram, n in likeness:
        m = len(gram) - n
        labels = np.tile(np.arange(n + m) < n, (draws + 1, 1))
        labels[1:] = generator.permuted(labels[1:], axis=1)
        chosen = labels.astype(np.float64)
        within, of_first = ((chosen @ gram) * chosen).sum(axis=1), chosen @ gram.sum(axis=1)
        between = of_first - within
        sums += np.column_stack([within, between, gram.sum() - within - 2 * between])
        pairs += n * (n - 1), n * m, m * (m - 1)
    statistics = sums @ (np.array([1.0, -2.0, 1.0]) / np.maximum(pairs, 1))  # no pairs: a sum of 0
    # Equal divisions must stay tied: a difference in the last bit of a sum is not evidence.
    statistics[np.abs(statistics - statistics[0]) <= 1e-10] = statistics[0]
    return monte_carlo(statistics[0], statistics[1:])


def repetition(
    likeness: Sequence[tuple[Floats, int]], generator: np.random.Generator, draws: int, *, two_sided: bool = False
) -> Outcome:
    """Whether the first sample repeats its texts more than the second, with labels permuted within each prompt.

    Null: as of `permuted`. The statistic is the sum, over the prompts, of the share of texts that equal an earlier one of
    their sample and prompt: in the first sample less in the second.

    Args:
        likeness: of `within_prompts`.
        generator: of the permutations.
        draws: how many, at least 1.
        two_sided: whether the second may repeat itself more as well; then the absolute value of the statistic counts.
    """
    statistics = np.zeros(draws + 1)  # the first as observed
    for gram, n in likeness:
        texts, numbers = np.unique(_equal_texts(gram), return_inverse=True)
        size, m = len(gram), len(gram) - n
        if len(texts) == size:
            continue
        labels = np.tile(np.arange(size) < n, (draws + 1, 1))
        labels[1:] = generator.permuted(labels[1:], axis=1)
        counts = np.eye(len(texts))[numbers]
        first, second = (((side @ counts) > 0).sum(axis=1) for side in (labels.astype(float), (~labels).astype(float)))
        statistics += (n - first) / n - (m - second) / m
    if two_sided:
        statistics = np.abs(statistics)
    statistics[np.abs(statistics - statistics[0]) <= 1e-10] = statistics[0]
    return monte_carlo(statistics[0], statistics[1:])


def distinct(likeness: Sequence[tuple[Floats, int]]) -> list[tuple[Floats, int]]:
    """The similarities of `within_prompts` without the texts that equal an earlier one of the same sample and prompt."""
    kept = []
    for gram, n in likeness:
        texts = _equal_texts(gram)
        sides = (texts[:n], texts[n:])
        first, second = (np.sort(np.unique(side, return_index=True)[1]) for side in sides)
        rows = np.concatenate([first, n + second])
        kept.append((gram[np.ix_(rows, rows)], len(first)))
    return kept


def _equal_texts(gram: Floats) -> NDArray[np.int64]:
    """(n,) for each text of a matrix of `within_prompts` the number of the first one that equals it."""
    equal = gram > 1 - SAME
    np.fill_diagonal(equal, val=True)
    first: NDArray[np.int64] = equal.argmax(axis=1)
    return first


def _normalised(gram: Floats) -> Floats:
    """K with zeros on its diagonal; empty texts, whose k is 0, are equal to one another and unlike all others."""
    norms = np.sqrt(np.diag(gram))
    empty = norms == 0
    scale = np.where(empty, 1.0, norms)
    normalised: Floats = gram / scale[:, None] / scale + np.outer(empty, empty)
    np.fill_diagonal(normalised, 0.0)
    return normalised
