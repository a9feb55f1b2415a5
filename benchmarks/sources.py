"""Kinds of text that nobody saw: one source at a time is left out of the training and of the population, and judged.

`python -m benchmarks.sources [TOKENS]` prints the tables of `docs/measurements/sources.md`, from cached scores. Sources are
divided into `FOLDS` folds; for each, a head is trained and a population is made without the fold's sources, and its texts,
human and machine, are judged as `detect` judges a text of one window. A machine source without human text is left out likewise.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors import find
from llm_audit.detectors.populations import MINIMUM_TOKENS
from llm_audit.scoring.tokens import STATE_BLOCK, TokenScores
from llm_audit.stats.classification import binomial_interval
from llm_audit.stats.conformal import Ranked
from llm_audit.training import heads
from llm_audit.training.features import WINDOW, Blocks, collect
from llm_audit.training.labelled import Labelled
from tools.score_corpus import PARTS, REQUEST, default_session, sample

FOLDS = 6

FIRST = ("l2r", "fastdetect", "fastdetect-open", "glimpse", "imbd", "outfox")
"""Sources of the first batch: they train and calibrate always, as pairs of one domain are what a head learns from."""

LEVELS = (0.05, 0.01, 0.002)


@dataclass(frozen=True, eq=False)
class Table:
    """Every text of the sample with what the detectors read. Short texts train the head and are not judged."""

    texts: Sequence[Labelled]
    parts: Sequence[str]
    blocks: Blocks  # of `length` tokens at most
    length: int  # tokens at which texts are judged, a multiple of 16
    long: NDArray[np.bool_]  # (n,), which texts have so many
    zero_shot: NDArray[np.float64]  # (n, 4); of short texts zeros
    lengths: NDArray[np.int64]  # (n,), multiples of 16 from 64 to `length`, drawn by a hash: as if texts were so long
    zero_shot_short: NDArray[np.float64]  # (n, 4), of so many tokens

    def rows(self, belongs: Callable[[Labelled, str], bool]) -> NDArray[np.int64]:
        """Positions of some texts."""
        pairs = zip(self.texts, self.parts, strict=True)
        return np.array([i for i, (text, part) in enumerate(pairs) if belongs(text, part)], dtype=np.int64)

    def judged(self, belongs: Callable[[Labelled, str], bool]) -> NDArray[np.int64]:
        """Positions of some texts that are long enough."""
        rows = self.rows(belongs)
        return rows[self.long[rows]]


LENGTH = 208
"""Tokens at which texts are judged, unless another length is asked for."""


def load(length: int = LENGTH) -> Table:
    """All parts of the sample, from the cache."""
    texts: list[Labelled] = []
    parts: list[str] = []
    scores: list[TokenScores] = []
    for name in PARTS:
        own = sample(name).texts
        for text, one in zip(own, default_session().score([text.text for text in own], REQUEST), strict=True):
            if len(one) >= MINIMUM_TOKENS:
                texts.append(text)
                parts.append(name)
                scores.append(one[:length])
    detectors = [detector for detector in find(()) if not detector.hidden_layers]
    steps = (length - MINIMUM_TOKENS) // STATE_BLOCK + 1
    draws = [hashlib.sha256(f"length {text.text}".encode()).digest()[0] % steps for text in texts]
    lengths = MINIMUM_TOKENS + STATE_BLOCK * np.array(draws)
    zero_shot, zero_shot_short = np.zeros((2, len(texts), len(detectors)))
    long = np.array([len(one) == length for one in scores])
    for i in np.flatnonzero(long):
        zero_shot[i] = [detector.statistic(scores[i]) for detector in detectors]
        zero_shot_short[i] = [detector.statistic(scores[i][: lengths[i]]) for detector in detectors]
    return Table(texts, parts, collect(scores), length, long, zero_shot, lengths, zero_shot_short)


def fold(source: str) -> int:
    """The fold in which a source is left out; -1: in none."""
    return -1 if source in FIRST else hashlib.sha256(f"fold {source}".encode()).digest()[0] % FOLDS


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One fold: which texts are judged and by which, and what all detectors say of every text; see `without`."""

    tested: NDArray[np.int64]
    reference: NDArray[np.int64]
    columns: NDArray[np.float64]  # (n, 5), of all texts of the table, the classifier last
    columns_short: NDArray[np.float64]  # likewise, of the texts as cut to `Table.lengths`


