"""Sentences about the characters of a text."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.results import Document, Mark


def tampering(document: Document) -> str:
    """Sentence on the integrity findings of a text."""
    listed = ", ".join(f"{result.name.lower()} ({result.rule})" for result in document.tampering)
    return f"Characters of this text are not what they seem: {listed}; that by itself says nothing about who wrote it."


def summary(document: Document) -> str:
    """The summary of a text, with a sentence on its integrity findings added."""
    return f"{document.summary} {tampering(document)}"


def of_marks(marks: Sequence[Mark]) -> tuple[str, ...]:
    """The notes on the marks of a text."""
    return tuple(mark.reason for mark in marks)
