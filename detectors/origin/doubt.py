"""Texts whose small p-value is no evidence of a machine author: those that models know by heart, and repetitive ones.

Both are as predictable as machine writing, for other reasons. Measurements are beside the constants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from llm_audit.detectors.origin import classifier, log_rank, lrr
from llm_audit.results.documents import Doubt

SEQUENCE = 8
"""Length in words of the sequences whose repeats are counted; a power of two."""

MOST_REPEATED = 0.3
"""Largest share of words in repeated sequences: 1 of 5,529 human texts of 64 to 256 tokens, and 1 of 3,494 machine texts,
exceed it."""

MOST_UNUSUAL, LEAST_HUMAN = 0.01, 0.003
"""A text counts as known by heart if its p-values by log-rank and by LRR are at most the first number and that by the
classifier is above the second: every next word is as expected, but the style is not a machine's. So it was for all six
findings among twelve famous texts, from which the second number was chosen (Genesis 1, Lord's Prayer, constitution and
declaration of the United States, MIT licence, A Tale of Two Cities; classifier .007 to .12). Of other findings at .01 it
takes back 8 of 832 machine and 9 of 121 human texts of sources left out of training and population, and 5 of 200 machine
texts that are hard to find. Runs of first choices, by which large models betray recitation, are no longer in the famous
texts than in others (8 to 20 tokens): a model of 135 million parameters knows no text well enough."""


def doubt(text: str, p_values: Mapping[str, float | None]) -> Doubt | None:
    """The reason why a finding on a text would be no evidence; None: there is none.

    Args:
        text: as scored.
        p_values: of single detectors, by code. Recitation is checked only if all three that it needs are there.
    """
    if repeated_share(text) > MOST_REPEATED:
        return "repetitive"
    first, second, style = (p_values.get(code) for code in (log_rank.rule.code, lrr.rule.code, classifier.CODE))
    if first is None or second is None or style is None:
        return None
    return "known_by_heart" if max(first, second) <= MOST_UNUSUAL and style > LEAST_HUMAN else None


def repeated_share(text: str) -> float:
    """Share of a text's words that are in a sequence of `SEQUENCE` words which occurred before, in [0, 1]."""
    known: dict[str, int] = {}
    numbers = np.fromiter((known.setdefault(word[0], len(known)) for word in re.finditer(r"\S+", text)), np.int64)
    count = len(numbers)
    if count < SEQUENCE:
        return 0.0
    length = 1
    while length < SEQUENCE:  # a sequence is a pair of numbered halves, so that no set of sequences is stored
        numbers = np.unique(numbers[:-length] * count + numbers[length:], return_inverse=True)[1]
        length *= 2
    again = np.ones(len(numbers), np.bool_)
    again[np.unique(numbers, return_index=True)[1]] = False
    within = np.zeros(count, np.bool_)
    for place in range(SEQUENCE):
        within[np.flatnonzero(again) + place] = True
    return float(within.mean())
