"""What a parser writes into: the text, where each piece of it stood, and what was left out."""

from __future__ import annotations

import re
from collections import Counter

LONGEST_TEXT = 20_000_000
"""Characters of one document; what is longer is refused, like text files of more bytes."""

# What fonts without a character map and half characters turn into.
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffd]")
_MOST_UNREADABLE = 0.01


class Refused(Exception):
    """Why there is no text to read, to follow the document's name: "is encrypted: ..."; no full stop."""


class Draft:
    """A text in the making.

    Attributes:
        left_out: how many of each kind of thing are not in the text: "image", "code block".
        notes: more to say about it, in sentences.
        facts: what the document says of itself, as (name, value).
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._places: list[tuple[int, str]] = []
        self._length = 0
        self.left_out = Counter[str]()
        self.notes: list[str] = []
        self.facts: list[tuple[str, str]] = []

    def add(self, text: str, place: str, end: str = "\n\n") -> None:
        """Append a piece that stood at `place`, and what parts it from the next one.

        Raises:
            Refused: the text becomes too long.
        """
        if not self._places or self._places[-1][1] != place:
            self._places.append((self._length, place))
        self._pieces += text, end
        self._length += len(text) + len(end)
        if self._length > LONGEST_TEXT:
            raise Refused(f"holds more than {LONGEST_TEXT // 1_000_000} million characters: split it into smaller files")

    def answer(self, empty: str) -> dict[str, object]:
        """The finished text, its places as (first character, name), notes and facts; `empty` says why there is none.

        Raises:
            Refused: the text is empty, or its characters are not known.
        """
        text = "".join(self._pieces).rstrip()
        if not text:
            raise Refused(empty)
        text, unreadable = _UNREADABLE.subn("\ufffd", text)
        if unreadable > _MOST_UNREADABLE * len(text):
            raise Refused("does not say which characters its letters are: save it as plain text in UTF-8 and try again")
        if unreadable:
            self.notes.append(f"{unreadable:,} unreadable character{'s' * (unreadable > 1)} became \ufffd.")
        listed = ", ".join(f"{what} ({count:,})" for what, count in self.left_out.items() if count)
        left_out = [f"Left out: {listed}."] if listed else []
        return {"text": text, "places": self._places, "notes": [*left_out, *self.notes], "facts": self.facts}
