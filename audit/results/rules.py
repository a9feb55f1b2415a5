"""Facts about a rule that reports print; reports know results, and no rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FAMILIES = {
    "0": "input",
    "1": "origin",
    "2": "attribution",
    "3": "membership",
    "4": "substitution",
    "5": "watermark",
    "9": "integrity",
}
"""First digit of a code -> family: a folder of `detectors/`, and an entry-point group `llm_audit.rules.FAMILY`."""


@dataclass(frozen=True)
class RuleFacts:
    """A code with a name for programs, a title for people, and what it means."""

    code: str
    name: str
    title: str
    meaning: str


Describe = Callable[[str], RuleFacts]
"""Facts about the rule of a code or, of the name of a family, the rule that stands for all its tests of a subject."""
