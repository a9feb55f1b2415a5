"""Signs in the texts themselves, without a model, that tell public from private versions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from llm_audit.stats import permutation

if TYPE_CHECKING:
    from llm_audit.detectors.membership.paired import Pair


def words_of(text: str) -> set[Hashable]:
    """What is in a text: its words in lower case, other characters (punctuation, white space), and how its sentences begin.

    The latter are its first word, the first words of neighbouring sentences, and the last two words of all.
    """
    sentences = [words for part in re.split(r"(?<=[.!?])\s+", text) if (words := re.findall(r"\w+|[^\w\s]", part))]
    firsts = [words[0] for words in sentences]
    around = [("first", *firsts[:1]), ("last", *(sentences or [[]])[-1][-2:]), *pairwise(firsts)]
    return {*re.findall(r"\w+|\W", text.lower()), *around}


def telling(pairs: Sequence[Pair], rng: Generator, draws: int = 999) -> permutation.Outcome:
    """Whether public versions have anything in them (`words_of`) again and again that private ones lack, or the reverse.

    The statistic is the sum over pairs of documents of the inner product of what sets their public versions apart: the
    presence of each part less its mean over the other versions, divided by the root of the number of documents in which
    versions differ in it. Null: which version is the public one was drawn for each document; exact.
    """
    from scipy import sparse

    number: dict[str, int] = {}
    parts: dict[Hashable, int] = {}
    entries = Counter[tuple[int, int]]()
    size = 1 + len(pairs[0].private)
    for pair in pairs:
        group = number.setdefault(pair.document, len(number))
        for version, text in enumerate((pair.public, *pair.private)):
            for part in words_of(text):
                entries[group * size + version, parts.setdefault(part, len(parts))] += 1
    rows, columns = np.array(list(entries), dtype=np.int64).T
    shape = (len(number) * size, len(parts))
    there = sparse.csr_array((np.array(list(entries.values()), dtype=np.float64), (rows, columns)), shape=shape)
    within = sparse.kron(sparse.eye_array(len(number)), np.ones((size, size)))
    apart = (there * size - within @ there) / (size - 1)
    apart.eliminate_zeros()
    differs = sparse.csr_array(abs(sparse.kron(sparse.eye_array(len(number)), np.ones((1, size))) @ abs(apart)) > 0)
    apart = apart @ sparse.diags_array(1 / np.sqrt(np.maximum(differs.sum(axis=0), 1)))
    inner = np.asarray((apart @ apart.T).todense())
    start = size * np.arange(len(number))
    chosen = start + np.vstack([np.zeros((1, len(start)), np.int64), rng.integers(size, size=(draws, len(start)))])
    values = np.array([inner[np.ix_(choice, choice)].sum() - inner[choice, choice].sum() for choice in chosen])
    values[np.abs(values - values[0]) <= 1e-9 * np.abs(inner).max()] = values[0]  # equal choices stay tied
    return permutation.monte_carlo(float(values[0]), values[1:])


def likeness(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """(items, versions) mean share of runs of three characters that a version has in common with each other one of its item.

    Private versions that were made from the public one are likest to it; of two versions, each is as like the other.
    """

    def shared(runs: set[Hashable], others: list[set[Hashable]]) -> float:
        return float(np.mean([len(runs & other) / len(runs | other) for other in others]))

    of_items = [[set(neighbouring_characters(text)) for text in (pair.public, *pair.private)] for pair in pairs]
    return np.array([[shared(runs[at], runs[:at] + runs[at + 1 :]) for at in range(len(runs))] for runs in of_items])


def usual(pairs: Sequence[Pair], parts: Callable[[str], Sequence[Hashable]]) -> NDArray[np.float64]:
    """(items, versions) how usual the parts of a version are, judged by the other documents alone.

    Mean of log(1 + frequency of a part there, in public and private versions alike), which does not depend on the choice of
    the versions that were published.
    """
    texts = [[parts(text) for text in (pair.public, *pair.private)] for pair in pairs]
    by_document: dict[str, Counter[Hashable]] = {}
    for pair, versions in zip(pairs, texts, strict=True):
        for version in versions:
            by_document.setdefault(pair.document, Counter()).update(version)
    counted = Counter[Hashable]()
    for counts in by_document.values():
        counted.update(counts)

    def mean(version: Sequence[Hashable], document: Counter[Hashable]) -> float:
        return sum(math.log1p(counted[part] - document[part]) for part in version) / max(len(version), 1)

    rows = zip(pairs, texts, strict=True)
    return np.array([[mean(version, by_document[pair.document]) for version in versions] for pair, versions in rows])


def neighbouring_words(text: str) -> list[Hashable]:
    """The pairs of neighbouring words of a text, in lower case."""
    return list(pairwise(re.findall(r"\w+", text.lower())))


def neighbouring_characters(text: str) -> list[Hashable]:
    """The runs of three characters of a text, which has a line feed at either end."""
    text = f"\n{text}\n"
    return [text[at : at + 3] for at in range(len(text) - 2)]


OF_TEXTS: dict[str, Callable[[str], float]] = {
    "length": lambda text: float(len(text)),
    "digits": lambda text: sum(character.isdigit() for character in text) / len(text),
    "punctuation": lambda text: len(re.findall(r"[^\w\s]", text)) / len(text),
    "capitals": lambda text: sum(character.isupper() for character in text) / len(text),
    "long words": lambda text: len(re.findall(r"\w", text)) / max(len(re.findall(r"\w+", text)), 1),
}
"""Name -> quantity measured of each version; more of it, and less of it, in public versions are one sign each."""
