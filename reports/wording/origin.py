"""Sentences about who or what wrote a text, by its likeness to human writing."""

from __future__ import annotations

from llm_audit.reports.format import p_statement
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
    """Sentence on a text whose small p-value is no evidence of a machine author."""
    return f"Not assessable. {DOUBTS[doubt]}"


def summary_of_part(document: Document, judged: Verdict, sentence: str) -> str:
    """Summary of a text of which a part was not judged; `judged` and `sentence`: verdict and sentence on the rest."""
    left_out = f"{document.omitted or 0.0:.0%} of what a reader of this document sees was not judged"
    if judged is Verdict.PASS:
        return f"{left_out}, so that nothing can be said of the whole. {sentence}"
    return f"{sentence} {left_out}."


def nearest_kind(kind: Kind) -> str:
    """Sentence on the kind of human text in which the judged text has the largest p-value; without p for earlier reports."""
    parts = kind.p_value is not None and kind.p_value != (1 + kind.exceeding) / (1 + kind.n)
    alone = "" if kind.p_value is None else f"; {'over all parts ' * parts}{p_statement(kind.p_value)} among these alone"
    return (
        f"Among its kinds of text, {kind.name} comes nearest: {kind.exceeding:,} of {kind.n:,} "
        f"({kind.exceeding / kind.n:.0%}) look at least as machine-like{' as its most machine-like part' * parts}{alone}."
    )
