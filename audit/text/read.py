"""The text of one input: read as it stands, or extracted from a document.

Every input yields a text or one sentence why not; a failure never loses another input. Knows nothing of the use of the texts.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import sys
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from llm_audit.text.child import extract
from llm_audit.text.columns import in_order
from llm_audit.text.decode import Decoded, Nothing, Unreadable, decode
from llm_audit.text.directives import KINDS as SAY_OF_THEMSELVES
from llm_audit.text.directives import Directive, Use, take_out
from llm_audit.text.marks import find_marks
from llm_audit.text.places import Apart, Hidden, Place
from llm_audit.text.sniff import kind_of_content
from llm_audit.text.sources import Source, is_pattern

COLUMNS = "Set in columns side by side: read column by column."
"""The note on a plain text whose lines were put in the order of reading."""

MAX_BYTES = 20_000_000

MAX_ARCHIVE = 200_000_000
"""Most bytes of a zip archive; each document in it has at most `MAX_BYTES`."""

# What reaches its reader as text in UTF-8, whatever the file is in. The others say themselves which encoding they use.
_DECODED = frozenset({"html", "markdown", "ipynb", "tex", "rst", "asciidoc", "org", "subtitles"})


@dataclass(frozen=True, slots=True)
class RawText:
    """A text as read.

    Attributes:
        sha256: of the bytes of the file, before decoding; of a record in a file of many, of its text in UTF-8.
        encoding: of the characters; of documents their format, with the encoding where they have one: "html, utf-8".
        text: the text to judge, to which offsets refer: of a document, the text extracted from it.
        size: number of bytes that `sha256` covers.
        places: places of its stretches in the document; none: its lines are the places.
        notes: what was left out, as sentences.
        facts: metadata of the document, as (name, value); anybody can change them.
        directives: the text's inline suppressions; only where they were asked for, and then no longer part of `text`.
        hidden: hidden text of the document, not part of `text`.
        apart: stretches that the document's markup labels as no running text; see `llm_audit.text.frame`.
        kept: of a record, the fields to keep with it, each as JSON.
        omitted: characters that a reader of the document sees and that are not in `text`, such as blocks of code.
    """

    name: str
    sha256: str
    encoding: str
    text: str
    size: int
    places: tuple[Place, ...] = ()
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    directives: tuple[Directive, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    apart: tuple[Apart, ...] = ()
    omitted: int = 0
    kept: tuple[tuple[str, str], ...] = ()

    @property
    def omitted_share(self) -> float:
        """Share of the visible characters that are not in `text`, from 0 to 1; above a tenth, the document never passes."""
        if not self.omitted:
            return 0.0
        shown = sum(word.end() - word.start() for word in re.finditer(r"\S+", self.text))  # no list: a book is large
        return self.omitted / (self.omitted + shown)


def read(source: Source) -> RawText:
    """The decoded text of one file, as it stands: markup, if there is any, stays in it.

    Raises:
        Unreadable: if it is missing, no regular file, too large, empty, or no text; the message is one sentence.
    """
    data = read_bytes(source)
    return _plain(source.name, data, decode(data))


def read_document(source: Source, *, strip_markdown: bool = True, directives: Use = "no") -> RawText:
    """Read one document of any format, without its markup.

    `directives`: how inline suppressions are treated.

    Raises:
        Malformed: a suppression cannot be obeyed.
        Unreadable: as `read`; also if it is damaged, encrypted, has no text, or is made to exhaust its reader.
    """
    return from_bytes(source.name, read_bytes(source), source.kind, strip_markdown=strip_markdown, directives=directives)


def from_bytes(name: str, data: bytes, by_name: str, *, strip_markdown: bool = True, directives: Use = "no") -> RawText:
    """Read a document from its bytes, as `read_document` does; `by_name` is its kind according to its name."""
    kind = kind_of_content(name, data, by_name)
    if kind == "zip" and not data:
        raise _empty(name)
    if kind == "zip" and not data.startswith(b"PK"):
        raise Unreadable(f"{name} is no zip archive, whatever its name says: name it by what it holds.")
    if kind == "zip":
        raise Unreadable(f"{name} is an archive of files: unpack it and name the folder.")
    parsed: tuple[Directive, ...] = ()
    if kind in SAY_OF_THEMSELVES or kind in _DECODED:
        decoded = decode(data)
        if directives != "no" and kind in SAY_OF_THEMSELVES:
            text, parsed = take_out(name, decoded.text, kind)
            decoded = replace(decoded, text=text) if directives == "obeyed" else decoded
    if kind == "text" or (kind == "markdown" and not strip_markdown):
        plain = _plain(name, data, decoded)
        return replace(_column_by_column(plain) if kind == "text" else plain, directives=parsed)
    if not data.strip():
        raise _empty(name)
    encoding, content = kind, data
    if kind in _DECODED:
        encoding, content = f"{kind}, {decoded.encoding}", decoded.text.encode()
    try:
        document = extract(kind, name, content)
    except Nothing as error:
        # Of other documents it takes more to know: a PDF may be pictures of pages.
        raise error if kind in _DECODED else Unreadable(str(error)) from None
    return RawText(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        encoding=encoding,
        text=document["text"],
        size=len(data),
        places=tuple(Place(*place) for place in document["places"]),
        notes=tuple(document["notes"]),
        facts=tuple((name, value) for name, value in document.get("facts", ())),
        directives=parsed,
        hidden=tuple(Hidden(*fields) for fields in document["hidden"]),
        apart=tuple(Apart(*fields) for fields in document["apart"]),
        omitted=document["omitted"],
    )


def _plain(name: str, data: bytes, decoded: Decoded) -> RawText:
    if not decoded.text.strip():
        raise _empty(name)
    return RawText(name, hashlib.sha256(data).hexdigest(), decoded.encoding, decoded.text, len(data))


def in_memory(name: str, text: str) -> RawText:
    """A text in memory, as if it had been read from a plain text file in UTF-8."""
    data = text.encode("utf-8", "surrogatepass")
    return _column_by_column(RawText(name, hashlib.sha256(data).hexdigest(), "utf-8", text, len(data)))


def _column_by_column(raw: RawText) -> RawText:
    """A plain text as its reader reads it, if it is set in columns side by side; one with provenance marks is left as it is."""
    pieces = in_order(raw.text)
    if not pieces or find_marks(raw.text):
        return raw
    lines = [raw.text[piece.start : piece.end].strip() for piece in pieces]
    starts = accumulate((len(line) + 1 for line in lines), initial=0)
    names = (f"line {piece.line}, column {piece.column}" if piece.column else f"line {piece.line}" for piece in pieces)
    places = tuple(Place(start, name) for start, name in zip(starts, names, strict=False))
    return replace(raw, text="\n".join(lines), places=places, notes=(*raw.notes, COLUMNS))


def _empty(name: str) -> Nothing:
    return Nothing(f"{name} is empty: there is no text to judge.")


def read_bytes(source: Source) -> bytes:
    """All bytes of an input of at most `MAX_BYTES`; of an archive, of `MAX_ARCHIVE`.

    Raises:
        Unreadable: if it is missing, no regular file, or too large.
    """
    most = MAX_ARCHIVE if source.kind == "zip" else MAX_BYTES
    if source.path is None:
        data = _from_stdin()
    else:
        with open_file(source.path, source.name) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise _too_large(source.name, most)
            try:
                data = file.read(most + 1)
            except OSError as error:
                raise _broken(source.name, error) from None
    if len(data) > most:
        raise _too_large(source.name, most)
    return data


def _from_stdin() -> bytes:
    try:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    except (OSError, ValueError, AttributeError):  # closed, or no stream at all
        raise Unreadable("Standard input cannot be read: pipe a text into it, or name a file.") from None


def open_file(path: Path, name: str) -> BinaryIO:
    """A regular file, open for reading.

    Raises:
        Unreadable: it is missing, may not be read, or is no regular file.
    """
    try:
        # Ask before opening: to open a device can already act on it.
        _check_kind(path.stat(), path, name)
        # Non-blocking, in case that a pipe has taken the file's place since.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        _check_kind(os.fstat(file.fileno()), path, name)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        if is_pattern(path):
            raise Unreadable(f"Nothing fits the pattern {name}: check it.") from None
        raise Unreadable(f"No such file: {name}. Check the path.") from None
    except PermissionError:
        raise Unreadable(f"No permission to read {name}: change its access rights or copy it.") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise Unreadable(
                f"{name[:60]}… is no name of a file, with {len(name):,} characters: name a file, or give the text itself on "
                "standard input ('-'; in Python, as llm_audit.Text)."
            ) from None
        raise _broken(name, error) from None
    return file


def _broken(name: str, error: OSError) -> Unreadable:
    return Unreadable(f"{name} cannot be read ({error.strerror}): check the path.")


def _check_kind(status: os.stat_result, path: Path, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        with os.scandir(path):  # raises PermissionError if that is the reason why no text was found
            raise Unreadable(f"Folder {name} holds no text in a format that can be read.")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(f"{name} is a pipe or a device, not a file: name a file, or pipe into llm-audit and give '-'.")


def _too_large(name: str, most: int) -> Unreadable:
    return Unreadable(f"{name} is larger than {most // 1_000_000} MB: split it into smaller files.")
