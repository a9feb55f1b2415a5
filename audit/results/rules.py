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
    """A rule's code, name (for programs), title (for people), meaning, and the address of its documentation page.

    `page` is None for the rule of a plugin, which our documentation lacks, and while no address is known.
    """

    code: str
    name: str
    title: str
    meaning: str
    page: str | None = None


Describe = Callable[[str], RuleFacts]
"""Function from a rule's code, or a family's name, to the facts of that rule, or of the family's overall rule."""


@cache
def documentation() -> str | None:
    """The address of the documentation, ending in a slash, from the package's [project.urls]; None: it has none."""
    urls: list[str] = metadata("llm-audit").get_all("Project-URL") or []
    return next((address for name, _, address in (url.partition(", ") for url in urls) if name == "Documentation"), None)


def page_of(code: str) -> str | None:
    """The address of the documentation page of one of our rules; it never changes, as codes never do; None: none is known."""
    address = documentation()
    return address and f"{address}rules/{code}.html"
