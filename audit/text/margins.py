"""Signs in the margins of a text whose lines all bear them: numbers of lines, signs of quotation or of comments, frames.

Programs put them there, and they stand in mid-sentence once lines are joined. Only what (nearly) every line has is a margin:
one line that begins with such a sign may mean it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import regex

LEAST_LINES = 4
"""Fewest lines, blank ones aside, of a text with margins."""

_MOST = 0.9  # share of the lines that bear the sign
_LINE = regex.compile(r"[^\n\r]*[^\s][^\n\r]*")
_LEFT = regex.compile(
    r"[ \t]*(?P<sign>(?:[>|\u2502\u2503\u2551] ?)+|/{2,3}!?|#+|-{2}|;{1,3}|%{1,2}|\*|\d*[ \t]*[>|\u2502])(?:[ \t]+|$|(?<=>))"
)
_NUMBER = regex.compile(r"[ \t]*(\d{1,5})(?:[:.)|\u2502]?(?:[ \t]+|$)|[:|\u2502])[ \t]*")
_RIGHT = regex.compile(r"[ \t]*[|\u2502\u2503\u2551*#][ \t]*$")
_OPENED = regex.compile(
    r"[ \t]*(?:/\*+|\*+/|<!--|-->|\"\"\"|'''"
    r"|[+|\u250c\u2514\u2554\u255a\u256d\u2570]?[-=*#\u2500\u2550\u2501]{4,}[+|\u2510\u2518\u2557\u255d\u256e\u256f]?)[ \t]*"
)


def margins(text: str) -> Iterator[tuple[int, int]]:
    """Character ranges of the signs in the left and in the right margin, in order of the lines."""
    lines = list(_LINE.finditer(text))
    inner = [line for line in lines if not _OPENED.fullmatch(line[0])]
    if len(inner) < LEAST_LINES:
        return
    left = _alike(inner) or _counted(inner)
    right = [sign for line in inner if (sign := _RIGHT.search(text, line.start(), line.end()))]
    framed = left and len(right) >= _MOST * len(inner) and len({sign[0].strip() for sign in right}) == 1
    places = [*left, *(sign.span() for sign in right if framed)]
    if places and len(inner) < len(lines):
        places += [line.span() for line in lines if _OPENED.fullmatch(line[0])]
    yield from sorted(places)


def _alike(lines: Sequence[regex.Match[str]]) -> list[tuple[int, int]]:
    """The signs with which (nearly) all lines begin, if they are alike."""
    signs = [(line, sign) for line in lines if (sign := _LEFT.match(line[0]))]
    kinds = {sign["sign"].lstrip("0123456789 \t")[:1] for _, sign in signs}
    if len(signs) < _MOST * len(lines) or len(kinds) != 1:
        return []
    return [(line.start(), line.start() + sign.end()) for line, sign in signs]


def _counted(lines: Sequence[regex.Match[str]]) -> list[tuple[int, int]]:
    """The numbers of lines: each line has the next one, or, on a new page, begins anew; every fifth line suffices."""
    numbered = [(place, line, number) for place, line in enumerate(lines) if (number := _NUMBER.match(line[0]))]
    for step in (1, 5, 10):
        some = [entry for entry in numbered if int(entry[2][1]) % step == 0]
        if len(some) < max(LEAST_LINES, _MOST * len(lines) / step - 1):
            continue
        following = sum(
            after[0] - before[0] == int(after[2][1]) - int(before[2][1]) == step for before, after in pairwise(some)
        )
        if following >= _MOST * (len(some) - 1):
            return [(line.start(), line.start() + number.end()) for _, line, number in some]
    return []
