"""What a parser writes into: the text, where each piece of it stood, and what was left out."""

from __future__ import annotations

import re
from collections import Counter

LONGEST_TEXT = 20_000_000
"""Characters of one document; what is longer is refused, like text files of more bytes."""

# What fonts without a character map and half characters turn into.
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffd]")
_MOST_UNREADABLE = 0.01


_MOST_HIDDEN, _EXCERPT = 10_000, 80


class Refused(Exception):
    """Why there is no text to read, to follow the document's name: "is encrypted: ..."; no full stop."""


class Empty(Refused):
    """The document is sound and holds no text; nothing of it is hidden."""


class Draft:
    """A text in the making.

    Attributes:
        left_out: how many of each kind of thing are not in the text: "image", "code block".
        notes: more to say about it, in sentences.
        omitted: characters that a reader of the document sees and that are not in the text.
        facts: what the document says of itself, as (name, value).
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._places: list[tuple[int, str]] = []
        self._apart: list[tuple[int, int, str]] = []
        self._hidden: dict[tuple[int, str], list[str]] = {}
        self._length = 0
        self.left_out = Counter[str]()
        self.notes: list[str] = []
        self.omitted = 0
        self.facts: list[tuple[str, str]] = []

    def add(self, text: str, place: str, end: str = "\n\n", apart: str = "") -> None:
        """Append a piece that stood at `place`, and what parts it from the next one.

        Args:
            text: the piece.
            place: where it stood.
            end: what parts it from the next piece.
            apart: what it is, if it is no running text: "heading", "quote", "table", "caption", "reference".

        Raises:
            Refused: the text becomes too long.
        """
        if not self._places or self._places[-1][1] != place:
            self._places.append((self._length, place))
        self._pieces += text, end
        if apart and text:
            self._apart.append((self._length, self._length + len(text), apart))
        self._length += len(text) + len(end)
        if self._length > LONGEST_TEXT:
            raise Refused(f"holds more than {LONGEST_TEXT // 1_000_000} million characters: split it into smaller files")

    def hide(self, text: str, how: str) -> None:
        """Note what stands here in the document and no reader sees, and how it is hidden: "white", "display:none"."""
        if text.strip() and (len(self._hidden) < _MOST_HIDDEN or (self._length, how) in self._hidden):
            self._hidden.setdefault((self._length, how), []).append(text)

    def leave_out(self, text: str, what: str) -> None:
        """Note what a reader sees and nobody judges, such as a block of code."""
        self.left_out[what] += 1
        self.omitted += _visible(text)

    def answer(self, empty: str) -> dict[str, object]:
        """The finished text, its places as (first character, name), notes and facts, and what is hidden or apart.

        Args:
            empty: why there is no text, if there is none.

        Raises:
            Refused: the text is empty, or its characters are not known.
        """
        text = "".join(self._pieces).rstrip()
        if not text:
            raise Refused(f"shows no text: all of it is hidden ({self._ways()})") if self._hidden else Empty(empty)
        text, unreadable = _UNREADABLE.subn("\ufffd", text)
        if unreadable > _MOST_UNREADABLE * len(text):
            raise Refused("does not say which characters its letters are: save it as plain text in UTF-8 and try again")
        if unreadable:
            self.notes.append(f"{unreadable:,} unreadable character{'s' * (unreadable > 1)} became \ufffd.")
        listed = ", ".join(f"{what} ({count:,})" for what, count in self.left_out.items() if count)
        left_out = [f"Left out: {listed}."] if listed else []
        hidden = [
            (min(start, len(text)), how, _visible(whole := "".join(pieces)), " ".join(whole.split())[:_EXCERPT])
            for (start, how), pieces in self._hidden.items()
        ]
        if hidden:
            total = sum(count for _, _, count, _ in hidden)
            left_out.append(f"Left out: {total:,} character{'s' * (total > 1)} that readers do not see ({self._ways()}).")
        return {
            "text": text,
            "places": self._places,
            "notes": [*left_out, *self.notes],
            "hidden": hidden,
            "apart": [(start, min(end, len(text)), what) for start, end, what in self._apart if start < len(text)],
            "omitted": self.omitted,
            "facts": self.facts,
        }

    def _ways(self) -> str:
        return ", ".join(dict.fromkeys(how for _, how in self._hidden))


def _visible(text: str) -> int:
    return sum(map(len, text.split()))
