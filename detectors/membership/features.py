"""Features of texts that need no model: words, characters, and surface features such as length and dates.

Nothing here knows which side a text is on, so that learners can exclude their test texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import local_packages
from llm_audit.detectors.membership.collection import Item
from llm_audit.detectors.membership.overlap import words
from llm_audit.detectors.membership.running_on import english

Floats = NDArray[np.float64]
Indexes = NDArray[np.intp]

MOST_CHARACTERS = 10_000
"""Most characters of a text that are counted."""

MOST_FREQUENT = 3_000
"""Most words and word pairs, and most runs of characters, that a classifier uses: those in most training texts. Measured:
2,000, 5,000 and all of them find shifts equally well."""

SURFACE = (
    "length in characters",
    "length in words",
    "mean length of words",
    "words per sentence",
    "share of distinct words",
    "share of digits",
    "share of punctuation",
    "share of capital letters",
    "share of characters beyond ASCII",
    "share of line breaks",
    "share of doubled spaces",
    "web addresses",
    "texts that mention a year",
    "latest year mentioned",
    "earliest year mentioned",
    "date given with the text",
    "texts that begin with white space",
    "texts that end in white space",
    "share of other white space than spaces and line breaks",
    "texts that begin with a small letter",
    "usual order of words in English",
    "share of words that no other text has",
)
"""Names of the columns of `Features.surface`."""

_TOKEN = r"\w+|[^\w\s]"
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


class Features(NamedTuple):
    """The counts and surface features of n texts.

    Attributes:
        tokens: (n, v) sparse counts of words and symbols in lower case and of pairs of neighbours.
        names: (v,) of those, such as "of the".
        characters: (n, c) sparse counts of one to three characters in a row.
        surface: (n, len(SURFACE)), NaN where a text has no value, such as the latest year in one without a year.
    """

    tokens: Any
    names: NDArray[np.str_]
    characters: Any
    surface: Floats


def count(items: Sequence[Item]) -> Features:
    """Count everything once. The words to use and their weights are chosen later, by training texts alone."""
    with local_packages():
        from sklearn.feature_extraction.text import CountVectorizer
    texts = [item.text[:MOST_CHARACTERS] for item in items]
    tokens = CountVectorizer(token_pattern=_TOKEN, ngram_range=(1, 2), dtype=np.float32)
    counted = tokens.fit_transform(texts)
    characters = CountVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, dtype=np.float32).fit_transform(texts)
    columns = np.column_stack([np.array([surface(item) for item in items]), _unshared(items)])
    return Features(counted, tokens.get_feature_names_out(), characters, columns)


def _unshared(items: Sequence[Item]) -> Floats:
    """(n,) share of the distinct words of each text that no other text has; which side a text is on does not matter."""
    sets = [set(words(item.text)) for item in items]
    frequency = Counter(word for distinct in sets for word in distinct)
    return np.array([sum(frequency[word] == 1 for word in distinct) / max(1, len(distinct)) for distinct in sets])


def surface(item: Item) -> list[float]:
    """(len(SURFACE) - 1,) surface features of one text; the last one depends on the others."""
    text, text_words = item.text, words(item.text)
    years = [int(year) for year in _YEAR.findall(text)]
    n, n_words = max(1, len(text)), max(1, len(text_words))
    return [
        len(text),
        len(text_words),
        sum(map(len, text_words)) / n_words,
        len(text_words) / max(1, len(re.findall(r"[.!?。！？]+", text))),
        len(set(text_words)) / n_words,
        sum(map(str.isdigit, text)) / n,
        len(re.findall(r"[^\w\s]", text)) / n,
        sum(map(str.isupper, text)) / n,
        sum(character > "\x7f" for character in text) / n,
        text.count("\n") / n,
        text.count("  ") / n,
        len(re.findall(r"https?://|www\.", text)),
        float(bool(years)),
        max(years, default=np.nan),
        min(years, default=np.nan),
        _as_years(item.date),
        float(text[:1].isspace()),
        float(text[-1:].isspace()),
        len(re.findall(r"[^\S \n]", text)) / n,
        float(text.lstrip()[:1].islower()),
        english(text[:MOST_CHARACTERS]),
    ]


def _as_years(date: str) -> float:
    """A date that begins with YYYY, YYYY-MM or YYYY-MM-DD, as years; NaN for any other."""
    match = _DATE.match(date)
    if not match:
        return np.nan
    year, month, day = (int(part or 1) for part in match.groups())
    return year + (month - 1) / 12 + (day - 1) / 365


def views(features: Features, training: Indexes) -> list[NDArray[np.float32]]:
    """Three (n, columns) matrices: tokens, characters, surface; columns and weights are chosen by the training texts."""
    return [
        _weighted(features.tokens, training),
        _weighted(features.characters, training),
        _graded(features.surface, training),
    ]


def _weighted(counts: Any, training: Indexes) -> NDArray[np.float32]:
    """Rows of unit length: log(1 + count) times the inverse document frequency in the training texts."""
    frequency = np.asarray((counts[training] > 0).sum(axis=0)).ravel()
    frequent = np.argsort(-frequency, kind="stable")[:MOST_FREQUENT]
    frequent = frequent[frequency[frequent] >= 2]
    weights = np.log((1 + len(training)) / (1 + frequency[frequent])) + 1
    weighted = np.log1p(counts[:, frequent].toarray()) * weights.astype(np.float32)
    unit: NDArray[np.float32] = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-9)
    return unit


def _graded(surface: Floats, training: Indexes) -> NDArray[np.float32]:
    """Each column as ten overlapping basis functions of its rank among the training texts; their mean for a missing value.

    A linear rule over them can follow any smooth curve of the rank, such as "neither short nor long" or "after 2022". A missing
    value is no evidence: one side may have come without dates.
    """
    centres, columns = np.linspace(0.05, 0.95, 10), []
    for column in surface.T:
        known = np.sort(column[training][~np.isnan(column[training])])
        if len(known) and known[0] < known[-1]:
            rank = (np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")) / (2 * len(known))
            grades = np.exp(-(((rank[:, None] - centres) / 0.15) ** 2) / 2)
            there = ~np.isnan(column)
            mean = grades[np.intersect1d(training, np.flatnonzero(there))].mean(axis=0)
            columns.append(np.where(there[:, None], grades, mean))
    return np.hstack([np.zeros((len(surface), 1)), *columns]).astype(np.float32)


def presence(features: Features, training: Indexes) -> tuple[list[str], Floats]:
    """Names and (n, k) values of features shown to readers: the surface, and 1 or 0 for tokens in at least 5 training texts."""
    there = features.tokens > 0
    frequency = np.asarray(there[training].sum(axis=0)).ravel()
    frequent = np.argsort(-frequency, kind="stable")[:MOST_FREQUENT]
    frequent = frequent[frequency[frequent] >= 5]
    names = [*SURFACE, *(_in_words(name) for name in features.names[frequent])]
    return names, np.hstack([features.surface, there[:, frequent].toarray().astype(np.float64)])


def _in_words(name: str) -> str:
    parts = name.split(" ")
    if not all(re.fullmatch(r"\w+", part) for part in parts):
        return f'{"character" if len(parts) == 1 else "sequence"} "{name}"'
    return f'{"word" if len(parts) == 1 else "words"} "{name}"'
