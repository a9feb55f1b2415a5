"""How the text of a Word document looks: whether a reader sees it, and what its paragraphs are.

Knows styles and what stands beside a text; of tables, only whether a background may make white letters readable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from llm_audit.extract.colors import is_unseen, of_hexadecimal

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_VAL = WORD + "val"
_OFF = ("0", "false", "off")
_TINIEST = 4  # half-points: below what any printer or eye resolves
_BRIGHT = 0xEE  # of each of red, green and blue: not to be told from white paper
_NARROWEST = 5  # percent of the width of letters
_FARTHEST = 1_000  # half-points that letters are raised or lowered
_FLATTEST = 40  # twentieths of a point: the height of a row or line
_EFFECTS = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_WHITE_THEMES = ("background1", "light1")
_THEMES = {"background1": "lt1", "light1": "lt1", "text1": "dk1", "dark1": "dk1", "background2": "lt2", "light2": "lt2",
           "text2": "dk2", "dark2": "dk2", "hyperlink": "hlink", "followedHyperlink": "folHlink"}  # fmt: skip
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_USUAL_THEME = {"lt1": "FFFFFF", "dk1": "000000"}
_CLOSEST = -120  # twentieths of a point between letters: they lie on each other
_OUTSIDE = 9_000  # twentieths of a point, 16 cm: farther left of a page than any margin
_FAR_RIGHT = 30_000  # 53 cm: right of every page
_CLEAREST = 95_000  # thousandths of a percent of transparency
_APART = (
    (re.compile(r"heading|title|subtitle|author|date|toc\b|toc \d|überschrift|titre|título|titolo"), "heading"),
    (re.compile(r"quote|block text|citation|zitat"), "quote"),
    (re.compile(r"caption|beschriftung|légende"), "caption"),
    (re.compile(r"bibliography|reference|literaturverzeichnis"), "reference"),
)


_HIGHLIGHTS = {
    "black": "000000", "blue": "0000FF", "cyan": "00FFFF", "green": "00FF00", "magenta": "FF00FF", "red": "FF0000",
    "yellow": "FFFF00", "white": "FFFFFF", "darkBlue": "00008B", "darkCyan": "008B8B", "darkGreen": "006400",
    "darkMagenta": "800080", "darkRed": "8B0000", "darkYellow": "808000", "darkGray": "A9A9A9", "lightGray": "D3D3D3",
}  # fmt: skip


class Look(NamedTuple):
    """The formatting that decides whether a text is visible; None: not set at this level.

    Attributes:
        vanish: it is formatted as hidden.
        white: its letters are white.
        size: half-points.
        dark: its background is not white.
        squeezed: its letters are too narrow or close to be read, have no colour at all, or stand far from their line.
        color: of its letters, as six hexadecimal digits; "" if it is another one's.
        back: of its background, in the same way.
        away: it stands outside of the page.
    """

    vanish: bool | None = None
    white: bool | None = None
    size: float | None = None
    dark: bool | None = None
    squeezed: bool | None = None
    color: str | None = None
    back: str | None = None
    away: bool | None = None

    def over(self, below: Look) -> Look:
        """The combined formatting: this one where it is set, else `below`."""
        explicit = {name: value for name, value in self._asdict().items() if value is not None}
        return below._replace(**explicit)

    @property
    def hidden(self) -> str:
        """The way in which text of this formatting is hidden; "" if a reader sees it."""
        if self.vanish:
            return "hidden by its format"
        if self.size is not None and self.size <= _TINIEST:
            return "tiny letters"
        if self.squeezed:
            return "letters without a shape"
        if self.away:
            return "off the page"
        if self.dark and self.color and self.back and _is_alike(self.color, self.back):
            return "letters in the colour of what is behind"
        return "white letters" if self.white and not self.dark else ""


class _Style(NamedTuple):
    below: str | None
    look: Look
    name: str
    outline: bool


class Styles:
    """The styles of a document, from which a text takes the formatting that it does not set itself."""

    def __init__(self, root: Any | None, page: str = "", theme: Mapping[str, str] = MappingProxyType(_USUAL_THEME)) -> None:
        """Read the styles; `page`: the colour of the pages, "" if they are white; `theme`: see `theme_of`."""
        self._styles: dict[str, _Style] = {}
        self._default: str | None = None
        self._dark_tables: set[str] = set()
        self._theme = theme
        self._base = Look(dark=True, back=page) if page else Look()
        for element in () if root is None else root:
            if element.tag == WORD + "docDefaults":
                for properties in element.iter(WORD + "rPr"):
                    self._base = self._look(properties).over(self._base)
            elif element.tag == WORD + "style":
                self._add(element)

    def _add(self, element: Any) -> None:
        name = element.get(WORD + "styleId") or ""
        properties, paragraph = element.find(WORD + "rPr"), element.find(WORD + "pPr")
        below = element.find(WORD + "basedOn")
        title = element.find(WORD + "name")
        look = self._look(properties).over(self._look(paragraph))
        outline = paragraph is not None and paragraph.find(WORD + "outlineLvl") is not None
        self._styles[name] = _Style(
            None if below is None else below.get(_VAL), look, "" if title is None else (title.get(_VAL) or ""), outline
        )
        if element.get(WORD + "type") == "paragraph" and element.get(WORD + "default") in ("1", "true", "on"):
            self._default = name
        if element.get(WORD + "type") == "table" and any(_is_dark(shading) for shading in element.iter(WORD + "shd")):
            self._dark_tables.add(name)

    def of(self, name: str | None) -> Look:
        """The formatting of a style, those that it is based on included; without a name, the default."""
        look, seen = Look(), set()
        while name is not None and name in self._styles and name not in seen:
            seen.add(name)
            style = self._styles[name]
            look, name = look.over(style.look), style.below
        return look

    def of_paragraph(self, properties: Any | None, cell: Any | None = None, table: Any | None = None) -> Look:
        """The formatting of the text of a paragraph with these properties (w:pPr), in a cell (w:tc) of a table (w:tbl)."""
        name = _value(properties, "pStyle")
        mark = self._look(properties)
        flat = properties is not None and _is_flat(properties.find(WORD + "spacing"), "line", "lineRule")
        direct = Look(
            dark=mark.dark, back=mark.back, squeezed=flat or None, away=_is_away(properties) or None
        )  # what else stands there is about the paragraph mark
        below = self.of(None if table is None else _value(table.find(WORD + "tblPr"), "tblStyle")).over(self._base)
        if cell is not None and (shaded := self._look(cell.find(WORD + "tcPr"))).back is not None:
            below = below._replace(dark=shaded.dark, back=shaded.back)
        return direct.over(self.of(name or self._default)).over(below)

    def _look(self, properties: Any | None) -> Look:
        return look_of(properties, self._theme)

    def of_run(self, properties: Any | None, paragraph: Look) -> Look:
        """The formatting of a run with these properties (w:rPr) in a paragraph of formatting `paragraph`."""
        if properties is None:
            return paragraph
        return self._look(properties).over(self.of(_value(properties, "rStyle"))).over(paragraph)

    def has_dark_table(self, table: Any) -> bool:
        """Whether some cells of a table (w:tbl) may have a background."""
        name = _value(table.find(WORD + "tblPr"), "tblStyle")
        return name in self._dark_tables or any(_is_dark(shading) for shading in table.iter(WORD + "shd"))

    def apart(self, properties: Any | None) -> str:
        """The kind of a paragraph with these properties ("heading", "quote"), "" for running text; see `Draft.add`."""
        if properties is None:
            return ""
        if properties.find(WORD + "outlineLvl") is not None:
            return "heading"
        name, seen = _value(properties, "pStyle"), set[str]()
        while name is not None and name not in seen:
            seen.add(name)
            style = self._styles.get(name, _Style(None, Look(), "", False))
            title = (style.name or name).lower()
            if kind := next((kind for pattern, kind in _APART if pattern.match(title) or pattern.search(title)), ""):
                return kind
            if style.outline:
                return "heading"
            name = style.below
        return ""


def theme_of(root: Any | None) -> dict[str, str]:
    """The colours of a theme by their names ("lt1", "accent1"), each as six hexadecimal digits."""
    schemes = () if root is None else root.iter(_DRAWING + "clrScheme")
    colors = {
        color.tag.rpartition("}")[2]: color[0].get("lastClr") or color[0].get("val") or ""
        for scheme in schemes
        for color in scheme
        if len(color)
    }
    return _USUAL_THEME | {name: digits for name, digits in colors.items() if of_hexadecimal(digits)}


def _color_of(color: Any, theme: Mapping[str, str]) -> str:
    """The colour that an element (w:color) names, as six hexadecimal digits; "" if it is another one's."""
    name = color.get(WORD + "themeColor")
    digits = theme.get(_THEMES.get(name, name)) if name else None
    if digits is None:
        return "" if name else color.get(_VAL) or ""
    tint, shade = (_byte(color.get(WORD + key)) for key in ("themeTint", "themeShade"))
    parts = [part * shade / 255 for part in bytes.fromhex(digits)]
    return "".join(f"{round(255 - (255 - part) * tint / 255):02X}" for part in parts)


