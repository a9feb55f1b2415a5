"""Add the integrity findings to the summary of a document, without changing its verdict, which is about the author."""

from __future__ import annotations

from llm_audit.detectors.rule import Terms
from llm_audit.reports.wording import integrity as wording
from llm_audit.results import Document


def conclude(document: Document, terms: Terms) -> Document:
    """The document with its integrity findings added to its summary."""
    return document.model_copy(update={"summary": wording.summary(document)}) if document.tampering else document
