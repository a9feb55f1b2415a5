"""What tokens stand for, whichever way a server writes them, and whether they are those of a text.

Knows nothing about log-probabilities.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence
from functools import partial

from llm_audit.endpoints.records import Token

_SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_CONTROL = re.compile(r"<[^<>]+>|\[[A-Z_/]+\]")

LONGEST_TOKEN = 32
"""Letters that the first token of a prompt may have where it is not named."""


def _byte_characters() -> dict[str, int]:
    """Character -> the byte that it stands for in byte-level vocabularies (GPT-2): itself or, if not printable, from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTES = _byte_characters()


def as_written(text: str) -> str:
    """The decoded text of a raw entry of a byte-level or SentencePiece vocabulary; other text unchanged."""
    if text.startswith(_SPACE):
        return text.replace(_SPACE, " ")
    if not {"\u0120", "\u010a"} & set(text) or not set(text) <= _BYTES.keys():
        return text
    raw = bytes(_BYTES[character] for character in text)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return text


def of_another_text(tokens: Sequence[Token], text: str) -> bool:
    """Whether the tokens of an answer cannot be those of its text, however an honest server treats either.

    White space is left out, which decoders add, drop and strip. Tokens may go on where the text was cut (a stop string, hidden
    thoughts), the text where positions were left out, and control tokens need not be in it. Nothing is said where a token
    within is told by its id alone or holds a piece of a character that the others do not complete.
    """
    written = _plain(text).strip("\ufffd")
    known = [_octets(token) for token in tokens]
    while known and known[-1] is None:
        known.pop()
    while known and known[0] is None:
        del known[0]
    pieces = [piece for piece in known if piece is not None]
    if not written or not pieces or len(pieces) < len(known) or "\ufffd" in written:
        return False
    readings = [reading for read in (_as_is, _as_bytes, _as_sentence_pieces) if (reading := read(pieces)) is not None]
    return bool(readings) and not any(_fits(reading, written) for reading in readings)


def of_whole_text(tokens: Sequence[Token], text: str) -> bool | None:
    """Whether the tokens of a prompt are those of the whole of its text, by their ASCII letters and digits; None: not known.

    White space, control tokens and pieces of characters are written in too many ways to be compared. The first token may be
    without a name, as in vLLM's tables.
    """
    pieces = [(_octets(token) or b"").decode(errors="ignore") for token in tokens]
    if not any(pieces):
        return None
    held = _letters("".join(piece for piece in pieces if not _CONTROL.fullmatch(piece.strip())))
    wanted = _letters(text)
    if not pieces[0]:
        return wanted.endswith(held) and len(wanted) - len(held) <= LONGEST_TOKEN
    return held == wanted


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isalnum())


def _octets(token: Token) -> bytes | None:
    """What a token stands for; None: that is not told."""
    if token.bytes is not None:
        return token.bytes
    return token.text.encode() if token.text and "\ufffd" not in token.text else None


def _as_is(pieces: Sequence[bytes]) -> list[str] | None:
    """The pieces as texts, each character with the piece in which it ends; None: they are not UTF-8, but for a cut end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return [decoder.decode(piece) for piece in pieces]
    except UnicodeDecodeError:
        return None


def _as_bytes(pieces: Sequence[bytes]) -> list[str] | None:
    """The tokens' texts, if all are entries of a byte-level vocabulary (as GPT-2's "Ġthe" for " the"); None if not."""
    entries = [piece.decode(errors="replace") for piece in pieces]
    if not all(_CONTROL.fullmatch(entry) or set(entry) <= _BYTES.keys() for entry in entries):
        return None
    return _as_is([bytes(_BYTES[character] for character in entry) if set(entry) <= _BYTES.keys() else entry.encode()
                   for entry in entries])  # fmt: skip


def _as_sentence_pieces(pieces: Sequence[bytes]) -> list[str] | None:
    """The pieces read as raw entries of a SentencePiece vocabulary."""
    entries = [piece.decode(errors="replace") for piece in pieces]
    return _as_is([bytes([int(match[1], 16)]) if (match := _BYTE.fullmatch(entry)) else entry.replace(_SPACE, " ").encode()
                   for entry in entries])  # fmt: skip


def _plain(text: str) -> str:
    """A text without white space, in one way of writing accents."""
    return "".join(unicodedata.normalize("NFC", text).split())


def _fits(pieces: Sequence[str], written: str) -> bool:
    """Whether a text can be that of these tokens: it is a part of all they spell, or they occur in it one after the other.

    Tried with the control tokens and without them. White space is ignored.

    Args:
        pieces: the tokens' texts.
        written: the text, as `_plain` gives it.
    """
    without = [piece for piece in pieces if not _CONTROL.fullmatch(piece.strip())]
    if any(written in _plain("".join(some)) for some in (pieces, without)):
        return True
    return any(map(partial(_in_order, written), (pieces, without)))


def _in_order(written: str, pieces: Sequence[str]) -> bool:
    """Whether tokens' texts, as `_plain` gives them, occur in a text in this order; other characters may lie between them."""
    at = 0
    for piece in map(_plain, pieces):
        at = written.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True
