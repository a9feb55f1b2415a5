"""What is said of a text's characters before anything is scored: odd ones, and provenance marks.

Kept apart from what is said of its author: a text full of look-alike letters may be a person's, and a machine's be clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.detectors.integrity.base import IntegrityRule, examine
from llm_audit.detectors.integrity.conclude import conclude
from llm_audit.detectors.provenance.c2pa import describe
from llm_audit.detectors.rule import Terms
from llm_audit.results import Document, Mark, Result, Verdict
from llm_audit.text import RawText, find_marks, without_marks

MOST_MARKS = 5
"""Marks that are reported: a text may have one, and more make all of them worthless."""


@dataclass(frozen=True)
class Inspection:
    """What was found in the characters of one text; nothing, of what could not be read.

    Attributes:
        results: of every integrity rule.
        marks: of provenance, at most `MOST_MARKS`.
        given: what is to be scored beside the normalised text: if some rule has a finding, the text as read but for its
            marks, which are no part of what anybody wrote; else nothing.
    """

    results: tuple[Result, ...] = ()
    marks: tuple[Mark, ...] = ()
    given: tuple[str, ...] = ()

    def added_to(self, document: Document, as_given: Sequence[Result] = ()) -> Document:
        """The document with all of this. Its verdict, which is on the author, stays; its summary says what was found."""
        notes = (*document.notes, *(mark.reason for mark in self.marks))
        added = (*document.results, *as_given, *self.results)
        document = document.model_copy(update={"results": added, "marks": self.marks, "notes": notes})
        return conclude(document, Terms(alpha=1.0))  # characters are counted, and nothing is left to chance


def inspect(raw: RawText | Document, rules: Sequence[IntegrityRule]) -> Inspection:
    """Look for provenance marks first, then apply the integrity rules to the rest; places are those of the text as read."""
    if isinstance(raw, Document):
        return Inspection()
    wrappers = find_marks(raw.text)
    shown = without_marks(raw.text, wrappers, filler="\n")
    results = tuple(examine(rule, shown, raw.hidden) for rule in rules)
    tampered = any(result.verdict is Verdict.FINDING for result in results)
    return Inspection(results, marks_of(raw), (without_marks(raw.text, wrappers),) if tampered else ())


def marks_of(raw: RawText | Document) -> tuple[Mark, ...]:
    """The provenance marks of a text, with what is known of their signatures; at most `MOST_MARKS`."""
    if isinstance(raw, Document):
        return ()
    exact = raw.encoding == "utf-8" and len(raw.text.encode("utf-8", "surrogatepass")) == raw.size
    return tuple(describe(wrapper, raw.text, exact) for wrapper in find_marks(raw.text)[:MOST_MARKS])
