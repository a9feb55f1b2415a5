"""What a detector is, and how detectors are found.

A detector turns the scores of one window of text into one number, higher = more machine-like. It knows nothing about
models, populations, p-values or reports; those are the same for all detectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from llm_audit.errors import AuditError
from llm_audit.scoring.tokens import TokenScores

GROUP = "llm_audit.detectors"
"""Entry-point group under which packages, this one included, announce their detectors."""


@dataclass(frozen=True)
class Detector:
    """A statistic and what a reader must know about it.

    Attributes:
        rule: stable code, AUDnnn.
        name: short name on the command line.
        title: name in reports.
        unit: of the statistic, as printed.
        method: source, and where we differ from it.
        statistic: pure function of the scores of one window; finite for every window of at least two tokens, and the
            same whatever else is scored.
    """

    rule: str
    name: str
    title: str
    unit: str
    method: str
    statistic: Callable[[TokenScores], float]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"AUD\d{3}", self.rule):
            raise ValueError(f"a rule is AUD and three digits, not {self.rule!r}")


def available() -> list[EntryPoint]:
    """Every announced detector, sorted by name, none of them imported."""
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def find(names: Sequence[str]) -> list[Detector]:
    """Load detectors by name or, without names, all of them; sorted by rule.

    Raises:
        AuditError: an unknown name, or a plugin that does not load; other plugins are not touched.
    """
    points = {point.name: point for point in available()}
    unknown = sorted(set(names) - set(points))
    if unknown:
        raise AuditError(f"There is no detector {unknown[0]!r}; choose from {', '.join(points)}.")
    return sorted((_load(points[name]) for name in set(names) or points), key=lambda detector: detector.rule)


def _load(point: EntryPoint) -> Detector:
    try:
        detector = point.load()
    except Exception as error:  # whatever a plugin raises on import is that plugin's fault, and must be named as such
        raise AuditError(f"The detector {point.name!r} ({point.value}) does not load: {error}.") from error
    if not isinstance(detector, Detector):
        raise AuditError(f"The detector {point.name!r} ({point.value}) is not a Detector.")
    return detector
