"""What is added to the summary of a text whose characters are not what they seem. Its verdict, on the author, stays."""

from __future__ import annotations

from llm_audit.detectors.rule import Terms
from llm_audit.reports.wording import integrity as wording
from llm_audit.results import Document


def conclude(document: Document, terms: Terms) -> Document:
    """The document with its integrity findings in its summary, which says nothing of them yet."""
    return document.model_copy(update={"summary": wording.summary(document)}) if document.tampering else document
