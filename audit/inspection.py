"""What is said of a text's characters before anything is scored: odd ones, and provenance marks.

Kept apart from what is said of its author: a text full of look-alike letters may be a person's, and a machine's be clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.detectors.integrity.base import IntegrityRule, examine
from llm_audit.provenance import describe
from llm_audit.results import Document, Mark, Result, Verdict
from llm_audit.text import RawText, find_marks, without_marks

AS_GIVEN_RULE = "AUD190"
METHOD_AS_GIVEN = "As AUD100, on the text with its odd characters and its line breaks."
ASSUMPTION_AS_GIVEN = (
    "The text as given is not exchangeable with the population's texts, none of which was tampered with. Its p-value shows "
    "what the odd characters would have done to detectors that do not set them aside."
)

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
        """The document with all of this. Its verdict, which is on the author, stays; findings are told in the summary."""
        notes = (*document.notes, *(mark.reason for mark in self.marks))
        added = (*document.results, *as_given, *self.results)
        document = document.model_copy(update={"results": added, "marks": self.marks, "notes": notes})
        return document.model_copy(update={"summary": summarised(document)})


def summarised(document: Document) -> str:
    """The summary of a document that has one about its author alone: what was found in its characters is added."""
    return f"{document.summary} {of_tampering(document)}" if document.tampering else document.summary


def for_comparison(result: Result) -> Result:
    """The result on a text as given: no verdict rests on it."""
    reason = f"For comparison, no verdict rests on it. {result.reason}"
    return result.model_copy(update={"reason": reason, "assumptions": (ASSUMPTION_AS_GIVEN,)})


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


def of_tampering(document: Document) -> str:
    """Its integrity findings as sentences."""
    what = ", ".join(f"{result.name.lower()} ({result.rule})" for result in document.tampering)
    return f"Characters of this text are not what they seem: {what}; that by itself says nothing about who wrote it."
