"""Facts about a rule that reports print; reports know results, and no rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import metadata

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
    """A code with a name for programs, a title for people, what it means, and the address of its page.

    `page` is None for the rule of a plugin, since the documentation knows ours only, and while no address is known.
    """

    code: str
    name: str
    title: str
    meaning: str
    page: str | None = None


Describe = Callable[[str], RuleFacts]
"""Facts about the rule of a code or, of the name of a family, the rule that stands for all its tests of a subject."""


@cache
def documentation() -> str | None:
    """The address of the documentation, with a slash at its end: what [project.urls] of the package says; None: nothing."""
    urls: list[str] = metadata("llm-audit").get_all("Project-URL") or []
    return next((address for name, _, address in (each.partition(", ") for each in urls) if name == "Documentation"), None)


def page_of(code: str) -> str | None:
    """The address of the page of a rule of ours: its code never changes, so neither does the address; None: none is known."""
    address = documentation()
    return address and f"{address}rules/{code}.html"
