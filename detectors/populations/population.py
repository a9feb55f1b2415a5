"""A population of human texts, stored as their scores by each detector at many lengths, never as texts.

A causal model scores every beginning of a text in one pass, so one text serves every length up to its own. A tested
window of m tokens is compared with the first m tokens of the population's texts (m rounded down to a grid), a passage
inside it with the passages at the same place, because scores change with length and context.
Knows nothing about models or files of text: TokenScores in, p-values out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_safetensors

from llm_audit.common.errors import InvalidInput, NotAvailable
from llm_audit.detectors.populations.datasheet import Datasheet
from llm_audit.detectors.rule import NotDerivable
from llm_audit.results.evidence import Conformal, Part
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import conformal

DEFAULT_POPULATION = "english-mixed"
MINIMUM_TOKENS = 64
"""Fewest tokens that are judged: no detector has power below. Binoculars' demo also uses 64."""

LENGTHS = tuple(range(MINIMUM_TOKENS, 513, 16))
"""Grid of lengths, in tokens, at which texts are compared. A tested window loses at most 15 tokens to it."""

PASSAGE = 64
"""Tokens of a passage."""


BINS = 24
"""Number of bins in the histogram of a statistic over the population."""

MEMBERS = "members"
"""Name of the fingerprints' array in the file; the other arrays are named by rule code."""

GROUPS = "groups"
"""Name of the array of the documents' kinds in the file."""

LEAST_OF_A_KIND = 50
"""Fewest documents of a kind, at the judged length, for which its share is reported."""


class Detector(Protocol):
    """A statistic that a population has scores of; the part of `StatisticRule` that populations use."""

    @property
    def code(self) -> str:
        """Code of the rule."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def statistic(self) -> Callable[[TokenScores], float]:
        """Function from the scores of one window to the statistic."""

    @property
    def weight(self) -> float:
        """Weight in the combination of all detectors."""

    @property
    def digest(self) -> str:
        """Digest of trained weights and of a plugin's code; "": it has neither."""


class Stretch(NamedTuple):
    """Tokens [start, stop) of a window."""

    start: int
    stop: int


STRETCHES = (*(Stretch(0, n) for n in LENGTHS), *(Stretch(n, n + PASSAGE) for n in range(PASSAGE, 512, PASSAGE)))
"""All stretches with scores: the beginnings, then the later passages (the first passage is a beginning)."""


