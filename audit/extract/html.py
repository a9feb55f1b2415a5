"""Web pages: the main text, as trafilatura finds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from trafilatura import extract

from llm_audit.extract.draft import Draft


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one page, given in UTF-8, with "paragraph 3" as places: of the main text, not of the page."""
    draft = Draft()
    text = extract(stream.read().decode(), include_comments=False, output_format="txt") or ""
    for number, paragraph in enumerate(filter(None, map(str.strip, text.split("\n"))), start=1):
        draft.add(paragraph, f"paragraph {number}")
    draft.notes.append("Only the main text was read: menus, scripts, images and comments of readers were left out.")
    yield draft.answer("has no main text: save what is to be judged as plain text")
