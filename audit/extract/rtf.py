"""Rich text (RTF 1.9), without what is formatted as hidden, white or tiny."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from striprtf.striprtf import rtf_to_text

from llm_audit.extract.colors import BLACK, WHITE, Color, is_unseen
from llm_audit.extract.draft import Draft

_TOKEN = re.compile(r"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([\r\n]+)|([^\\{}\r\n]+)", re.I)
_PASSED = frozenset({
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "themedata", "datastore", "listtable", "fldinst",
    "generator",
})  # fmt: skip
_plain: Callable[..., str] = rtf_to_text
_APART = {"footnote": "footnote", "shptxt": "box"}
_CODE_PAGE = re.compile(r"\\ansicpg\d+")
_COLORS = re.compile(r"\{\\colortbl([^{}]*)\}")
_HIDDEN_STYLE = re.compile(r"\{\\\*\\cs(\d+)[^{};]*\\v(?![a-z0-9])")
_TINIEST = 4  # half-points
_NARROWEST = 5  # percent
_FARTHEST = 1_000  # half-points that letters are raised or lowered
_CLOSEST = -120  # twentieths of a point between letters: they lie on each other
_OUTSIDE = -9_000  # twentieths of a point, 16 cm: farther left of a page, or above it, than any margin
_FLATTEST = 40  # twentieths of a point: the height of a line, if it is fixed
_NAMED = {
    "annotation": "comment",
    **dict.fromkeys(
        ("header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf"), "page header or footer"
    ),
}


class _State(NamedTuple):
    hidden: bool = False
    color: int = 0
    size: int = 24
    back: int = 0
    shapeless: bool = False  # too narrow or close, or far from the line
    flat: bool = False  # in a line without height
    away: bool = False  # in a paragraph outside of the page
    shape_away: bool = False  # in a shape outside of the page
    deleted: bool = False  # in track changes
    passed: bool = False  # a table of fonts and the like, which is no text
    apart: str = ""  # "footnote" or "box": a text of its own

    def way(self, colors: Sequence[Color | None]) -> str:
        if self.passed:
            return ""
        if self.deleted:
            return _DELETED
        if self.hidden:
            return "hidden by its format"
        if self.size <= _TINIEST:
            return "tiny letters"
        if self.shapeless or self.flat:
            return "letters without a shape"
        if self.away or self.shape_away:
            return "off the page"
        letters = _color(colors, self.color) or BLACK
        back = _color(colors, self.back) or WHITE
        if not is_unseen(letters, back):
            return ""
        return "white letters" if is_unseen(back, WHITE) else "letters in the colour of what is behind"


class _Split(NamedTuple):
    """The parts of a source: what is shown, (way, source) of what is hidden, and footnotes and text boxes."""

    shown: list[str]
    hidden: list[tuple[str, str]]
    apart: list[tuple[str, list[str]]]


_DELETED = "deletion in track changes"


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "paragraph 3" as places."""
    source = stream.read().decode("latin-1")
    draft = Draft()
    parts = _split(source, draft)
    text = _plain("".join(parts.shown), errors="replace")
    for way, piece in parts.hidden:
        if way == _DELETED:
            draft.leave_out("", _DELETED)
        else:
            draft.hide(_piece(source, piece), way)
    for number, paragraph in enumerate(filter(None, map(str.strip, text.split("\n"))), start=1):
        cells = [cell.strip() for cell in paragraph.split("|")]
        in_table = len(cells) > 2 and paragraph.endswith("|")
        if in_table:
            draft.add("\t".join(filter(None, cells)), f"paragraph {number}", end="\n", apart="table")
        else:
            draft.add(paragraph, f"paragraph {number}")
    for kind, name in (("box", "text box"), ("footnote", "footnote")):
        texts = [_piece(source, "".join(pieces)) for apart, pieces in parts.apart if apart == kind]
        for number, words in enumerate(filter(None, texts), start=1):
            draft.add(words, f"{name} {number}", apart="reference" if kind == "footnote" else "")
    draft.left_out["image"] = source.count("\\pict")
    yield draft.answer("holds no text")


def _piece(source: str, piece: str) -> str:
    """The text of a piece of a document, in the document's code page."""
    page = _CODE_PAGE.search(source)
    return _plain("{\\rtf1\\ansi" + (page[0] if page else "") + " " + piece + "}", errors="replace").strip()


def _split(source: str, draft: Draft) -> _Split:
    """The parts of a source; comments and what stands at the edges of pages are counted in the draft."""
    colors = _colors(source)
    styles = frozenset(int(number) for number in _HIDDEN_STYLE.findall(source))
    state, kept = _State(), list[_State]()
    parts = _Split([], [], [])
    starred = False
    for match in _TOKEN.finditer(source):
        word, number, code, sign, brace, _, text = match.groups()
        before = state
        if brace == "{":
            kept.append(state)
        elif brace == "}":
            state = kept.pop() if kept else state
        elif word in _APART:
            state = state._replace(passed=False, apart=_APART[word])
            parts.apart.append((state.apart, []))
            starred = False
            continue
        elif word is not None:
            draft.left_out[_NAMED.get(word, "")] += word in _NAMED
            state = _changed(state, word, number, starred)
            state = state._replace(hidden=True) if word == "cs" and int(number or 0) in styles else state
        starred = sign == "*"
        # The brace that ends a footnote belongs to the text around it, as the one that begins it did.
        shown = parts.apart[-1][1] if state.apart and before.apart else parts.shown
        is_text = text is not None or code is not None or word == "u"
        way = state.way(colors) if is_text else ""
        if way:
            if parts.hidden and parts.hidden[-1][0] == way and not shown[-1:]:
                parts.hidden[-1] = (way, parts.hidden[-1][1] + match[0])
            else:
                parts.hidden.append((way, match[0]))
            shown.append(" " if way == "white letters" and text is not None else "")
        else:
            shown.append(match[0])
    return parts


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
        case "charscalex":
            return state._replace(shapeless=value is not None and value < _NARROWEST)
        case "expndtw" | "expnd":
            return state._replace(shapeless=(value or 0) * (1 if word == "expndtw" else 5) < _CLOSEST)
        case "sl":
            return state._replace(flat=-_FLATTEST < (value or 0) < 0)
        case "li" | "lin" | "posx" | "posnegx" | "posy" | "posnegy":
            return state._replace(away=state.away or (value or 0) < _OUTSIDE)
        case "shpleft" | "shptop":
            return state._replace(shape_away=state.shape_away or (value or 0) < _OUTSIDE)
        case "pard":
            return state._replace(flat=False, away=False)
        case "up" | "dn":
            return state._replace(shapeless=abs(value or 0) > _FARTHEST)
        case "deleted":
            return state._replace(deleted=value != 0)
        case "plain":
            return _State(
                deleted=state.deleted, passed=state.passed, apart=state.apart, flat=state.flat, away=state.away,
                shape_away=state.shape_away,
            )  # fmt: skip
    return state._replace(passed=True) if starred or word in _PASSED else state


def _colors(source: str) -> list[Color | None]:
    """The document's colour table; None, as the first one mostly is, for the default of what it is asked for."""
    match = _COLORS.search(source)
    colors: list[Color | None] = []
    for color in match[1].split(";") if match else ():
        lights = dict(re.findall(r"\\(red|green|blue)(\d+)", color))
        red, green, blue = (min(int(lights.get(name, 0)), 255) / 255 for name in ("red", "green", "blue"))
        colors.append((red, green, blue) if lights else None)
    return colors


def _color(colors: Sequence[Color | None], number: int) -> Color | None:
    return colors[number] if 0 <= number < len(colors) else None
