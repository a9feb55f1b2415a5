"""The output of a parser: the text, the place of each piece of it, and what was left out."""

from __future__ import annotations

import re
from collections import Counter

LONGEST_TEXT = 20_000_000
"""Most characters of one document; longer ones are refused, as text files of more bytes are."""

# What fonts without a character map and half characters turn into.
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffd]")
_MOST_UNREADABLE = 0.01


_MOST_HIDDEN, _EXCERPT = 10_000, 80


class Refused(Exception):
    """Raised when a document has no readable text; the message reads on from its name ("is encrypted"), without a full stop."""


class Empty(Refused):
    """Raised when an intact document holds no text, not even hidden text."""


class Draft:
    """The text that a parser builds up, piece by piece.

    Attributes:
        left_out: how many of each kind of thing are not in the text: "image", "code block".
        notes: further notes on the document, in sentences.
        omitted: number of characters that a reader of the document sees and that are not in the text.
        facts: metadata of the document, as (name, value).
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
        """Append a piece of text.

        Args:
            text: the piece.
            place: where it stands in the document.
            end: separator between it and the next piece.
            apart: its kind if it is no running text: "heading", "quote", "table", "caption", "reference".

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

    def hide(self, text: str, way: str) -> None:
        """Record text that stands here and no reader sees; `way`: how it is hidden: "white", "display:none"."""
        if text.strip() and (len(self._hidden) < _MOST_HIDDEN or (self._length, way) in self._hidden):
            self._hidden.setdefault((self._length, way), []).append(text)

    def leave_out(self, text: str, kind: str) -> None:
        """Record text that a reader sees and that is not judged; `kind`: such as "code block"."""
        self.left_out[kind] += 1
        self.omitted += _visible(text)

    def answer(self, empty: str) -> dict[str, object]:
        """The finished text with its places as (first character, name), notes, facts, hidden text, and stretches apart.

        Args:
            empty: message of the error if there is no text.

        Raises:
            Refused: the text is empty, or too many of its characters are unreadable.
        """
        text = "".join(self._pieces).rstrip()
        if not text:
            raise Refused(f"shows no text: all of it is hidden ({self._ways()})") if self._hidden else Empty(empty)
        text, unreadable = _UNREADABLE.subn("\ufffd", text)
        if unreadable > _MOST_UNREADABLE * len(text):
            raise Refused("does not say which characters its letters are: save it as plain text in UTF-8 and try again")
        if unreadable:
            self.notes.append(f"{unreadable:,} unreadable character{'s' * (unreadable > 1)} became \ufffd.")
        listed = ", ".join(f"{kind} ({count:,})" for kind, count in self.left_out.items() if count)
        left_out = [f"Left out: {listed}."] if listed else []
        hidden = [
            (min(start, len(text)), way, _visible(joined := "".join(pieces)), " ".join(joined.split())[:_EXCERPT])
            for (start, way), pieces in self._hidden.items()
        ]
        if hidden:
            total = sum(count for _, _, count, _ in hidden)
            left_out.append(f"Left out: {total:,} character{'s' * (total > 1)} that readers do not see ({self._ways()}).")
        return {
            "text": text,
            "places": self._places,
            "notes": [*left_out, *self.notes],
            "hidden": hidden,
            "apart": [(start, min(end, len(text)), kind) for start, end, kind in self._apart if start < len(text)],
            "omitted": self.omitted,
            "facts": self.facts,
        }

    def _ways(self) -> str:
        return ", ".join(dict.fromkeys(way for _, way in self._hidden))


def _visible(text: str) -> int:
    return sum(map(len, text.split()))
