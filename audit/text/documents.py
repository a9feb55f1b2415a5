"""Inputs read as texts to judge, or as documents that state why they cannot be judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_audit.results import Document, Verdict
from llm_audit.results.documents import WhyUnjudged
from llm_audit.text.directives import Use
from llm_audit.text.inputs import read_all
from llm_audit.text.read import RawText
from llm_audit.text.records import Unread
from llm_audit.text.sources import Source
from llm_audit.text.survey import Passed

LONGEST_TEXT = 4_000_000
"""Most characters of one text, about a million tokens: 40 minutes on two cores. Longer ones have to be split into files."""


def read_texts(
    sources: Sequence[Source | RawText],
    text_field: str = "text",
    *,
    strip_markdown: bool = True,
    directives: Use = "no",
    passed: list[Passed] | None = None,
    nothing: Verdict = Verdict.ERROR,
    keep: Sequence[str] = (),
) -> Iterator[RawText | Document]:
    """Read every text of the inputs, one at a time, or say why it cannot be judged. See `read_all`.

    `nothing`: the verdict on an intact input without any text.
    """
    for entry in read_all(sources, text_field, strip_markdown=strip_markdown, directives=directives, passed=passed, keep=keep):
        if isinstance(entry, Unread):
            verdict = nothing if entry.nothing else Verdict.ERROR
            document = unjudged(entry.name, verdict, entry.reason, why="empty" if entry.nothing else "unreadable")
            yield document.model_copy(update={"kept": entry.kept or None})
        elif len(entry.text) > LONGEST_TEXT:
            size = f"The text has {len(entry.text):,} characters, more than the {LONGEST_TEXT:,} that are judged at once"
            yield unjudged(entry.name, Verdict.ERROR, f"{size}; split it.", entry, why="too_long")
        else:
            yield entry


def unjudged(
    name: str,
    verdict: Verdict,
    reason: str,
    raw: RawText | None = None,
    language: str | None = None,
    notes: tuple[str, ...] = (),
    why: WhyUnjudged | None = None,
) -> Document:
    """The document of an input that was not tested, with the reason as a sentence and, for programs, as a word."""
    # An error message is already a sentence about the input; the other reasons need their verdict in front.
    summary = reason if verdict is Verdict.ERROR else f"Not assessable. {reason}"
    return Document(
        name=name,
        sha256=raw.sha256 if raw else None,
        encoding=raw.encoding if raw else None,
        language=language,
        characters=len(raw.text) if raw else 0,
        tokens=None,
        verdict=verdict,
        summary=summary,
        combined=None,
        why_unjudged=why,
        notes=(*(raw.notes if raw else ()), *notes),
    )
