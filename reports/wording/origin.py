"""Sentences about who or what wrote a text, by its likeness to human writing."""

from __future__ import annotations

from llm_audit.results import Document, Kind, Verdict
from llm_audit.results.documents import Doubt

DOUBTS: dict[Doubt, str] = {
    "known_by_heart": (
        "Models know this text by heart, as they know scripture, laws and licences: it is predictable whoever wrote it, and "
        "nothing can be said of its author."
    ),
    "repetitive": (
        "This text repeats itself: what is written again is predictable whoever wrote it, and nothing can be said of its "
        "author."
    ),
}


def doubtful(doubt: Doubt) -> str:
    """A text of which a small p-value says nothing."""
    return f"Not assessable. {DOUBTS[doubt]}"


def summary_of_part(document: Document, judged: Verdict, sentence: str) -> str:
    """A text of which a part was not judged; `judged` and `sentence`: what the rest comes to."""
    left_out = f"{document.omitted or 0.0:.0%} of what a reader of this document sees was not judged"
    if judged is Verdict.PASS:
        return f"{left_out}, so that nothing can be said of the whole. {sentence}"
    return f"{sentence} {left_out}."


def nearest_kind(kind: Kind) -> str:
    """The kind of human text that is most often as machine-like as the judged text, with the p-value among its texts alone.

    As the largest over all kinds of enough texts it is valid for a text like those of any one of these kinds, whichever it is.
    """
    p = (1 + kind.exceeding) / (1 + kind.n)
    return (
        f"Among its kinds of text, {kind.name} comes nearest: {kind.exceeding:,} of {kind.n:,} "
        f"({kind.exceeding / kind.n:.0%}) look at least as machine-like; p = {p:.2g} among these alone."
    )


def compared(document: Document) -> str:
    """A note on a text that was not compared with human writing, and why."""
    return f"The comparison with human writing: {document.summary}"