class Bins(NamedTuple):
    """A histogram: edges (BINS + 1,), counts (BINS,)."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]


class Kind(NamedTuple):
    """A kind of text of the population, and how many of its documents look at least as machine-like as the judged one."""

    name: str
    n: int
    exceeding: int


class Comparison(NamedTuple):
    """The comparison of a stretch of a document with the population."""

    p_value: float
    n: int  # documents of the population that are long enough
    stretch: Stretch
    kinds: tuple[Kind, ...] = ()  # that are known, and of `LEAST_OF_A_KIND` documents or more


@dataclass(frozen=True, eq=False)
class Population:
    """Scores of n documents.

    Attributes:
        datasheet: its description and metadata.
        scores: code -> (n, len(STRETCHES)) float32, NaN where the document is too short.
        members: fingerprints of the documents and, where known, of their pairs; no classifier may have seen one.
        groups: (n,) the kind of each document, a place in `datasheet.groups`; empty: unknown.
    """

    datasheet: Datasheet
    scores: dict[str, NDArray[np.float32]]
    members: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    groups: NDArray[np.int16] = field(default_factory=lambda: np.empty(0, np.int16))

    @property
    def n(self) -> int:
        """Number of documents."""
        return len(next(iter(self.scores.values())))

    def size(self, stretch: Stretch) -> int:
        """Number of documents that reach the end of a stretch."""
        return self._sizes[stretch]

    @cached_property
    def _sizes(self) -> dict[Stretch, int]:
        counts = np.isfinite(next(iter(self.scores.values()))).sum(axis=0)
        return {stretch: int(count) for stretch, count in zip(STRETCHES, counts, strict=True)}

    @cached_property
    def longest_window(self) -> int:
        """Tokens of the longest judged window: the largest length that `target_n` documents reach.

        Longer windows would have more power, but against too few documents to support a small p-value.
        """
        return max((n for n in LENGTHS if self.size(Stretch(0, n)) >= self.datasheet.target_n), default=MINIMUM_TOKENS)

    @cached_property
    def content(self) -> bytes:
        """The file's bytes: a pure function of scores and datasheet."""
        arrays: dict[str, NDArray[Any]] = {**self.scores, MEMBERS: self.members}
        if len(self.groups):
            arrays[GROUPS] = self.groups
        return to_safetensors(arrays, metadata={"datasheet": self.datasheet.model_dump_json()})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()

    def measure(self, window: TokenScores, detectors: Sequence[Detector], stretch: Stretch | None = None) -> Part:
        """The detectors' statistics on a window's beginning, or on a passage inside it: all that `judge` needs of the text."""
        stretch = stretch or self.beginning(len(window))
        part = window[stretch.start : stretch.stop]
        return part_of(stretch, [detector.statistic(part) for detector in detectors])

    def evidence(self, detectors: Sequence[Detector], parts: Sequence[Part], passages: Sequence[Part] = ()) -> Conformal:
        """Evidence of the conformal p-value of all detectors combined, for the parts and passages of a text."""
        return Conformal(
            population=self.datasheet.name,
            digest=self.digest,
            rules=tuple(detector.code for detector in detectors),
            weights=tuple(detector.weight for detector in detectors),
            parts=tuple(parts),
            passages=tuple(passages),
        )

    def judge(self, evidence: Conformal, part: Part) -> Comparison:
        """The conformal p-value of one part or passage of the evidence."""
        stretch = Stretch(part.start, part.stop)
        reference, groups = self._reference(evidence.rules, stretch)
        tested = [np.float32(value) for value in part.statistics]  # in the precision of the reference
        if evidence.weights:
            extreme = reference.at_least_as_extreme(tested, evidence.weights)
        else:
            extreme = conformal.at_least_as_large(reference.calibration[:, 0], float(tested[0]))
        p = float((1 + np.count_nonzero(extreme)) / (len(extreme) + 1))
        return Comparison(p, len(extreme), stretch, self._large_kinds(groups, extreme) if len(groups) else ())

    def _large_kinds(self, groups: NDArray[np.int16], extreme: NDArray[np.bool_]) -> tuple[Kind, ...]:
        names = self.datasheet.groups
        n, exceeding = np.bincount(groups, minlength=len(names)), np.bincount(groups[extreme], minlength=len(names))
        counts = zip(names, n.tolist(), exceeding.tolist(), strict=True)
        return tuple(Kind(name, size, above) for name, size, above in counts if size >= LEAST_OF_A_KIND)

    def compare(self, window: TokenScores, detector: Detector) -> Comparison:
        """The comparison, by one detector, of a window of at least `MINIMUM_TOKENS` tokens: its conformal p-value."""
        part = self.measure(window, [detector])
        return self.judge(alone(self.evidence([detector], [part]), 0), part)

    def compare_all(self, window: TokenScores, detectors: Sequence[Detector]) -> Comparison:
        """The comparison of a window by all detectors: their combined conformal p-value."""
        part = self.measure(window, detectors)
        return self.judge(self.evidence(detectors, [part]), part)

    def histogram(self, code: str, stretch: Stretch) -> Bins:
        """Histogram of one detector's statistic over the population's documents, from the smallest to the largest value."""
        counts, edges = np.histogram(self._reference((code,), stretch)[0].calibration[:, 0], BINS)
        return Bins(edges, counts)

    def beginning(self, n_tokens: int) -> Stretch:
        """The longest beginning on the grid, at most `longest_window`, of a window of `n_tokens` tokens."""
        limit = max(min(n_tokens, self.longest_window), MINIMUM_TOKENS)
        return Stretch(0, max(length for length in LENGTHS if length <= limit))

    @cached_property
    def kinds(self) -> dict[str, int]:
        """Kind of text -> number of documents."""
        counts = np.bincount(self.groups, minlength=len(self.datasheet.groups))
        return {name: int(count) for name, count in zip(self.datasheet.groups, counts, strict=True)}

    def _reference(self, codes: tuple[str, ...], stretch: Stretch) -> tuple[conformal.Ranked, NDArray[np.int16]]:
        """The scores of the documents that reach the end of a stretch, sorted once for all judged texts, and their kinds."""
        if (codes, stretch) not in self._references:
            table = self._column(codes, stretch)
            inside = np.isfinite(table).all(axis=1)
            groups = self.groups[inside] if len(self.groups) else self.groups
            self._references[codes, stretch] = conformal.Ranked(table[inside]), groups
        return self._references[codes, stretch]

    @cached_property
    def _references(self) -> dict[tuple[tuple[str, ...], Stretch], tuple[conformal.Ranked, NDArray[np.int16]]]:
        return {}

    def _column(self, codes: Sequence[str], stretch: Stretch) -> NDArray[np.float64]:
        column = STRETCHES.index(stretch)
        missing = [code for code in codes if code not in self.scores]
        if missing:
            raise NotAvailable(f"The population {self.datasheet.name} has no scores of {missing[0]}; calibrate it anew.")
        return np.stack([self.scores[code][:, column] for code in codes], axis=1).astype(np.float64)


