"""AUD904: text in a document that nobody who reads it sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llm_audit.detectors.integrity.base import SLIPS, IntegrityRule, Oddities
from llm_audit.text import Hidden

_QUOTED = 60  # characters


def look(text: str) -> Oddities:
    """Nothing: what a text alone says can be seen."""
    return Oddities(())


def look_beside(hidden: Sequence[Hidden]) -> Oddities:
    """Each place where a document holds text that is not shown."""
    ways = Counter[str]()
    for each in hidden:
        ways[each.how] += each.characters
    listed = ", ".join(f"{how} ({count:,})" for how, count in ways.most_common())
    first = hidden[0].excerpt[:_QUOTED].encode("ascii", "backslashreplace").decode()
    shown = "".join(letter if letter.isprintable() else " " for letter in first)
    said = f'{listed.encode("ascii", "replace").decode()}; the first begins "{shown}"'
    return Oddities(tuple(each.start for each in hidden), SLIPS, sum(ways.values()), said)


detector = IntegrityRule(
    rule="AUD904",
    name="hidden",
    title="Hidden text",
    noun="hidden character",
    null="The document holds no text that nobody who reads it sees.",
    method=(
        "Word: text formatted as hidden, white letters on white, letters of two points or less. PDF: white letters on nothing "
        "painted, letters below 1.5 points, invisible ones (but those of scanned pages), those off the page. Web pages and "
        "HTML in Markdown: display:none, visibility:hidden, no opacity, no size, white on white, off the page; menus, labels "
        f"and words for screen readers are let pass. Up to {SLIPS} characters are let pass. None of it is scored. Not seen: "
        "text behind pictures, in colours close to that of a coloured page, and what scripts hide."
    ),
    look=look,
    look_beside=look_beside,
)
