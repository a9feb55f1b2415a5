"""The order in which a page of a PDF is read, where its file has another text.

A PDF says where letters stand, and may draw them in any order: word by word across two columns, from the last line to the
first, letter by letter, or shuffled to deceive whoever extracts them. Most are drawn as they are read; only where the places
of what is drawn say otherwise are the words put in order by their places.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SCALE, WIDE = 1.25, 2.0
"""How wide the letters of the page's picture in letters are drawn: as wide as lines are, or so wide that no two words touch."""

_LEAST_LEFT, _LEFT = 8, 0.1  # texts that are drawn left of earlier ones in their line, and their share of all
_LEAST_UP, _UP = 4, 0.2  # steps up to another line, and their share of all steps to one; headings and footers take some
_LEAST_PIECES, _PIECES, _LETTERS = 60, 0.5, 2  # texts of so few letters, and their share of all letters, on a page in letters
_LEAST_ACROSS = 6  # steps over a gap within a line, from which a page may have columns drawn line by line
_GAP = 1.5  # heights of letters
_WIDEST = 0.45  # heights of letters that a letter is wide, about
_LEAST_LINES = 5  # of two columns beside each other
_NARROWEST = 3  # blanks of the picture between two columns
_ALIGNED = 0.7  # share of a column's lines that begin at its edge
_FULL, _FULL_SHARE, _LEAST_WORDS = 0.6, 0.6, 3.0  # lines of prose fill their column: of a table's cells few do
_BLANKS = re.compile(r" {4,}")


class Drawn(NamedTuple):
    """A text as it is drawn: where it begins, how high its letters are, how many there are, and whether it stands upright."""

    x: float
    y: float
    height: float
    letters: int
    upright: bool


def is_out_of_order(drawn: Sequence[Drawn]) -> bool:
    """Whether texts are drawn in another order than they are read in, or letter by letter."""
    if not all(text.upright for text in drawn):
        return False
    # Formulas are drawn sign by sign, up and down: only what is longer tells, unless most of the page is drawn so.
    words = [text for text in drawn if text.letters > _LETTERS]
    if sum(text.letters for text in words) <= (1 - _PIECES) * sum(text.letters for text in drawn):
        return len(drawn) - len(words) >= _LEAST_PIECES
    steps = [(text, other) for text, other in pairwise(words) if not _in_one_line(text, other)]
    up = sum(other.y > text.y and not _is_beside(text, other) for text, other in steps)
    return up > max(_LEAST_UP, _UP * len(steps)) or _drawn_left(words) > max(_LEAST_LEFT, _LEFT * len(words))


def _drawn_left(drawn: Sequence[Drawn]) -> int:
    """How many texts are drawn left of one that is there already, in the same line."""
    farthest: dict[int, float] = {}
    left = 0
    for text in drawn:
        line = round(text.y)
        left += text.x < farthest.get(line, text.x) - text.height / 2
        farthest[line] = max(farthest.get(line, text.x), text.x)
    return left


def may_interleave(drawn: Sequence[Drawn]) -> bool:
    """Whether many lines go on behind a gap, as those of columns that are drawn line by line, and of tables."""
    across = sum(_is_step_across(*pair) for pair in pairwise(drawn))
    return across >= _LEAST_ACROSS and all(text.upright for text in drawn)


def _in_one_line(text: Drawn, other: Drawn) -> bool:
    return abs(other.y - text.y) < 0.8 * max(text.height, other.height)


def _is_beside(text: Drawn, other: Drawn) -> bool:
    """Whether a text stands right of another one, as the next column does, or cell of a table."""
    return other.x > text.x + text.letters * _WIDEST * text.height


def _is_step_across(text: Drawn, other: Drawn) -> bool:
    gap = other.x - text.x - text.letters * _WIDEST * text.height
    return abs(other.y - text.y) < 0.3 * text.height and gap > _GAP * text.height


def in_order(picture: str) -> tuple[str, bool]:
    """The text of a page in the order of reading, and whether it has columns of prose.

    Args:
        picture: the page in letters of one width, each where it stands.
    """
    lines = picture.splitlines()
    read, prose = _read(lines, 0)
    return "\n".join(" ".join(line.split()) for line in read), prose


def _read(lines: Sequence[str], depth: int) -> tuple[list[str], bool]:
    read, prose, place = list[str](), False, 0
    while place < len(lines):
        end, left, right = _gutter(lines, place) if depth < 4 else (place, 0, 0)
        if end == place:
            read.append(lines[place])
            place += 1
            continue
        for side in _sides(lines[place:end], left, right):
            read += _read(side, depth + 1)[0]
        prose, place = True, end
    return read, prose


def _gutter(lines: Sequence[str], place: int) -> tuple[int, int, int]:
    """The widest gap between two columns of prose that begin at a line: the line behind its end, its left and right edge.

    The line itself: there is none.
    """
    best = (place, 0, 0)
    for gap in _BLANKS.finditer(lines[place]):
        if not lines[place][: gap.start()].strip():
            continue
        left, right, end = gap.start(), gap.end(), place
        beside: list[str] = []
        for line in lines[place:]:
            blank = _blank_within(line, left, right)
            if blank is None:
                break
            left, right = blank
            end += 1
            beside += [line] if line[:left].strip() and line[right:].strip() else []
        aligned = sum(len(line[right:]) - len(line[right:].lstrip()) <= 1 for line in beside)
        if len(beside) < _LEAST_LINES or aligned < _ALIGNED * len(beside) or right - left <= best[2] - best[1]:
            continue
        if all(map(_is_prose, _sides(lines[place:end], left, right))):
            best = (end, left, right)
    return best


def _sides(lines: Sequence[str], left: int, right: int) -> tuple[list[str], list[str]]:
    """What stands left and right of a gap between two places of lines."""
    return [line[:left].rstrip() for line in lines], [line[right:] for line in lines]


def _blank_within(line: str, left: int, right: int) -> tuple[int, int] | None:
    """The widest blank between two places of a line; None if none is as wide as a gap between columns."""
    part = line[left:right].ljust(right - left)
    runs = [(match.start(), match.end()) for match in re.finditer(" +", part)]
    start, end = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    return (left + start, left + end) if end - start >= _NARROWEST else None


def _is_prose(column: Sequence[str]) -> bool:
    """Whether the lines of a column are filled, as those of a paragraph are."""
    lines = [line.strip() for line in column if line.strip()]
    if not lines:
        return False
    widest = max(map(len, lines))
    full = sum(len(line) >= _FULL * widest for line in lines)
    return full >= _FULL_SHARE * len(lines) and sum(len(line.split()) for line in lines) >= _LEAST_WORDS * len(lines)
