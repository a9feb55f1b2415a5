"""One window of a text reduced to its detectors' statistics, a hundredth of the size of its scores.

Made while a text is scored, so that only the scores of the current windows exist, even of a book. Knows nothing of p-values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.origin import passages
from llm_audit.detectors.populations import MINIMUM_TOKENS, Population
from llm_audit.detectors.populations.population import PASSAGE, Stretch
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.scoring.tokens import TokenScores


@dataclass(frozen=True, eq=False)
class WindowRead:
    """The statistics of a window of n tokens, and the columns of its scores that are kept.

    Attributes:
        places: (n, 2) int32, the characters [start, end) of each token in the scored text.
        logprob, entropy: (n,) float32, see `TokenScores`.
        beginning: its beginning that is compared with the population; None: the window is too short to be judged.
        statistics: of each detector, on its beginning, in full precision.
        shares: of each detector that has one, the explanation of its statistic; see `StatisticRule.explain`.
        passages: token at which a passage begins -> statistics of each detector on it.
    """

    places: NDArray[np.int32]
    logprob: NDArray[np.float32]
    entropy: NDArray[np.float32]
    beginning: Stretch | None = None
    statistics: tuple[float, ...] = ()
    shares: tuple[tuple[tuple[str, float], ...], ...] = ()
    passages: tuple[tuple[int, tuple[float, ...]], ...] = ()

    def __len__(self) -> int:
        return len(self.places)


def read(scores: TokenScores, population: Population, detectors: Sequence[StatisticRule]) -> WindowRead:
    """Apply the detectors to the scores of one window.

    Args:
        scores: of a window.
        population: the population to compare with, which determines the beginning and the passages.
        detectors: the detectors to apply.
    """
    places = np.column_stack([scores.char_start, scores.char_end])
    kept = places, scores.logprob.copy(), scores.entropy.copy()  # a view would keep all columns
    if len(scores) < MINIMUM_TOKENS:
        return WindowRead(*kept)
    beginning = population.beginning(len(scores))
    part = scores[beginning.start : beginning.stop]
    return WindowRead(
        *kept,
        beginning=beginning,
        statistics=_statistics(part, detectors),
        shares=tuple(tuple(detector.explain(part)) if detector.explain else () for detector in detectors),
        passages=tuple(
            (start, _statistics(scores[start : start + PASSAGE], detectors))
            for start in passages.starts(len(scores), passages.compared(population))
        ),
    )


def _statistics(scores: TokenScores, detectors: Sequence[StatisticRule]) -> tuple[float, ...]:
    return tuple(detector.statistic(scores) for detector in detectors)