def _byte(text: str | None) -> int:
    match = re.fullmatch("[0-9A-Fa-f]{1,2}", text or "")
    return int(match[0], 16) if match else 255


def look_of(properties: Any | None, theme: Mapping[str, str] = MappingProxyType(_USUAL_THEME)) -> Look:
    """The formatting that the properties of a run, paragraph or cell set themselves; `theme`: see `theme_of`."""
    if properties is None:
        return Look()
    complex_script = any(properties.find(WORD + name) is not None for name in ("rtl", "cs"))
    vanish, color, size = (properties.find(WORD + name) for name in ("vanish", "color", "szCs" if complex_script else "sz"))
    shade, highlight = properties.find(WORD + "shd"), properties.find(WORD + "highlight")
    dark: bool | None = None
    back: str | None = None
    if highlight is not None:
        dark = highlight.get(_VAL) not in ("none", "white")
        back = _HIGHLIGHTS.get(highlight.get(_VAL) or "", "")
    elif shade is not None:
        dark = _is_dark(shade)
        back = (shade.get(WORD + "fill") or "") if shade.get(_VAL) in (None, "clear", "nil") else ""
    filled = properties.find(_EFFECTS + "textFill")
    letters = None if color is None else _color_of(color, theme)
    white = None if color is None or letters is None else is_bright(letters) if letters else _is_white(color)
    if filled is not None and (solid := filled.find(f"{_EFFECTS}solidFill/{_EFFECTS}srgbClr")) is not None:
        white = is_bright(solid.get(_EFFECTS + "val") or "")
    elif filled is not None and (scheme := filled.find(f"{_EFFECTS}solidFill/{_EFFECTS}schemeClr")) is not None:
        white = (scheme.get(_EFFECTS + "val") or "") in ("bg1", "lt1") and not len(scheme)
    return Look(
        vanish=None if vanish is None else vanish.get(_VAL) not in _OFF,
        white=white,
        size=None if size is None else _number(size.get(_VAL)),
        dark=dark,
        squeezed=_is_squeezed(properties, filled),
        color=letters,
        back=back,
    )


