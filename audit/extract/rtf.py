"""Rich text (RTF 1.9), without what is formatted as hidden, white or tiny."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from striprtf.striprtf import rtf_to_text

from llm_audit.extract.draft import Draft

_TOKEN = re.compile(r"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([\r\n]+)|([^\\{}\r\n]+)", re.I)
_PASSED = frozenset({
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "themedata", "datastore", "listtable", "fldinst",
    "generator",
})  # fmt: skip
_plain: Callable[..., str] = rtf_to_text
_COLORS = re.compile(r"\{\\colortbl([^{}]*)\}")
_TINIEST = 4  # half-points
_BRIGHT = 0xEE


class _State(NamedTuple):
    hidden: bool = False
    color: int = 0
    size: int = 24
    back: int = 0
    passed: bool = False  # a table of fonts and the like, which is no text

    def way(self, white: frozenset[int]) -> str:
        if self.passed:
            return ""
        if self.hidden:
            return "hidden by its format"
        if self.size <= _TINIEST:
            return "tiny letters"
        return "white letters" if self.color in white and (not self.back or self.back in white) else ""


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "paragraph 3" as places."""
    source = stream.read().decode("latin-1")
    draft = Draft()
    shown, hidden = _split(source)
    text = _plain(shown, errors="replace")
    for way, piece in hidden:
        draft.hide(_plain("{\\rtf1\\ansi " + piece + "}", errors="replace"), way)
    for number, paragraph in enumerate(filter(None, map(str.strip, text.split("\n"))), start=1):
        cells = [cell.strip() for cell in paragraph.split("|")]
        in_table = len(cells) > 2 and paragraph.endswith("|")
        if in_table:
            draft.add("\t".join(filter(None, cells)), f"paragraph {number}", end="\n", apart="table")
        else:
            draft.add(paragraph, f"paragraph {number}")
    draft.left_out["image"] = source.count("\\pict")
    yield draft.answer("holds no text")


def _split(source: str) -> tuple[str, list[tuple[str, str]]]:
    """The source without hidden parts, and the hidden parts as (way, source)."""
    white = _white(source)
    state, kept = _State(), list[_State]()
    shown: list[str] = []
    hidden: list[tuple[str, str]] = []
    starred = False
    for match in _TOKEN.finditer(source):
        word, number, code, sign, brace, _, text = match.groups()
        if brace == "{":
            kept.append(state)
        elif brace == "}":
            state = kept.pop() if kept else state
        elif word is not None:
            state = _changed(state, word, number, starred)
        starred = sign == "*"
        is_text = text is not None or code is not None or word == "u"
        way = state.way(white) if is_text else ""
        if way:
            if hidden and hidden[-1][0] == way and not shown[-1:]:
                hidden[-1] = (way, hidden[-1][1] + match[0])
            else:
                hidden.append((way, match[0]))
            shown.append(" " if way == "white letters" and text is not None else "")
        else:
            shown.append(match[0])
    return "".join(shown), hidden


def _changed(state: _State, word: str, number: str | None, starred: bool) -> _State:
    value = int(number) if number else None
    match word:
        case "v":
            return state._replace(hidden=value != 0)
        case "cf":
            return state._replace(color=value or 0)
        case "fs":
            return state._replace(size=24 if value is None else value)
        case "cb" | "highlight" | "chcbpat":
            return state._replace(back=value or 0)
        case "plain":
            return _State(passed=state.passed)
    return state._replace(passed=True) if starred or word in _PASSED else state


def _white(source: str) -> frozenset[int]:
    """Indices of white in the document's colour table; index 0 is the default colour of text."""
    match = _COLORS.search(source)
    indices = set()
    for number, color in enumerate(match[1].split(";") if match else ()):
        lights = [int(light) for light in re.findall(r"\\(?:red|green|blue)(\d+)", color)]
        if len(lights) == 3 and min(lights) >= _BRIGHT:
            indices.add(number)
    return frozenset(indices)
