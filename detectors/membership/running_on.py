"""A sign, without a model, that rows run on: a row stops in mid-sentence, and the next one continues it.

The rows of a story cut into pieces are not exchangeable, even if the user states that chance decided their order. The table
of which kinds of words follow which in English is counted by `tools/build_running_on.py`. For rows in another language it has
little power, but the right size: the p-value is that of a permutation of the rows, whatever the table holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

SHIPPED = Path(__file__).with_name("running_on.safetensors")

SCALE = 16
"""Steps of the table per nat."""

TEXTS = 6
"""Most texts that take turns, a row each, for which signs look."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_END_OF_SENTENCE = re.compile(r"[.!?…]['\"”’)\]]*$")
_SUFFIXES = ("ing", "ed", "ly", "s")


def kind_of_beginning(piece: str, common: frozenset[str]) -> str:
    """Kind of the first word of a row: a common word itself, as it is written, else its shape."""
    match = _WORD.search(piece)
    if match is None:
        return "<sign>"
    word = match[0].replace("’", "'")
    lower = word.lower()
    if word[0].isdigit():
        return "<number>"
    if lower in common:
        return lower.capitalize() if word[0].isupper() else lower
    if word[0].isupper():
        return "<capital>"
    return next((f"<{suffix}>" for suffix in _SUFFIXES if lower.endswith(suffix)), "<word>")


def kind_of_end(piece: str, common: frozenset[str]) -> str:
    """Kind of the last word of a row: the punctuation after it takes precedence; case is ignored."""
    if _END_OF_SENTENCE.search(piece):
        return "<end>"
    if piece.endswith((",", ";", ":")):
        return "<comma>"
    kind = kind_of_beginning(piece, common)
    return kind if kind.startswith("<") else kind.lower()


@dataclass(frozen=True, eq=False)
class Following:
    """Table of how much more often than by chance a kind of beginning follows a kind of end.

    Attributes:
        table: (ends, beginnings) log-ratio in nats times `SCALE`, int8; 0: as often as by chance.
        ends: kinds of ends, in the order of the rows of the table.
        beginnings: kinds of beginnings.
        common: words that are kinds of their own, in lower case.
    """

    table: NDArray[np.int8]
    ends: dict[str, int]
    beginnings: dict[str, int]
    common: frozenset[str]

    def runs_on(self, rows: Sequence[str], orders: NDArray[np.int64], lag: int = 1) -> NDArray[np.float64]:
        """(orders,) mean log-ratio in each order of n > `lag` rows, over the n - lag rows and those so many places on, nats."""
        pieces = [row.split() or [""] for row in rows]
        ends = np.array([self.ends.get(kind_of_end(words[-1], self.common), -1) for words in pieces])
        beginnings = np.array([self.beginnings.get(kind_of_beginning(words[0], self.common), -1) for words in pieces])
        # Unknown kinds have log-ratio 0: index -1 selects a row and a column of zeros.
        table = np.pad(self.table.astype(np.int64), ((0, 1), (0, 1)))
        # Integers, so that two orders with the same joins are exactly tied.
        total = table[ends[orders[:, :-lag]], beginnings[orders[:, lag:]]].sum(axis=1)
        return np.asarray(total / (SCALE * (orders.shape[1] - lag)), dtype=np.float64)


@cache
def shipped() -> Following:
    """The table that ships with llm-audit."""
    with safe_open(SHIPPED, framework="numpy") as file:
        card, table = json.loads(file.metadata()["card"]), file.get_tensor("following")
    ends, beginnings = ({kind: at for at, kind in enumerate(card[side])} for side in ("ends", "beginnings"))
    return Following(table, ends, beginnings, frozenset(card["common"]))


def runs_on(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) how well successive rows continue one another in each order, by the shipped table."""
    return shipped().runs_on(rows, orders)


def runs_on_later(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) how well rows go on in those 2 to `TEXTS` places on, as where so many texts take turns.

    The largest over these distances, in standard deviations over the orders: one permutation test of the maximum.
    """
    lags = range(2, min(TEXTS, orders.shape[1] - 2) + 1)
    return np.asarray(np.max([standardised(shipped().runs_on(rows, orders, lag)) for lag in lags], axis=0), dtype=np.float64)


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values less their mean, in standard deviations of them; 0 where all are alike."""
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-12), dtype=np.float64)


def english(text: str) -> float:
    """How usual the order of a text's words is in English: mean log-ratio over neighbouring words, nats."""
    words = text.split()
    return float(runs_on(words, np.arange(len(words))[None])[0]) if len(words) > 1 else 0.0
