"""Entries of folders and archives that were not read, as the sentence that every format shows."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.results import Document, NotRead


def not_read(entries: Sequence[NotRead]) -> str:
    """Sentence such as "12 entries not read: 9 hidden, 2 .odt, 1 .zip."; "" if everything was read."""
    total = sum(entry.count for entry in entries)
    if not total:
        return ""
    listed = ", ".join(f"{entry.count:,} {entry.kind}" for entry in entries)
    return f"{total:,} {'entries' if total > 1 else 'entry'} not read: {listed}."


def why_unjudged(document: Document) -> str:
    """The summary of a document that was not judged, for lists that name the document beside it."""
    return document.summary.removeprefix(f"{document.name} ")
