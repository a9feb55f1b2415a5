"""Web pages: the main text, as trafilatura finds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from trafilatura import extract

from llm_audit.extract.draft import Draft

_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>")  # of an encoding that the page is no longer in


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one page, given in UTF-8, with "paragraph 3" as places: of the main text, not of the page."""
    draft = Draft()
    page = _DECLARATION.sub("", stream.read().decode())
    text = extract(page, include_comments=False, output_format="txt") or ""
    for number, paragraph in enumerate(filter(None, map(str.strip, text.split("\n"))), start=1):
        draft.add(paragraph, f"paragraph {number}")
    draft.notes.append("Only the main text was read: menus, scripts, images and comments of readers were left out.")
    yield draft.answer("has no main text: save what is to be judged as plain text")
