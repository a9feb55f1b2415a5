"""How the text of an OpenDocument text looks: whether a reader sees it, and what its paragraphs are.

Knows styles and nothing of what stands where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from llm_audit.extract.docx_look import Look, is_bright

_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:"
OFFICE, TEXT, TABLE, DRAW, STYLE = (f"{{{_NAMESPACE}{name}:1.0}}" for name in ("office", "text", "table", "drawing", "style"))
_FO = f"{{{_NAMESPACE}xsl-fo-compatible:1.0}}"
_OPACITY = "{urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0}opacity"

_NAMED = (
    ("title", "heading"),
    ("author", "heading"),
    ("date", "heading"),
    ("heading", "heading"),
    ("quot", "quote"),
    ("caption", "caption"),
    ("bibliograph", "reference"),
)
_LENGTH = re.compile(r"(-?\d+(?:\.\d+)?)(pt|mm|cm|in|pc|px|%)")
_HALF_POINTS = {"pt": 2.0, "mm": 5.67, "cm": 56.7, "in": 144.0, "pc": 24.0, "px": 1.5, "%": 0.24}  # of letters of 12 points
_LEAST_OPAQUE, _NARROWEST, _FARTHEST, _FLATTEST = 10, 5, 500, 4  # percent, percent, percent of the letters, half-points


class _Style(NamedTuple):
    below: str | None
    look: Look
    name: str


class Styles:
    """The styles of a document by family and name, each with the one that it is based on."""

    def __init__(self, sheets: list[Any]) -> None:
        self._styles: dict[tuple[str, str], _Style] = {}
        for element in (style for sheet in sheets for style in sheet.iter(STYLE + "style", STYLE + "default-style")):
            look = Look()
            for properties in element:
                look = _look_of(properties).over(look)
            name = element.get(STYLE + "name") or ""
            style = _Style(element.get(STYLE + "parent-style-name"), look, element.get(STYLE + "display-name") or name)
            self._styles.setdefault((element.get(STYLE + "family") or "", name), style)
        pages = (page for sheet in sheets for page in sheet.iter(STYLE + "page-layout-properties"))
        self.page = next((look for page in pages if (look := _look_of(page)).dark), Look())

    def of(self, name: str | None, family: str = "text") -> Look:
        """The formatting of text of a style."""
        look = Look()
        for style in self._chain(name, family):
            look = look.over(style.look)
        return look

    def of_paragraph(self, name: str | None, around: Look) -> Look:
        """The formatting of a paragraph of a style that stands within something of formatting `around`."""
        default = self._styles.get(("paragraph", ""))
        return self.of(name, "paragraph").over(default.look if default else Look()).over(around)

    def apart(self, name: str | None) -> str:
        """The kind of the paragraphs of a style ("heading", "quote"), "" for running text; see `Draft.add`."""
        names = [name or "", *(style.name for style in self._chain(name, "paragraph"))]  # not all that are used are there
        titles = [shown.lower().replace("_20_", " ") for shown in names]
        return next((kind for title in titles for word, kind in _NAMED if word in title), "")

    def _chain(self, name: str | None, family: str) -> Iterator[_Style]:
        seen = set[str]()
        while name is not None and name not in seen and (style := self._styles.get((family, name))):
            seen.add(name)
            yield style
            name = style.below


def _look_of(properties: Any) -> Look:
    """The formatting that one element of properties sets, of letters as well as of what is behind them."""
    color, display = properties.get(_FO + "color"), properties.get(TEXT + "display")
    dark, back = _behind(properties)
    size = _size_of(properties)
    return Look(
        vanish=None if display is None else display == "none",
        white=None if color is None else is_bright(color.lstrip("#")),
        size=size,
        dark=dark,
        squeezed=_is_squeezed(properties),
        color=None if color is None else color.lstrip("#"),
        back=back,
    )


def _behind(properties: Any) -> tuple[bool | None, str | None]:
    """Whether the background is not white, and its colour; None where none is set, no colour where it is a picture."""
    fill, back = properties.get(DRAW + "fill"), properties.get(_FO + "background-color")
    if fill in ("gradient", "bitmap", "hatch"):
        return True, ""
    if fill == "solid":
        back = properties.get(DRAW + "fill-color") or back
    if back is None or back == "transparent":
        return None, None
    return not is_bright(back.lstrip("#")), back.lstrip("#")


def _size_of(properties: Any) -> float | None:
    """Size of the letters in half-points, superscripts in their own size; None: not set."""
    size = _half_points(properties.get(_FO + "font-size"))
    _, _, raised = (properties.get(STYLE + "text-position") or "").partition(" ")
    return size if not raised else min(size or 24.0, _half_points(raised) or 24.0)


def _half_points(length: str | None) -> float | None:
    match = _LENGTH.fullmatch(length or "")
    return float(match[1]) * _HALF_POINTS[match[2]] if match else None


def _is_squeezed(properties: Any) -> bool | None:
    """Whether letters have no shape: transparent, too narrow, far from their line, or in a line without height."""
    height = properties.get(_FO + "line-height") or ""
    # LibreOffice writes an opacity of 0 % beside "the colour of the window", which is black.
    opacity = None if properties.get(STYLE + "use-window-font-color") == "true" else properties.get(_OPACITY)
    signs = [
        value < least
        for value, least in (
            (_percent(opacity), _LEAST_OPAQUE),
            (_percent(properties.get(STYLE + "text-scale")), _NARROWEST),
            (None if height.endswith("%") else _half_points(height), _FLATTEST),
        )
        if value is not None
    ]
    raised = _percent((properties.get(STYLE + "text-position") or "").partition(" ")[0])
    signs += [] if raised is None else [abs(raised) > _FARTHEST]
    return any(signs) if signs else None


def _percent(text: str | None) -> float | None:
    match = _LENGTH.fullmatch(text or "")
    return float(match[1]) if match and match[2] == "%" else None
