"""Ledger of a verification: fields that agree, fields that do not, and fields that could not be computed again."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from llm_audit.reports.format import equation, p_value
from llm_audit.reports.wording.corpus import EARLIER

TOLERANCE = 1e-12
"""Relative tolerance: processors differ in the last bits of sums and special functions. The content digest covers the rest."""

_DIFFERENCES = re.compile(r"\.(statistic|effect|draws|trace)\b")
"""Fields that can be small differences of larger numbers, for which `TOLERANCE` is absolute as well."""

_EARLIER = re.compile(
    r"(?P<before>\b[pq] = |\bwith probability |\bbelow |\bfrom |-value, )"
    r"(?P<number>10\^-\d+(?:\.\d+)?|0\.\d+|\d(?:\.\d+)?e-\d+)(?: at most\b|(?!\d))"
)
"""A p-value or a q-value in a sentence of 0.2.0 or before: with three digits, with an exponent, or as a power of ten."""

_CONFIDENCE = re.compile(r", with [\d.]+% confidence(?=; what stays in it is not counted\.)")
"""The part of the sentence on the share of moved requests that 0.2.0 did not have."""

KINDS = {
    "p_value": "p-values",
    "p_adjusted": "p-values",
    "e_value": "e-values",
    "q_value": "q-values",
    "p_floor": "smallest possible p-values",
    "p_upper": "bounds",
    "lower": "bounds",
    "upper": "bounds",
    "verdict": "verdicts",
    "served": "verdicts",
    "outcome": "verdicts",
    "reason": "sentences",
    "summary": "sentences",
    "sha256": "digests",
    "digest": "digests",
    "content_digest": "digests",
}
"""Name of a field -> the category under which it is counted; all others are "other values"."""


@dataclass(frozen=True)
class Mismatch:
    """A field of the report that contradicts the others. `stored` and `recomputed` are JSON values."""

    path: str
    stored: Any
    recomputed: Any
    reason: str = ""


@dataclass(frozen=True)
class Unchecked:
    """A field that could not be computed again, and why."""

    path: str
    reason: str


@dataclass
class Ledger:
    """The outcome of a verification.

    Attributes:
        recomputed: how many fields of each kind were computed again and agree.
        mismatches: fields that do not agree.
        unchecked: fields that could not be computed again, since something is missing here.
        draws_only: tests with too many draws to store all: their counts were checked against the stored ones.
        notes: files that are not here, so that their digests were not checked.
    """

    recomputed: Counter[str] = field(default_factory=Counter)
    mismatches: list[Mismatch] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    draws_only: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def same(self, path: str, stored: Any, again: Any, tolerance: float = TOLERANCE) -> None:
        """Compare a value, with everything inside it, with the one computed again."""
        stored, again = _plain(stored), _plain(again)
        if isinstance(stored, dict) and isinstance(again, dict):
            for name in {**again, **stored}:
                self.same(f"{path}.{name}", stored.get(name), again.get(name), tolerance)
        elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
            for number, (first, second) in enumerate(zip(stored, again, strict=True)):
                self.same(f"{path}[{number}]", first, second, tolerance)
        elif _equal(stored, again, tolerance, tolerance if _DIFFERENCES.search(path) else 0.0) or _earlier(stored, again):
            if stored is not None:
                name = path.rsplit(".", 1)[-1].split("[")[0]
                self.recomputed[KINDS.get(name, "other values")] += 1
        else:
            self.mismatches.append(Mismatch(path, stored, again))

    def fields(self, path: str, stored: BaseModel, again: BaseModel, without: Collection[str] = ()) -> None:
        """Compare all fields of two models of one class, except those in `without`."""
        for name in type(stored).model_fields:
            if name not in without:
                self.same(f"{path}.{name}", getattr(stored, name), getattr(again, name))

    def holds(self, path: str, stored: Any, true: bool, reason: str) -> None:
        """Count a field as right if `true`, else record a mismatch for `reason`."""
        if true:
            self.recomputed[KINDS.get(path.rsplit(".", 1)[-1], "other values")] += 1
        else:
            self.mismatches.append(Mismatch(path, _plain(stored), None, reason))

    def cannot(self, path: str, reason: str) -> None:
        """Record a field that could not be computed again."""
        self.unchecked.append(Unchecked(path, reason))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _equal(stored: Any, again: Any, tolerance: float, nothing: float) -> bool:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (stored, again))
    if numbers and (isinstance(stored, float) or isinstance(again, float)):
        return math.isclose(stored, again, rel_tol=tolerance, abs_tol=nothing)
    return bool(stored == again)


def _earlier(stored: Any, again: Any) -> bool:
    """Whether a sentence is that of an earlier version for what is said now."""
    if not isinstance(stored, str) or not isinstance(again, str):
        return False
    return _EARLIER.sub(_as_now, EARLIER.get(stored, stored)) in (again, _CONFIDENCE.sub("", again))


def _as_now(earlier: re.Match[str]) -> str:
    """A number of an earlier sentence as sentences print it now."""
    before, number = earlier["before"], earlier["number"]
    value = 10 ** float(number[3:]) if number.startswith("10^") else float(number)
    if before == "with probability ":
        return f"at most this often: {equation('p', value)}"
    return equation(before[0], value) if before.endswith("= ") else before + p_value(value)
