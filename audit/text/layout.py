"""Layout marks in plain text: bullets, list numbers, heading signs, asterisks for bold.

They are layout, not words, and a classifier that saw them would recognise chatbots by their lists. Markdown files are parsed
(`llm_audit.extract.markdown`); this is for other text: pasted, in a column, on stdin. Emphasis by one asterisk or underscores
stays: it has other uses, and the population was scored with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import regex

from llm_audit.text.margins import margins
from llm_audit.text.places import Apart

Edit = tuple[int, int, str]  # replace [start, end) by the string

LEAST_ITEMS = 2
"""Fewest lines of a list: a single line that begins with a dash may be prose, unless nothing or an empty line precedes it."""

_LONGEST_HEADING = 12  # words of a line in bold
_LINE = regex.compile(r"[^\n]+")
_BULLETS = (
    r"[-*+\u2022\u2023\u2043\u25e6\u25aa\u25ab\u25a0\u25a1\u25cf\u25cb\u25c6\u25c7\u25ba\u25b6\u27a4\u2192\u21d2\u2713\u2714\u2705"
    r"\u2717\u274c\u2610-\u2612\u00b7\u00bb\uf0a7\uf0b7\uf0d8\uf0fc]"
)
_ITEM = regex.compile(
    rf"[ \t]*(?:(?P<bullet>(?:[-*+][ \t]+)?\[[ xX\u2713]\]|{_BULLETS}\ufe0f?|o(?=\t| +\p{{Lu}}))"
    r"|\(?(?P<number>\d{1,3}|[a-z]|[ivx]{2,5})[.)])[ \t]+(?=\S)"
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii")
_ENDED = regex.compile(r"[.:;!?\u2026][\"'\u201d\u2019)\]*]*[ \t\r]*$")
_HYPHEN = regex.compile(r"(?<=\p{Latin}-)[ \t\r]*\n[ \t]*(?=\p{Latin})(?!(?:and|or|nor|to)\s)")  # but "first- and\nsecond-"
_SOFT_HYPHEN = regex.compile(r"(?<=\p{Ll})[\u00ad\u00ac][ \t\r]*\n[ \t]*(?=\p{Ll})")
_SIGN = regex.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(?=\S)", regex.M)
_SIGNED = regex.compile(r"^[ \t]{0,3}#{1,6}[ \t]+\S[^\n]*", regex.M)
_BOLD = regex.compile(r"(?<![\w*])(\*{2,3})(?=[^\s*])(?:[^\n]|\n(?!\s*\n)){1,300}?(?<=[^\s*])\1(?![\w*])")
_ALL_BOLD = regex.compile(r"(?:\A|\n[ \t\r]*\n)\K[ \t]*(\*{2,3})(?=[^\s*])([^\n*]{1,150})(?<=[^\s*.!,;])\1:?[ \t\r]*$", regex.M)


def layout_marks(text: str) -> list[Edit]:
    """The edits, in order, that remove layout marks: one at the edge of a line becomes a space, one at a word nothing.

    A line break after a hyphen is removed as well, so that a compound reads as it does within a line; after a soft hyphen, or
    the sign that some programs have for one, with it.
    """
    edits = [(match.start(), match.end(), " ") for match in _SIGN.finditer(text)]
    edits += [(start, end, " ") for start, end in (*_items(text), *margins(text))]
    edits += [(match.start(), match.end(), "") for hyphen in (_HYPHEN, _SOFT_HYPHEN) for match in hyphen.finditer(text)]
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
    """Character ranges of the bullets, numbers and letters of lists.

    A line begins an item only where the line above has ended, or is an item: elsewhere a hard line break may have brought a
    dash to the beginning of a line. Numbers count from 1, letters from "a" or "i".
    """
    bullets: list[tuple[int, int]] = []
    sure: list[tuple[int, int]] = []
    numbered: dict[str, list[list[tuple[int, int]]]] = {"digit": [], "letter": [], "roman": []}
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
        for style, number in _numbers(item["number"] or ""):
            if number == 1:
                numbered[style].append([place])
            elif numbered[style] and number == len(numbered[style][-1]) + 1:
                numbered[style][-1].append(place)
    yield from bullets if len(bullets) >= LEAST_ITEMS else sure
    runs = (run for runs in numbered.values() for run in runs if len(run) >= LEAST_ITEMS)
    yield from sorted({place for run in runs for place in run})


def _numbers(sign: str) -> Iterator[tuple[str, int]]:
    """What the sign of an item may count: its style, and the number that it stands for."""
    if sign.isdigit():
        yield "digit", int(sign)
    elif len(sign) == 1:
        yield "letter", ord(sign) - ord("a") + 1
    if sign in _ROMAN:
        yield "roman", _ROMAN.index(sign) + 1


def _gap(text: str, start: int, end: int) -> str:
    return text[start:end].replace(" ", "").replace("\t", "").replace("\r", "")
