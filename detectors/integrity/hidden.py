"""The rule for hidden text in a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llm_audit.detectors.integrity.base import SLIPS, Oddities, integrity_rule, quoted
from llm_audit.results.evidence import Way
from llm_audit.text import Hidden


def look(text: str) -> Oddities:
    """No oddities: a text by itself has no hidden part."""
    return Oddities(())


def look_beside(hidden: Sequence[Hidden]) -> Oddities:
    """Each place where a document holds hidden text."""
    ways = Counter[str]()
    for passage in hidden:
        ways[passage.way] += passage.characters
    return Oddities(
        tuple(passage.start for passage in hidden),
        SLIPS,
        sum(ways.values()),
        tuple(Way(how=way, count=count) for way, count in ways.most_common()),
        quoted(hidden[0].excerpt),
    )


rule = integrity_rule(
    look,
    code="AUD904",
    name="hidden",
    title="Hidden text",
    noun="hidden character",
    null="The document holds no text that nobody who reads it sees.",
    method=(
        "Word: text formatted as hidden, letters in the colour of what is behind (themes, styles of tables, cells and "
        "pages included), without a fill, of two points or less, squeezed or moved out of their line or page, hidden "
        "rows, and shapes that are hidden, without room or off the page. PowerPoint: hidden shapes, those off the slide or "
        "under an opaque one, and letters like Word's. PDF: letters in the colour of what is painted "
        "behind them, transparent, clipped, below 1.5 points, very narrow or on top of each other, invisible ones (but "
        "those of scanned pages), and what is covered by a picture or a plain shape drawn later, on a layer that is not "
        "shown, or off the page. Web pages and HTML in Markdown, by their style sheets: display:none, visibility:hidden, "
        "no opacity, no size, no room, cut or masked away, letters in the colour of what is behind, blurred, or moved off "
        f"the page; menus, labels and words for screen readers are let pass. Up to {SLIPS} characters are let pass. None "
        "of it is scored. Not seen: what lies under transparent pictures, under a picture of the whole page, or under "
        "other elements of a web page, what scripts hide, and style sheets that are not at hand."
    ),
    earlier_method=(
        "Word: text formatted as hidden, white letters on white, letters of two points or less. PDF: white letters on nothing "
        "painted, letters below 1.5 points, invisible ones (but those of scanned pages), those off the page. Web pages and "
        "HTML in Markdown: display:none, visibility:hidden, no opacity, no size, white on white, off the page; menus, labels "
        f"and words for screen readers are let pass. Up to {SLIPS} characters are let pass. None of it is scored. Not seen: "
        "text behind pictures, in colours close to that of a coloured page, and what scripts hide."
    ),
    question="Does the document hold text that nobody who reads it sees?",
    finding_title="Text that nobody who reads the document sees",
    look_beside=look_beside,
)