class Roles(NamedTuple):
    """Positions of the texts that train the head of a fold, make its population, and are judged."""

    training: NDArray[np.int64]
    reference: NDArray[np.int64]
    tested: NDArray[np.int64]


def roles(table: Table, out: int) -> Roles:
    """Who does what where a fold's sources are left out. Short texts train, too."""
    return Roles(
        table.rows(lambda text, part: part == "train" and fold(text.source) != out),
        table.judged(lambda text, part: part != "train" and text.label == "human" and fold(text.source) != out),
        table.judged(lambda text, part: fold(text.source) == out and text.label != "machine-revised"),
    )


WEIGHTS = (1.0, 1.0, 1.0, 1.0, find(("classifier",))[0].weight)
"""Of the columns in the combination."""


def left_out(table: Table, out: int) -> LeftOut:
    """A fold, with a head and a population that know none of its sources."""
    training, reference, tested = roles(table, out)
    blocks = table.blocks[training].beginnings(WINDOW // STATE_BLOCK)
    space = heads.space_of(blocks, [table.texts[i] for i in training])
    # The discriminant head of `heads.HeadNetwork`, whitening and weight folded into one vector.
    weight = space.whitening.T @ (space.whitening @ space.difference) / space.scale
    by_block = [np.clip(one - space.mean, -space.limit, space.limit) @ weight for one in table.blocks.features]
    logits = [one[: table.length // STATE_BLOCK].mean() for one in by_block]
    short = [one[: own // STATE_BLOCK].mean() for one, own in zip(by_block, table.lengths, strict=True)]
    columns = np.column_stack([table.zero_shot, np.array(logits, np.float64)])
    return LeftOut(tested, reference, columns, np.column_stack([table.zero_shot_short, np.array(short, np.float64)]))


def without(table: Table, out: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Texts of the fold's sources, and their p-values by a head and a population that know none of these sources."""
    found = left_out(table, out)
    return found.tested, p_values(found.columns[found.reference], found.columns[found.tested])


def p_values(reference: NDArray[np.float64], tested: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) ranks of n tested texts among m reference texts, as AUD100 ranks them; (m, 5) and (n, 5), the classifier last."""
    ranked = Ranked(reference)
    extreme = [ranked.at_least_as_extreme(one, WEIGHTS) for one in tested]
    return np.array([(1 + one.sum()) / (len(one) + 1) for one in extreme])


def interval(hits: NDArray[np.bool_]) -> str:
    """A share with its exact 95 % interval."""
    lower, upper = binomial_interval(int(hits.sum()), len(hits))
    return f"{hits.mean():.3f} [{lower:.3f}, {upper:.3f}]"


def main(length: int = LENGTH) -> None:
    """Print the tables for texts of so many tokens."""
    table = load(length)
    found = [without(table, out) for out in range(FOLDS)]
    rows, p = np.concatenate([rows for rows, _ in found]), np.concatenate([p for _, p in found])
    human = np.array([table.texts[i].label == "human" for i in rows])
    source = np.array([table.texts[i].source for i in rows])
    print(f"{human.sum()} human texts of {len(set(source[human]))} sources, {(~human).sum()} machine texts")
    print("| source left out | human texts |" + "".join(f" p <= {level:g} |" for level in LEVELS))
    print("|---|---|" + "---|" * len(LEVELS))
    names = sorted(set(source[human]), key=lambda name: -np.mean(p[human & (source == name)] <= LEVELS[0]))
    for name in ("all", *names):
        own = p[human & ((source == name) | (name == "all"))]
        print(f"| {name} | {len(own)} | " + " | ".join(interval(own <= level) for level in LEVELS) + " |")
    if human.all():
        return  # no machine text of the sample was scored at such a length
    print("\n| source left out | machine texts |" + "".join(f" found at p <= {level:g} |" for level in LEVELS[:2]))
    print("|---|---|---|---|")
    for name in ("all", *sorted(set(source[~human]))):
        own = p[~human & ((source == name) | (name == "all"))]
        print(f"| {name} | {len(own)} | " + " | ".join(interval(own <= level) for level in LEVELS[:2]) + " |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
