"""Are the p-values of human texts uniform? Each fifth of the population is judged by the other four fifths.

`python -m benchmarks.uniform [TOKENS]` prints the table of `docs/measurements/false-alarms.md`, from cached scores, or, of all
texts cut to so many tokens, that of `docs/decisions/windows.md`. Divided by source document, or prompt, so that no text is
judged by another piece of its own. No text of the population trained the classifier.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from llm_audit.detectors import find
from llm_audit.detectors.populations import DEFAULT_POPULATION, load
from llm_audit.detectors.populations.population import STRETCHES, Stretch
from llm_audit.stats.conformal import Ranked
from llm_audit.training.labelled import Labelled
from tools.build_population import kind, members_of, writer
from tools.score_corpus import default_session

FOLDS = 5

LEVELS = (0.05, 0.01, 0.002, 0.0005)

LENGTHS = (64, 128, 192, 256)
"""Shortest of each group of lengths, in tokens."""


@dataclass(frozen=True)
class Judged:
    """A text of the population, judged by texts of other documents."""

    text: Labelled
    length: int  # tokens of its beginning that was judged
    p_value: float


def fold(text: Labelled) -> int:
    """Texts of one document, or of one prompt, are in one fold."""
    return hashlib.sha256(f"uniform {text.pair or text.text}".encode()).digest()[0] % FOLDS


def judge(tokens: int | None = None) -> list[Judged]:
    """Every text of the shipped population, each judged at its own length, as far as windows go.

    Args:
        tokens: cut all to that length, one of `LENGTHS` of a population, and leave out shorter ones.
    """
    population, detectors = load(DEFAULT_POPULATION), find(())
    table = np.stack([population.scores[detector.code] for detector in detectors], axis=-1).astype(np.float64)
    weights = [detector.weight for detector in detectors]
    members = list(members_of(default_session()))
    if len(members) != population.n:
        raise SystemExit("The shipped population is not made of this sample: run `python -m tools.build_population` first.")
    texts = [text for text, _ in members]
    lengths = [tokens or population.beginning(len(scores)).stop for _, scores in members]
    folds = np.array([fold(text) for text in texts])
    references: dict[tuple[int, int], Ranked] = {}
    found = []
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        column = STRETCHES.index(Stretch(0, length))
        if not np.isfinite(table[row, column]).all():
            continue
        key = int(folds[row]), column
        if key not in references:
            others = table[folds != folds[row], column]
            references[key] = Ranked(others[np.isfinite(others).all(axis=1)])
        extreme = references[key].at_least_as_extreme(table[row, column], weights)
        found.append(Judged(text, length, (1 + int(extreme.sum())) / (len(extreme) + 1)))
    return found


def band(n: int, level: float) -> str:
    """How many of n uniform p-values are at most `level`, in 99 of 100 draws."""
    return "{:.0f}-{:.0f}".format(*binom.interval(0.99, n, level))


def row(name: str, p: NDArray[np.float64]) -> str:
    """A line of the table; counts outside the band are bold."""
    cells = []
    for level in LEVELS:
        count, (lower, upper) = int((p <= level).sum()), binom.interval(0.99, len(p), level)
        shown = str(count) if lower <= count <= upper else f"**{count}**"
        cells.append(f"{shown} ({count / len(p):.4f}; {band(len(p), level)})")
    return f"| {name} | {len(p)} | " + " | ".join(cells) + " |"


def _by_number(name: str) -> tuple[list[int], str]:
    """Key of a group: lengths by their numbers, all others by name."""
    return [int(word) for word in name.split() if word.isdigit()], name


def tables(judged: Sequence[Judged]) -> None:
    """Print a line for all texts and one for each group of them, by length, writer and kind."""
    p = np.array([one.p_value for one in judged])
    print("| human texts | n |" + "".join(f" p <= {level:g}: count (share; 99 % band) |" for level in LEVELS))
    print("|---|---|" + "---|" * len(LEVELS))
    print(row("all", p))

    def length(one: Judged) -> str:
        lower = max(edge for edge in LENGTHS if edge <= one.length)
        upper = min((edge for edge in LENGTHS if edge > one.length), default=None)
        return f"of {lower} to {upper - 1} tokens" if upper else f"of {lower} tokens or more"

    ways: tuple[Callable[[Judged], str], ...] = (length, lambda one: writer(one.text), lambda one: kind(one.text))
    for of in ways:
        groups = np.array([of(one) for one in judged])
        for group in sorted(set(groups.tolist()), key=_by_number):
            print(row(group, p[groups == group]))


def main(tokens: int | None = None) -> None:
    """Print the table."""
    tables(judge(tokens))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
