"""Verdicts over many texts at once: the false discovery rate over a corpus, or over the files of a gate.

Knows nothing of texts: p-values, the smallest ones that could have come out, and which tests are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.results import Discovery, Verdict
from llm_audit.stats.combination import benjamini_hochberg
from llm_audit.stats.discovery import could_be_found, fewest_findings

BINS = 20


class Family(NamedTuple):
    """Verdicts on several documents together. Arrays are (documents,)."""

    q_value: NDArray[np.float64]  # NaN where a document was no test
    possible: NDArray[np.bool_]
    first: NDArray[np.bool_]  # the first document with its text
    discovery: Discovery

    def verdict(self, i: int) -> Verdict:
        """The verdict on a document that was tested."""
        if self.q_value[i] <= self.discovery.alpha:
            return Verdict.FINDING
        return Verdict.PASS if self.possible[i] else Verdict.INCONCLUSIVE


def judge(p_values: ArrayLike, floors: ArrayLike, texts: ArrayLike, alpha: float) -> Family:
    """Benjamini-Hochberg over the different texts: a text that occurs a thousand times is still one test.

    Args:
        p_values: (documents,), NaN where a document is no test.
        floors: (documents,) the smallest p-value that each could have had.
        texts: (documents,) numbers or digests, the same for the same text.
        alpha: false discovery rate, in (0, 1).
    """
    all_p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(np.isfinite(all_p))
    _, first, which = np.unique(np.asarray(texts)[tested], return_index=True, return_inverse=True)
    p, floor = all_p[tested][first], np.asarray(floors, dtype=np.float64)[tested][first]
    q, possible = benjamini_hochberg(p), could_be_found(p, floor, alpha)
    family = Family(
        q_value=np.full(len(all_p), np.nan),
        possible=np.zeros(len(all_p), np.bool_),
        first=np.zeros(len(all_p), np.bool_),
        discovery=Discovery(
            alpha=alpha,
            tests=len(p),
            found=int(np.count_nonzero(q <= alpha)),
            floor=float(floor.min()) if len(p) else None,
            at_floor=int(np.count_nonzero(p <= floor * (1 + 1e-9))),
            possible=int(np.count_nonzero(possible)),
            fewest=fewest_findings(floor, alpha),
            low=int(np.count_nonzero(p <= alpha)),
            low_by_chance=alpha * len(p),
            histogram=tuple(int(count) for count in np.histogram(p, bins=BINS, range=(0.0, 1.0))[0]),
        ),
    )
    family.q_value[tested], family.possible[tested] = q[which], possible[which]
    family.first[tested[first]] = True
    return family
