"""Layout marks in plain text: bullets, list numbers, heading signs, asterisks for bold.

They are layout, not words, and a classifier that saw them would recognise chatbots by their lists. Markdown files are parsed
(`llm_audit.extract.markdown`); this is for other text: pasted, in a column, on stdin. Emphasis by one asterisk or underscores
stays: it has other uses, and the population was scored with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import regex

from llm_audit.text.places import Apart

Edit = tuple[int, int, str]  # replace [start, end) by the string

LEAST_ITEMS = 2
"""Fewest lines of a list: a single line that begins with a dash may be prose, unless nothing or an empty line precedes it."""

_LONGEST_HEADING = 12  # words of a line in bold
_LINE = regex.compile(r"[^\n]+")
_ITEM = regex.compile(r"[ \t]*(?:(?P<bullet>[-*+\u2022\u2023\u25e6\u25aa\u25cf\u00b7])|(?P<number>\d{1,3})[.)])[ \t]+(?=\S)")
_ENDED = regex.compile(r"[.:;!?\u2026][\"'\u201d\u2019)\]*]*[ \t\r]*$")
_HYPHEN = regex.compile(r"(?<=\p{Latin}-)[ \t\r]*\n[ \t]*(?=\p{Latin})(?!(?:and|or|nor|to)\s)")  # but "first- and\nsecond-"
_SIGN = regex.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(?=\S)", regex.M)
_SIGNED = regex.compile(r"^[ \t]{0,3}#{1,6}[ \t]+\S[^\n]*", regex.M)
_BOLD = regex.compile(r"(?<![\w*])(\*{2,3})(?=[^\s*])(?:[^\n]|\n(?!\s*\n)){1,300}?(?<=[^\s*])\1(?![\w*])")
_ALL_BOLD = regex.compile(r"(?:\A|\n[ \t\r]*\n)\K[ \t]*(\*{2,3})(?=[^\s*])([^\n*]{1,150})(?<=[^\s*.!,;])\1:?[ \t\r]*$", regex.M)


def layout_marks(text: str) -> list[Edit]:
    """The edits, in order, that remove layout marks: one at the start of a line becomes a space, one at a word nothing.

    A line break after a hyphen is removed as well, so that a compound reads as it does within a line.
    """
    edits = [(match.start(), match.end(), " ") for match in _SIGN.finditer(text)]
    edits += [(start, end, " ") for start, end in _items(text)]
    edits += [(match.start(), match.end(), "") for match in _HYPHEN.finditer(text)]
    for match in _BOLD.finditer(text):
        width = len(match[1])
        edits += [(match.start(), match.start() + width, ""), (match.end() - width, match.end(), "")]
    return sorted(edits)


def marked_headings(text: str) -> Iterator[Apart]:
    """The lines that a sign of Markdown, or bold from end to end under an empty line, marks as headings."""
    for match in _SIGNED.finditer(text):
        yield Apart(match.start(), match.end(), "heading")
    for match in _ALL_BOLD.finditer(text):
        if len(match[2].split()) <= _LONGEST_HEADING:
            yield Apart(match.start(), match.end(), "heading")


def _items(text: str) -> Iterator[tuple[int, int]]:
    """Character ranges of the bullets and numbers of lists.

    A line begins an item only where the line above has ended, or is an item: elsewhere a hard line break may have brought a
    dash to the beginning of a line. Numbers count from 1.
    """
    bullets: list[tuple[int, int]] = []
    sure: list[tuple[int, int]] = []
    numbered: list[list[tuple[int, int]]] = []
    lines = [line for line in _LINE.finditer(text) if line[0].strip()]
    item_above = False
    for above, line in pairwise([None, *lines]):
        assert line is not None
        item = _ITEM.match(line[0])
        opens = above is None or "\n\n" in _gap(text, above.end(), line.start())
        begins = opens or item_above or (above is not None and _ENDED.search(above[0]))
        item_above = bool(item and begins)
        if not item or not begins:
            continue
        place = (line.start(), line.start() + item.end())
        if item["bullet"]:
            bullets.append(place)
            sure += [place] if opens else []
        elif int(item["number"]) == 1:
            numbered.append([place])
        elif numbered and int(item["number"]) == len(numbered[-1]) + 1:
            numbered[-1].append(place)
    for places in (bullets if len(bullets) >= LEAST_ITEMS else sure, *(run for run in numbered if len(run) >= LEAST_ITEMS)):
        yield from places


def _gap(text: str, start: int, end: int) -> str:
    return text[start:end].replace(" ", "").replace("\t", "").replace("\r", "")
