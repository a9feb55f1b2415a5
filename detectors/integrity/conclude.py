"""What is added to the summary of a text whose characters are not what they seem. Its verdict, on the author, stays."""

from __future__ import annotations

from llm_audit.detectors.rule import Terms
from llm_audit.results import Document


def conclude(document: Document, terms: Terms) -> Document:
    """The document with its integrity findings in its summary, which says nothing of them yet."""
    if not document.tampering:
        return document
    return document.model_copy(update={"summary": f"{document.summary} {of_tampering(document)}"})


def of_tampering(document: Document) -> str:
    """Its integrity findings as sentences."""
    what = ", ".join(f"{result.name.lower()} ({result.rule})" for result in document.tampering)
    return f"Characters of this text are not what they seem: {what}; that by itself says nothing about who wrote it."
