"""Verdicts over many texts at once: the false discovery rate over a corpus, or over the files of a gate.

Uses constant memory, five times `HELD` rows (80 MB). Knows nothing of texts: its input is p-values, their floors, and which
tests are of the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isnan
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.common.sorting import HELD, Pile, Rows, Sorter
from llm_audit.results import Discovery, Verdict
from llm_audit.stats.discovery import Adjusting, Reaching, fewest_findings

BINS = 20

ROW = np.dtype(
    [
        ("position", "<i8"),
        ("place", "<i8"),  # whatever the caller wants to have back with the verdict
        ("text", "<u8"),  # the same for the same text
        ("p_value", "<f8"),  # NaN: no test
        ("p_floor", "<f8"),  # the smallest p-value that could have come out
        ("q_value", "<f8"),
        ("possible", "?"),
        ("first", "?"),  # the first document with its text
    ]
)
"""Row of one document; the last three fields are computed."""

_FLOORS = np.dtype([("p_floor", "<f8"), ("tests", "<i8")])


class Judged(NamedTuple):
    """A document within its family. `q_value` and `verdict` are None where no test was made of it."""

    place: int
    q_value: float | None
    verdict: Verdict | None
    first: bool


@dataclass(frozen=True)
class Family:
    """Documents judged together, with one false discovery rate.

    Attributes:
        documents: how many different positions there are.
        tested: documents with a p-value; more than there are tests where texts repeat.
    """

    documents: int
    tested: int
    discovery: Discovery
    _rows: Sorter = field(repr=False)

    def __iter__(self) -> Iterator[Judged]:
        """The documents by position, once. Raises OSError."""
        for rows in self._rows:
            columns = (rows[name].tolist() for name in ("place", "p_value", "q_value", "possible", "first"))
            for place, p, q, possible, first in zip(*columns, strict=True):
                if isnan(p):
                    yield Judged(place, None, None, False)
                else:
                    yield Judged(place, q, self._verdict(q, possible), first)

    def _verdict(self, q: float, possible: bool) -> Verdict:
        if q <= self.discovery.alpha:
            return Verdict.FINDING
        return Verdict.PASS if possible else Verdict.INCONCLUSIVE


def rows_of(p_values: ArrayLike, floors: ArrayLike, texts: ArrayLike, positions: ArrayLike, places: ArrayLike = 0) -> Rows:
    """Rows of documents to be judged, from columns of shape (documents,); see `ROW`."""
    rows = np.zeros(len(np.asarray(p_values)), ROW)
    columns = {"p_value": p_values, "p_floor": floors, "text": texts, "position": positions, "place": places}
    for name, values in columns.items():
        rows[name] = values
    return rows


def judge(documents: Iterable[Rows], alpha: float, folder: Path | None = None, held: int = HELD) -> Family:
    """Benjamini-Hochberg over the distinct texts: a text that occurs a thousand times is still one test.

    Args:
        documents: some at a time, in any order; of several with one position the first counts.
        alpha: false discovery rate, in (0, 1).
        folder: where nameless files go once there are more than `held` documents; None: the system's temporary folder.
        held: rows in memory, in each of the sorts.

    Raises:
        OSError: the disk is full, or cannot be read.
    """
    final, by_position, by_text = (Sorter(ROW, itemgetter(name), folder, held) for name in ("position", "position", "text"))
    for rows in documents:
        by_position.add(rows)
    count = tested = 0
    for rows in _different(by_position):
        is_test = np.isfinite(rows["p_value"])
        count, tested = count + len(rows), tested + int(np.count_nonzero(is_test))
        final.add(rows[~is_test])
        by_text.add(rows[is_test])  # equal texts stay in the order of the corpus
    by_p, by_floor = Sorter(ROW, _downwards, folder, held), Sorter(_FLOORS, itemgetter("p_floor"), folder, held)
    tests = 0
    for rows in _first_of_each(by_text):
        tests += int(np.count_nonzero(rows["first"]))
        by_p.add(rows)
        by_floor.add(_counted(rows["p_floor"][rows["first"]]))
    # Adjusted p-values follow from the largest p-value down, and who could have been found from the smallest up.
    adjusting, reaching = Adjusting(tests), Reaching(tests, alpha)
    ordered, tally = Pile(ROW, folder, held), _Tally(alpha)
    for rows in by_p:
        rows["q_value"] = adjusting(rows["p_value"], rows["first"])
        ordered.add(rows)
    for rows in ordered.chunks(held, backwards=True):
        reached = reaching(rows["p_value"], rows["p_floor"], rows["first"])
        rows["possible"] = (rows["q_value"] <= alpha) | reached
        tally.add(rows[rows["first"]])
        final.add(rows)
    ordered.clear()
    fewest = fewest_findings(((rows["p_floor"], rows["tests"]) for rows in by_floor), tests, alpha)
    return Family(count, tested, tally.discovery(tests, fewest), final)


class _Tally:
    """Running counts over the tests of a family."""

    def __init__(self, alpha: float) -> None:
        self._alpha, self._floor = alpha, np.inf
        self._findings = self._at_floor = self._possible = self._low = 0
        self._histogram = np.zeros(BINS, np.int64)

    def add(self, rows: Rows) -> None:
        p, floor = rows["p_value"], rows["p_floor"]
        self._floor = min(self._floor, floor.min(initial=np.inf))
        self._findings += int(np.count_nonzero(rows["q_value"] <= self._alpha))
        self._at_floor += int(np.count_nonzero(p <= floor * (1 + 1e-9)))
        self._possible += int(np.count_nonzero(rows["possible"]))
        self._low += int(np.count_nonzero(p <= self._alpha))
        self._histogram += np.histogram(p, bins=BINS, range=(0.0, 1.0))[0]

    def discovery(self, tests: int, fewest: int | None) -> Discovery:
        return Discovery(
            alpha=self._alpha,
            tests=tests,
            found=self._findings,
            floor=float(self._floor) if tests else None,
            at_floor=self._at_floor,
            possible=self._possible,
            fewest=fewest,
            low=self._low,
            low_by_chance=self._alpha * tests,
            histogram=tuple(self._histogram.tolist()),
        )


def _downwards(rows: Rows) -> NDArray[np.float64]:
    p: NDArray[np.float64] = rows["p_value"]
    return -p


def _different(ordered: Iterable[Rows]) -> Iterator[Rows]:
    """The rows, sorted by position, without repeats of a position."""
    last = -1
    for rows in ordered:
        yield rows[np.diff(rows["position"], prepend=last) != 0]
        last = rows["position"][-1]


def _first_of_each(ordered: Iterable[Rows]) -> Iterator[Rows]:
    """The rows, sorted by text, with the first of each text marked and its p-value and floor copied to the others."""
    last = np.zeros(0, ROW)
    for rows in ordered:
        rows = np.concatenate([last, rows])
        texts = rows["text"]
        first = np.concatenate([[True], texts[1:] != texts[:-1]])
        origin = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
        rows["first"] = first
        for name in ("p_value", "p_floor"):
            rows[name] = rows[name][origin]
        yield rows[len(last) :]
        last = rows[-1:]


def _counted(floors: NDArray[np.float64]) -> Rows:
    """The distinct floors, and how many tests have each."""
    values, counts = np.unique(floors, return_counts=True)
    rows = np.zeros(len(values), _FLOORS)
    rows["p_floor"], rows["tests"] = values, counts
    return rows
