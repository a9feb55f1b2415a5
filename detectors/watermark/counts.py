"""The test of all schemes that score token by token: the sum of scores over distinct effective inputs, with its exact tail.

Null: the text was written without knowledge of the key, and the key behaves like a random draw independent of the text. Not
rejecting says "no mark under this key, scheme and tokenizer", never "human" or "not watermarked". Everything after `Counts`
needs neither the key nor the text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.schemes.base import (
    Observations,
    first_rows,
)
from llm_audit.stats import eprocess
from llm_audit.stats.combination import average_e
from llm_audit.stats.lattice_laws import CoarseExponential, WeightedBits
from llm_audit.stats.laws import Bernoulli, Exponential, Law, Urn, WeightedExponential

LAWS: dict[str, type[Law]] = {
    law.kind: law for law in (Bernoulli, Exponential, WeightedExponential, WeightedBits, CoarseExponential, Urn)
}
"""Name in stored results -> class of the null law."""


@dataclass(frozen=True)
class Counts:
    """Sufficient statistics of a text, from which every number of `WholeText` can be computed again.

    Attributes:
        tokens: of the text.
        scored: tokens with a known context.
        distinct: of these, the first of each effective input that depends on the key; they alone are tested.
        total: sum of their scores (green tokens, or Gumbel scores).
        law: of one score under the null.
    """

    tokens: int
    scored: int
    distinct: int
    total: float
    law: Law


@dataclass(frozen=True)
class WholeText:
    """The test of a whole text against the null.

    Attributes:
        log_p: natural logarithm of the exact p-value, for a length fixed beforehand.
        log_p_floor: logarithm of the smallest p-value possible with so many distinct inputs; -inf: no bound.
        log_e: logarithm of an e-value, the average over bets fixed beforehand; multiply (add) them over documents that share
            no inputs, or average them over keys and schemes.
        mean: of the scores.
        null_mean: mean of the scores under the null.
    """

    log_p: float
    log_p_floor: float
    log_e: float
    mean: float
    null_mean: float

    @property
    def p_value(self) -> float:
        """The p-value; 0 only where it underflows."""
        return math.exp(self.log_p)


def described(law: Law) -> dict[str, str | float]:
    """A null law as a dictionary (kind and parameters), for stored results; `law_of` reads it."""
    return {"kind": law.kind} | {field.name: getattr(law, field.name) for field in fields(law)}  # type: ignore[arg-type]  # every law is a dataclass


def law_of(description: Mapping[str, str | float]) -> Law:
    """The law that `described` wrote.

    Raises:
        AuditError: no such law, or other numbers than it has.
    """
    numbers = {name: value for name, value in description.items() if name != "kind"}
    try:
        return LAWS[str(description["kind"])](**numbers)
    except (KeyError, TypeError):
        raise AuditError("the stored result names no null law that this version knows: test the text again") from None


def distinct(observations: Observations, seen: set[bytes] | None = None) -> Observations:
    """The first score of each effective input that depends on the key.

    Args:
        observations: of one text.
        seen: inputs of earlier texts under the same key, which do not count again; the text's own are added to it. One key
            marks a whole deployment, so errors of texts that share phrases would otherwise be shared, too.
    """
    kept = first_rows(observations.inputs)
    if observations.keyless is not None:
        kept = kept[~observations.keyless[kept]]
    if seen is not None:
        rows = [np.ascontiguousarray(row).tobytes() for row in observations.inputs[kept]]
        fresh = np.array([row not in seen for row in rows], dtype=np.bool_)
        seen.update(rows)
        kept = kept[fresh]
    taken = observations.taken(kept)
    return replace(taken, repeated=observations.repeated + len(observations) - len(kept))


def count(observations: Observations, seen: set[bytes] | None = None) -> Counts:
    """Numbers of tokens read, scored and distinct under one key, and the sum of the distinct scores.

    Args:
        observations: the scores of the text.
        seen: as in `distinct`.
    """
    kept = distinct(observations, seen)
    scored = len(observations) + observations.repeated
    return Counts(observations.tokens, scored, len(kept), float(kept.scores.sum()), observations.law)


def whole_text(counts: Counts) -> WholeText:
    """The exact test of the whole text; without scores p = 1."""
    law, n, total = counts.law, counts.distinct, counts.total
    if n == 0:
        return WholeText(0.0, 0.0, 0.0, math.nan, law.mean)
    bets = [tilt * total - n * law.log_mgf(tilt) for tilt in law.tilts]
    return WholeText(law.log_tail(total, n), law.least(n), float(average_e(bets)), total / n, law.mean)


def anytime(observations: Observations) -> eprocess.EProcess:
    """The e-process over the distinct inputs, valid under optional stopping.

    Args:
        observations: the scores of a text, repeats included or not.
    """
    kept = distinct(observations)
    return eprocess.mixture(kept.law.increments(kept.scores))


def tokens_needed(law: Law, alpha: float) -> int | None:
    """The fewest distinct inputs with which p <= alpha is possible: with the largest scores, so that fewer never suffice.

    Args:
        law: of one score.
        alpha: level.

    Returns:
        None: not with 100,000.
    """
    if law.least(1) == -math.inf:
        return 1

    def decides(n: int) -> bool:
        return law.least(n) <= math.log(alpha)

    high = 1
    while not decides(high):
        high *= 2
        if high > 100_000:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


class RandomBits:
    """A seeded source of uniform random integers: called with a number of bits b, it returns one in [0, 2^b).

    For simulations; keys in use come from the system's source.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def __call__(self, bits: int) -> int:
        """The next random integer in [0, 2^bits)."""
        return int.from_bytes(self._generator.bytes((bits + 7) // 8), "big") >> (-bits % 8)
