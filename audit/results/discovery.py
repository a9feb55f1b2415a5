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


def summary(found: Discovery) -> str:
    """The outcome in a sentence, and where the population's size forbids one, that."""
    if not found.tests:
        return "No document could be judged."
    texts = "text was" if found.tests == 1 else "different texts were"
    tested = f"{found.tests:,} {texts} tested"
    if found.found:
        verb = "is" if found.found == 1 else "are"
        return f"{tested}; {found.found:,} {verb} unlike human writing, at a false discovery rate of {found.alpha:g}."
    if found.fewest is None:
        return (
            f"{tested}, and nothing could be found: among {found.tests:,} {'test' if found.tests == 1 else 'tests'} the "
            f"smallest p-values of this population, from {found.floor:.2g} on, are too large for a false discovery rate of "
            f"{found.alpha:g}. Use a larger population."
        )
    none = f"{tested}; none can be called unlike human writing at a false discovery rate of {found.alpha:g}."
    if found.possible < found.tests and found.fewest == 1:
        return (
            f"{none} For {found.tests - found.possible:,} of them no finding was possible: even their smallest p-values are "
            "too large among so many tests, unless others are found with them. A larger population or fewer texts would help."
        )
    if found.possible < found.tests:
        return (
            f"{none} For {found.tests - found.possible:,} of them no finding was possible: among so many tests this population "
            f"allows findings only {found.fewest:,} or more at a time, because no p-value of it is below {found.floor:.2g}; "
            f"{found.at_floor:,} reached {'its' if found.at_floor == 1 else 'their'} smallest. A larger population or a "
            "smaller corpus would help."
        )
    return none
