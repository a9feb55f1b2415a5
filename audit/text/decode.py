"""Decode bytes to text: find the encoding, or say in one sentence why they are no text.

Knows nothing of files and their names. Encodings not listed here are refused, not guessed.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import regex

from llm_audit.common.errors import InvalidInput


class Unreadable(InvalidInput):
    """Raised for an input that holds no text we can read. It is reported as an error, never as a verdict."""


class Nothing(Unreadable):
    """Raised for an input that can be read and contains no text: an empty file, or only a picture."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and the encoding it was in, by its usual name; a byte order mark is not part of the text."""

    text: str
    encoding: str


_CONVERT = "save it as plain text in UTF-8 and try again."

# Files that people mistake for text, by their first bytes.
_FORMATS = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a Word or OpenDocument file or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Word document, or one with a password"),
    (b"{\\rtf", "a rich text (RTF) document"),
    (b"%!PS", "a PostScript file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
)
# The 32-bit marks first: UTF-32 LE begins like UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SURROGATE_IN_UTF8 = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_PRINTABLE = re.compile(rb"[\t-\r\x20-\x7e]*")
_HIGH = re.compile(rb"[\x80-\xff]")
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_HIGH_PAIR = re.compile(rb"[\x80-\xff]{2}")
_CP1252_ONLY = re.compile(rb"[\x80-\x9f]")  # control characters in Latin-1
# Apostrophes and quotation marks of Mac OS Roman, which are capitals with accents in Windows-1252.
_MAC = re.compile(rb"[a-z]\xd5(?:s|t|re|ve|ll|d|m)\b|(?:^|\s)\xd2[A-Za-z][^\xd2\xd3]{1,300}\xd3(?=[\s.,;:!?)]|$)")
_KANA = re.compile("[\u3041-\u30fa]")
_EAST_ASIAN = {"cp932": "shift_jis", "gb18030": "gb18030"}  # cp932 is Shift-JIS as Windows writes it
_UNASSIGNED = regex.compile(r"[\p{Cn}\p{Co}]")


def decode(data: bytes) -> Decoded:
    """Read UTF-8, UTF-16 and UTF-32 with or without a mark, Latin-1, cp1252, Mac OS Roman, Shift-JIS and GB18030.

    Raises:
        Unreadable: for binary data, for damaged text, and for encodings that are none of these.
    """
    for magic, description in _FORMATS:
        if data.startswith(magic):
            raise Unreadable(f"This is {description}, not plain text: {_CONVERT}")
    decoded = _by_mark(data) or _by_zeros(data) or _as_utf8(data) or _as_legacy(data)
    if looks_binary(decoded.text):
        raise _binary()
    return decoded


def looks_binary(text: str) -> bool:
    """Whether a text looks like binary data: it has a NUL, or more than 1 % other control characters."""
    return "\0" in text or len(_CONTROL.findall(text)) > 0.01 * len(text)


def _by_mark(data: bytes) -> Decoded | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strictly(data[len(mark) :], encoding)
    return None


def _by_zeros(data: bytes) -> Decoded | None:
    """UTF-16 or UTF-32 without a mark: ASCII characters leave zero bytes, nearly all in the same places."""
    if b"\0" not in data:
        return None
    if data.count(0) < len(data) / 4 and _PRINTABLE.fullmatch(data.replace(b"\0", b"")):
        raise _binary()  # in UTF-16, the bytes beside so few zeros are anything but ASCII
    for encoding in ("utf-32-le", "utf-32-be"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _UNASSIGNED.search(text):
            return Decoded(text, encoding)
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if min(even, odd) > 0.1 * max(even, odd):  # U+3000 and its like have a zero in the other place
        raise _binary()
    decoded = _strictly(data, "utf-16-le" if odd > even else "utf-16-be")
    if _UNASSIGNED.search(decoded.text):
        raise _binary()
    return decoded


def _as_utf8(data: bytes) -> Decoded | None:
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        # Legacy text seldom looks like UTF-8 by chance: where nearly all of it does, it is UTF-8 with an error in it.
        sequences = sum(len(sequence) for sequence in _UTF8_SEQUENCE.findall(data))
        if sequences >= 0.9 * len(_HIGH.findall(data)):
            return _strictly(data, "utf-8")
        return None


def _strictly(data: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        lone = "surrogate" in error.reason or (encoding == "utf-8" and _SURROGATE_IN_UTF8.match(data, error.start))
        fault = "half a character (a lone surrogate)" if lone else "an invalid or cut-off character"
        message = f"This {encoding.upper()} text has {fault} at byte {error.start:,}: {_CONVERT}"
        raise Unreadable(message) from None


def _as_legacy(data: bytes) -> Decoded:
    """Decode one of the five legacy encodings that we support, none of which identifies itself."""
    if _MAC.search(data):
        return Decoded(data.decode("mac_roman"), "mac_roman")
    if _HIGH_PAIR.search(data):
        from charset_normalizer import from_bytes  # 25 ms, and nearly all texts are UTF-8

        best = from_bytes(data, cp_isolation=["cp1252", "latin_1", "cp932", "gb18030"]).best()
        guess = best.encoding if best else None
        if guess == "cp932" and not _KANA.search(data.decode(guess)):
            guess = "cp1252"  # no Japanese goes without full-width kana, and stray accents can pair up to look like it
    else:
        guess = "cp1252"  # Japanese and Chinese letters come as pairs of high bytes, accents and curly quotes alone
    if guess in _EAST_ASIAN:
        return Decoded(data.decode(guess), _EAST_ASIAN[guess])
    # Accents are a small part of western letters; where they are not, it is another alphabet in an unknown encoding.
    if guess is None or len(_HIGH.findall(data)) > 0.3 * len(_LETTER.findall(data)):
        raise Unreadable(f"The character encoding of this text is not recognised: {_CONVERT}")
    encoding = "cp1252" if _CP1252_ONLY.search(data) else "latin-1"
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        raise _binary() from None


def _binary() -> Unreadable:
    return Unreadable(f"This is binary data, not plain text: {_CONVERT}")
