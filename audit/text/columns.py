"""Plain text that is set in columns side by side: its lines in the order in which a reader reads them, column by column.

Programs that turn pages into text leave them so ("pdftotext -layout"), and so can whoever deceives a detector. Read line by
line, every sentence goes on in the middle of another one. Only prose is taken apart: the rows of a table stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import regex

LEAST_LINES = 6
"""Fewest lines of a page that have words on both sides of a gutter."""

_BESIDE = 0.6  # share of a page's lines with words that have them on both sides
_WIDTH = 3  # characters: how exactly the lines of a column begin below each other
_NARROWEST, _WIDEST = 12, 1_000  # characters of a column, and of a line that may hold several
_LEAST_WORDS = 2.5  # in a line of a column, on average
_GOES_ON = 0.4  # share of the lines of a column that begin with a small letter, as most of running prose do
_LINE = regex.compile(r"[^\n\f]*+(?:\n|\f|\Z)")
_GAP = regex.compile(r"(?:[ \u00a0]{2,}|[ \u00a0]*\t\s*)(?=\S)")
_WORD = regex.compile(r"[^\W\d_]{2,}")
_SMALL = regex.compile(r"[\"'\u2018\u201c(]*\p{Ll}")


class Piece(NamedTuple):
    """The part of a line that stands in one column, or a line across all: characters of the text, and where they stand."""

    start: int
    end: int
    line: int
    column: int  # from 1; 0: across all


@dataclass
class _Line:
    """A line of a page, and the gaps in it: where the text goes on behind each, as a reader sees it, -> its characters."""

    start: int
    text: str
    number: int
    gaps: dict[int, tuple[int, int]] = field(default_factory=dict)


def in_order(text: str) -> list[Piece]:
    """The pieces of a text in the order of reading, if a page of it is set in columns; none if no page is."""
    pieces: list[Piece] = []
    in_columns = False
    for page in _pages(text):
        gutters = _gutters(page)
        apart = list(_columns(page, gutters))
        if gutters and _is_prose(text, apart, len(gutters) + 1):
            in_columns = True
            pieces += apart
        else:
            pieces += _columns(page, ())
    return pieces if in_columns else []


def _pages(text: str) -> Iterator[list[_Line]]:
    page: list[_Line] = []
    number = 1
    for match in _LINE.finditer(text):
        line = _Line(match.start(), match[0].rstrip(), number)
        for gap in _GAP.finditer(line.text) if len(line.text) <= _WIDEST else ():
            line.gaps[len(line.text[: gap.end()].expandtabs())] = gap.span()
        page.append(line)
        number += match[0].endswith("\n")
        if match[0].endswith("\f"):
            yield page
            page = []
    yield page


def _gutters(page: Sequence[_Line]) -> tuple[int, ...]:
    """Where the columns of a page but the first begin, as a reader sees it; none if it has one column."""
    begins = Counter(place for line in page for place, (start, _) in line.gaps.items() if start)
    least = max(LEAST_LINES, _BESIDE * sum(bool(_WORD.search(line.text)) for line in page)) if begins else 0
    gutters: list[int] = []
    for place, _ in begins.most_common():
        near = range(place - _WIDTH + 1, place + _WIDTH)
        if all(abs(place - other) >= _NARROWEST for other in [0, *gutters]) and sum(begins[close] for close in near) >= least:
            gutters.append(place)
    return tuple(sorted(gutters))


def _columns(page: Sequence[_Line], gutters: Sequence[int]) -> Iterator[Piece]:
    """The pieces of a page in the order of reading: column after column, up to each line that goes across all of them."""
    columns: list[list[Piece]] = [[] for _ in range(len(gutters) + 1)]
    for line in page:
        cells = _cells(line, gutters)
        if cells is None:
            yield from _trimmed(columns)
            columns = [[] for _ in columns]
            yield Piece(line.start, line.start + len(line.text), line.number, 0)
            continue
        for number, ((start, end), column) in enumerate(zip(cells, columns, strict=True), start=1):
            column.append(Piece(line.start + start, line.start + end, line.number, number))
    yield from _trimmed(columns)


def _cells(line: _Line, gutters: Sequence[int]) -> list[tuple[int, int]] | None:
    """The characters of a line that stand in each column; None if it goes across a gutter, or there is none."""
    cells, begin = [], 0
    width = len(line.text.expandtabs())
    for gutter in gutters:
        gap = next((line.gaps[place] for place in range(gutter - _WIDTH + 1, gutter + _WIDTH) if place in line.gaps), None)
        if gap is None and width > gutter and line.text[begin:].strip():
            return None
        start, end = gap or (len(line.text), len(line.text))
        cells.append((begin, max(start, begin)))
        begin = max(end, begin)
    return [*cells, (begin, len(line.text))] if gutters else None


def _trimmed(columns: Sequence[list[Piece]]) -> Iterator[Piece]:
    """The pieces of the columns in turn, without the empty ones above and below: a sentence goes on in the next column."""
    for column in columns:
        filled = [number for number, piece in enumerate(column) if piece.start < piece.end]
        yield from column[filled[0] : filled[-1] + 1] if filled else ()


def _is_prose(text: str, pieces: Sequence[Piece], columns: int) -> bool:
    """Whether each column holds lines of words that go on from line to line."""
    for number in range(1, columns + 1):
        lines = [text[piece.start : piece.end].strip() for piece in pieces if piece.column == number]
        lines = [line for line in lines if line]
        words = sum(len(_WORD.findall(line)) for line in lines)
        small = sum(bool(_SMALL.match(line)) for line in lines)
        if len(lines) < LEAST_LINES or words < _LEAST_WORDS * len(lines) or small < _GOES_ON * len(lines):
            return False
    return True
