"""PDF documents: the lines of each page, without what repeats at its top and bottom."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pypdf
from pypdf.errors import DependencyError

from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.pdf_look import texts_of

_REPEATED_FROM = 3  # pages
_LEAST_HIDDEN = 8  # words
_UNSEEN = 0b100010  # flags of a note: hidden, or not shown on the screen
_HYPHENATED = re.compile(r"[^\W\d_][-\u00ad]\Z")
_DROPPED = re.compile(r"[B-HJ-Z]")  # a large first letter beside its paragraph; "A" and "I" may be words

_Page = list[tuple[int, str]]  # number and text of each line


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "page 3, line 12" as places.

    Words that are hyphenated at the end of a line are put together again; a compound that is broken at its own hyphen loses
    it. Paragraphs are not told apart: a page only says where letters stand.
    """
    reader = pypdf.PdfReader(io.BytesIO(stream.read()))
    _unlock(reader)
    draft = Draft()
    pages, failed, hidden, ordered = _pages(reader)
    silent = [number for number, page in enumerate(pages, start=1) if not page and number not in failed]
    repeated = _repeated(pages)
    hyphenated = 0
    for (page, number, line), following in _with_next(_lines(pages, repeated)):
        for way, text in hidden.pop(page, ()):
            _hide(draft, text, way)
        broken = bool(_HYPHENATED.search(line)) and following[:1].islower()
        hyphenated += broken
        dropped = bool(_DROPPED.fullmatch(line)) and following[:1].islower()
        place = f"page {page}, line {number}" if number else f"page {page}, form field"
        draft.add(line[:-1] if broken else line, place, end="" if broken or dropped else "\n")
    for way, text in (pair for rest in hidden.values() for pair in rest):
        _hide(draft, text, way)
    if repeated:
        draft.notes.append("Left out: headers, footers and page numbers, which repeat from page to page.")
    if hyphenated:
        draft.notes.append(f"Joined {hyphenated:,} word{'s' * (hyphenated > 1)} that the end of a line had parted.")
    problems = (
        (silent, "without text, perhaps images"), (failed, "damaged and left out"),
        (ordered, "drawn in another order, or other pieces, than it is read in; read by where its words stand"),
    )  # fmt: skip
    for numbers, problem in problems:
        if numbers:
            draft.notes.append(f"{_listed(numbers)}: {problem}.")
    why = (
        "has no page that can be read" if failed else "has no text, only images or empty pages: recognise its text (OCR) first"
    )
    yield draft.answer(why)


def _hide(draft: Draft, text: str, way: str) -> None:
    """Record hidden text; what is clipped away in short lines are labels for screen readers, as browsers print them."""
    lines = text.splitlines()
    if way == "clipped away":
        labels = [line for line in lines if len(line.split()) < _LEAST_HIDDEN]
        draft.left_out["hidden label"] += sum(bool(label.strip()) for label in labels)
        lines = [line for line in lines if line not in labels]
    draft.hide("\n".join(lines), way)


def _unlock(reader: pypdf.PdfReader) -> None:
    """Decrypt a document that has an empty password: many forbid only changes or printing, and anybody may read them.

    Raises:
        Refused: it has a password, or needs a package to be opened.
    """
    if not reader.is_encrypted:
        return
    try:
        opened = reader.decrypt("")
    except DependencyError:
        raise Refused("is encrypted: run `pip install 'llm-audit[formats]'`, or save a copy without encryption") from None
    if not opened:
        raise Refused("has a password: save a copy without one and try again")


_Hidden = dict[int, list[tuple[str, str]]]  # by page: way, text


def _pages(reader: pypdf.PdfReader) -> tuple[list[_Page], list[int], _Hidden, list[int]]:
    """The lines of each page that are not blank, the numbers of those that cannot be read, what is hidden, and the numbers of
    those whose words were put in another order.

    What was filled into a form comes after the lines of its page, under the number 0.
    """
    pages: list[_Page] = []
    failed, ordered = list[int](), list[int]()
    hidden: _Hidden = {}
    for number, page in enumerate(reader.pages, start=1):
        fields: list[str] = []
        try:
            text, unseen, moved = texts_of(page)
            ordered += [number] * moved
            fields = list(_filled(page))
        except MemoryError:
            raise
        except Exception:  # whatever a hostile page raises costs that page
            text, unseen = "", []
            failed.append(number)
        if unseen:
            hidden[number] = unseen
        lines = (line.strip() for line in text.splitlines())
        pages.append([*enumerate(filter(None, lines), start=1), *((0, line) for line in fields)])
    return pages, failed, hidden, ordered


def _filled(page: pypdf.PageObject) -> Iterator[str]:
    """The lines that stand in the fields and notes on a page."""
    for reference in page.get("/Annots") or ():
        note: Any = reference.get_object()
        if int(note.get("/F", 0)) & _UNSEEN:
            continue
        if note.get("/Subtype") == "/FreeText":
            value = note.get("/Contents")
        elif note.get("/Subtype") == "/Widget":
            parent = note.get("/Parent", {}).get_object() if "/Parent" in note else {}
            value = note.get("/V", parent.get("/V")) if note.get("/FT", parent.get("/FT")) == "/Tx" else None
        else:
            continue
        if isinstance(value, str):
            yield from filter(None, map(str.strip, value.splitlines()))


def _repeated(pages: Sequence[_Page]) -> frozenset[str]:
    """Headers and footers: patterns, numbers aside, of first or last lines on at least three pages and half of them."""
    edges = Counter(edge for page in pages for edge in {_pattern(line) for _, line in (*page[:1], *page[-1:])})
    enough = max(_REPEATED_FROM, sum(map(bool, pages)) / 2)
    return frozenset(edge for edge, count in edges.items() if count >= enough)


def _pattern(line: str) -> str:
    return re.sub(r"\d+", "0", line)


def _lines(pages: Sequence[_Page], repeated: frozenset[str]) -> Iterator[tuple[int, int, str]]:
    for page, lines in enumerate(pages, start=1):
        for position, (number, line) in enumerate(lines):
            edge = position in (0, len(lines) - 1)
            if not (edge and _pattern(line) in repeated):
                yield page, number, line


def _with_next(lines: Iterator[tuple[int, int, str]]) -> Iterator[tuple[tuple[int, int, str], str]]:
    """Each line with the text of the one after it."""
    current = next(lines, None)
    while current:
        following = next(lines, None)
        yield current, following[2] if following else ""
        current = following


def _listed(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - 10:,} more" if len(numbers) > 10 else ""
    return f"Page{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:10]))}{more}"
