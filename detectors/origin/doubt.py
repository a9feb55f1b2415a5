"""Texts on which a small p-value says nothing of who wrote them: those that models know by heart, and those that repeat
themselves.

Both are as predictable as machine writing, for reasons of their own. What was measured stands beside the constants.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_audit.results.documents import Doubt
from llm_audit.scoring.tokens import TokenScores

SEQUENCE = 8
"""Words of a sequence that counts as repeated when it occurs again."""

MOST_REPEATED = 0.3
"""Share of all words that stand in such sequences: more have 1 of 5,529 human texts of 64 to 256 tokens, and 1 of 3,494 by
machines."""

RUN = 12
"""Tokens in a row of which each was the model's first choice."""

MOST_RECITED = 0.4
"""Share of all tokens that stand in such runs."""


def doubt(text: str, windows: Sequence[TokenScores]) -> Doubt | None:
    """Why a finding on a text would say nothing; None: nothing is known against it.

    Args:
        text: as scored.
        windows: its scores.
    """
    if repeated_share(text) > MOST_REPEATED:
        return "repetitive"
    if recited_share(windows) > MOST_RECITED:
        return "known_by_heart"
    return None


def repeated_share(text: str) -> float:
    """Share of the words of a text that stand in a sequence of `SEQUENCE` words which has occurred before, in [0, 1]."""
    words = text.split()
    seen: set[tuple[str, ...]] = set()
    within = np.zeros(len(words), np.bool_)
    for start in range(len(words) - SEQUENCE + 1):
        sequence = tuple(words[start : start + SEQUENCE])
        if sequence in seen:
            within[start : start + SEQUENCE] = True
        seen.add(sequence)
    return float(within.mean()) if words else 0.0


def recited_share(windows: Sequence[TokenScores]) -> float:
    """Share of the tokens that stand in runs of `RUN` or more tokens of which each was the model's first choice, in [0, 1]."""
    total = recited = 0
    for window in windows:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], window.rank == 1, [0]]).astype(np.int8)))
        lengths = edges[1::2] - edges[0::2]
        recited += int(lengths[lengths >= RUN].sum())
        total += len(window)
    return recited / total if total else 0.0
