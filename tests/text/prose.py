"""Prose for documents: short lines, one long paragraph, nothing that a format could take for its own signs."""

from __future__ import annotations

from pathlib import Path

ESSAY = Path(__file__).parents[2] / "fixtures" / "texts" / "essay-human.txt"
PARAGRAPHS = [" ".join(paragraph.split()) for paragraph in ESSAY.read_text().split("\n\n") if paragraph.strip()]
