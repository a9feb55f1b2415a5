"""Map from characters of a text to places in its source: page, paragraph, line or row.

Knows nothing about how texts are read.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """The place `name` ("page 3, line 12") of the text from character `start` up to the next place."""

    start: int
    name: str


class Hidden(NamedTuple):
    """Hidden text of a document, which is not part of the text that is judged.

    Attributes:
        start: the character of the text before which it stands.
        way: how it is hidden: "white", "display:none".
        characters: their number, white space not counted.
        excerpt: its beginning.
    """

    start: int
    way: str
    characters: int
    excerpt: str


class Apart(NamedTuple):
    """A stretch of a text that is not its author's running text, such as a heading or a table.

    Attributes:
        start, end: characters of the text.
        kind: "heading", "quote", "table", "caption", "reference", "form" (rules, blanks to fill in, time stamps).
    """

    start: int
    end: int
    kind: str


class Map:
    """The places of one text; of a text without any, its lines."""

    def __init__(self, text: str, places: Sequence[Place] = ()) -> None:
        self._text = text
        self._names = [place.name for place in places]
        if places:
            self._starts = [place.start for place in places]
        else:
            self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def of(self, start: int, end: int) -> str:
        """The place of `text[start:end]` in its source, such as "line 3" or "page 1, line 30 to page 2, line 4".

        White space around it is ignored. If only a number differs, the rest is not repeated: "line 3 to 5".
        """
        part = self._text[start:end]
        if inner := part.strip():
            start += len(part) - len(part.lstrip())
            end = start + len(inner)
        first, last = self._name(start), self._name(max(start, end - 1))
        if first == last:
            return first
        head, _, number = last.rpartition(" ")
        return f"{first} to {number if first.rpartition(' ')[0] == head else last}"

    def _name(self, position: int) -> str:
        index = max(bisect_right(self._starts, position) - 1, 0)
        return self._names[index] if self._names else f"line {index + 1}"