def part_of(stretch: Stretch, statistics: Iterable[float]) -> Part:
    """A part of a text with its statistics in the population's precision."""
    return Part(start=stretch.start, stop=stretch.stop, statistics=tuple(map(as_stored, statistics)))


def as_stored(value: float) -> float:
    """A statistic rounded to the population's precision (float32), as the shortest decimal that rounds to it."""
    return float(str(np.float32(value)))


def alone(evidence: Conformal, number: int) -> Conformal:
    """The evidence of a single detector, ranked by itself, from the evidence of all."""
    parts = tuple(part.model_copy(update={"statistics": (part.statistics[number],)}) for part in evidence.parts)
    return evidence.model_copy(update={"rules": (evidence.rules[number],), "weights": (), "parts": parts, "passages": ()})


def among(*populations: Population) -> Callable[[Conformal], Population]:
    """A function that finds the population of some evidence by its digest; it raises `NotDerivable` if it is not among them."""

    def find(evidence: Conformal) -> Population:
        for population in populations:
            if population.digest == evidence.digest:
                return population
        raise NotDerivable(f"the population {evidence.population} is not here")

    return find


def build(
    datasheet: Datasheet,
    windows: Iterable[TokenScores],
    detectors: Sequence[Detector],
    members: NDArray[np.uint64] | None = None,
    kinds: Sequence[str] = (),
) -> Population:
    """Build a population from the first window of each document; those below `MINIMUM_TOKENS` tokens are left out.

    Args:
        datasheet: without `weights` and `groups`, which follow from the other arguments.
        windows: scores of the first window of each document.
        detectors: detectors whose statistics it holds.
        members: the documents' fingerprints, in any order.
        kinds: of each document in turn; empty: unknown.
    """
    table: list[list[list[float]]] = []
    kept: list[str] = []
    for number, window in enumerate(windows):
        if len(window) >= MINIMUM_TOKENS:
            kept += kinds[number : number + 1]
            parts = [window[s.start : s.stop] if s.stop <= len(window) else None for s in STRETCHES]
            table.append([[np.nan if part is None else _finite(detector, part) for part in parts] for detector in detectors])
    if not table:
        raise InvalidInput(f"No text has {MINIMUM_TOKENS} tokens or more; there is nothing to calibrate on.")
    scores = np.asarray(table, dtype=np.float32)
    names = tuple(sorted(set(kept)))
    datasheet = datasheet.model_copy(update={"weights": {d.code: d.digest for d in detectors if d.digest}, "groups": names})
    tables = {d.code: np.ascontiguousarray(scores[:, i]) for i, d in enumerate(detectors)}
    groups = np.array([names.index(kind) for kind in kept], np.int16)
    return Population(datasheet, tables, np.empty(0, np.uint64) if members is None else members, groups)


def _finite(detector: Detector, part: TokenScores) -> float:
    value = detector.statistic(part)
    if not np.isfinite(value):
        raise InvalidInput(f"The detector {detector.name} gives {value} for a text; it breaks the detectors' contract.")
    return value