def row_hidden(row: Any) -> str:
    """The way in which a row of a table is hidden with all that is in it; "" if it is not."""
    properties = row.find(WORD + "trPr")
    if properties is None:
        return ""
    hidden = properties.find(WORD + "hidden")
    if hidden is not None and hidden.get(_VAL) not in _OFF:
        return "hidden by its format"
    return "no room" if _is_flat(properties.find(WORD + "trHeight"), "val", "hRule") else ""


def _is_flat(height: Any | None, name: str, rule: str) -> bool:
    """Whether a height is fixed and less than letters need."""
    if height is None or height.get(WORD + rule) != "exact":
        return False
    points = _number(height.get(WORD + name))
    return points is not None and points < _FLATTEST


def _is_squeezed(properties: Any, filled: Any | None) -> bool | None:
    """Whether the letters of a run have no shape: too narrow, far from their line, or filled with nothing."""
    width, raised = properties.find(WORD + "w"), properties.find(WORD + "position")
    narrow = None if width is None else (_number((width.get(_VAL) or "").rstrip("%")) or 100) < _NARROWEST
    far = None if raised is None else abs(_number(raised.get(_VAL)) or 0) > _FARTHEST
    empty = None if filled is None else filled.find(_EFFECTS + "noFill") is not None or _is_clear(filled)
    gap = properties.find(WORD + "spacing")
    close = None if gap is None or gap.get(_VAL) is None else (_number(gap.get(_VAL)) or 0) < _CLOSEST
    signs = [sign for sign in (narrow, far, empty, close) if sign is not None]
    return any(signs) if signs else None


def _is_clear(filled: Any) -> bool:
    """Whether a fill of letters is transparent."""
    return any((_number(alpha.get(_EFFECTS + "val")) or 0) > _CLEAREST for alpha in filled.iter(_EFFECTS + "alpha"))


def _is_away(properties: Any | None) -> bool:
    """Whether a paragraph with these properties stands outside of the page: by its indentation, or in a frame."""
    if properties is None:
        return False
    indented, frame = properties.find(WORD + "ind"), properties.find(WORD + "framePr")
    names = (indented, ("left", "start")), (frame, ("x", "y"))
    places = [_number(placing.get(WORD + name)) or 0 for placing, some in names if placing is not None for name in some]
    return any(place < -_OUTSIDE or place > _FAR_RIGHT for place in places)


def _is_alike(color: str, back: str) -> bool:
    letters, behind = of_hexadecimal(color), of_hexadecimal(back)
    return letters is not None and behind is not None and is_unseen(letters, behind)


def _is_white(color: Any) -> bool:
    if theme := color.get(WORD + "themeColor"):
        return theme in _WHITE_THEMES and color.get(WORD + "themeShade") is None
    return is_bright(color.get(_VAL) or "")


def is_bright(color: str) -> bool:
    """Whether a colour, six hexadecimal digits RRGGBB, looks white: each of its channels is at least `_BRIGHT`."""
    return bool(re.fullmatch("[0-9A-Fa-f]{6}", color)) and min(bytes.fromhex(color)) >= _BRIGHT


def _is_dark(shade: Any) -> bool:
    fill = shade.get(WORD + "fill") or "auto"
    pattern = shade.get(_VAL) not in (None, "clear", "nil")
    theme = shade.get(WORD + "themeFill")
    return pattern or (theme is not None and theme not in _WHITE_THEMES) or (fill.lower() != "auto" and not is_bright(fill))


def _value(parent: Any | None, name: str) -> str | None:
    element = None if parent is None else parent.find(WORD + name)
    value: str | None = None if element is None else element.get(_VAL)
    return value


def _number(text: str | None) -> float | None:
    try:
        return float((text or "").removesuffix("pt")) * (2 if (text or "").endswith("pt") else 1)
    except ValueError:
        return None
