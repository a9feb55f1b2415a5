"""Text boxes of a Word document: which of the shapes that hold them a reader sees, and what is behind their letters."""

from __future__ import annotations

import re
from typing import Any

from llm_audit.extract.docx_look import WORD

BOX = WORD + "txbxContent"
DRAWINGS = frozenset({WORD + "drawing", WORD + "pict", WORD + "object"})
_PLACED = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_FILLED = re.compile(r"\}(?:solidFill|gradFill|blipFill|pattFill|fill)$")
_WHITE_FILL = frozenset({"bg1", "lt1", "FFFFFF"})
_LEAST = 12_700  # English metric units (a point): the least width and height of a box that shows something
_FAR = 5_000_000  # English metric units, 14 cm: farther left of or above a page than any margin
_FAR_RIGHT = 30_000_000  # 83 cm: farther right or down than any page
_CSS = re.compile(r"(?:^|;)\s*(visibility|display|width|height|margin-left|margin-top|left|top)\s*:\s*(-?[\w.]+)", re.I)
_POINTS = {"in": 72.0, "cm": 28.3, "mm": 2.83, "px": 0.75, "pt": 1.0, "": 1.0}


def hidden_box(box: Any) -> str:
    """How the shape around a text box is hidden, in the words of reports ("no room"); "" if a reader sees it."""
    for above in box.iterancestors():
        if above.tag in (_PLACED + "anchor", _PLACED + "inline"):
            return _hidden_shape(above)
        if style := above.get("style"):
            return _hidden_by_style(style)
        if above.tag in DRAWINGS:
            break
    return ""


def _hidden_shape(placed: Any) -> str:
    properties, extent = placed.find(_PLACED + "docPr"), placed.find(_PLACED + "extent")
    if properties is not None and properties.get("hidden") in ("1", "true", "on"):
        return "hidden shape"
    if extent is not None and min(_whole(extent.get("cx")), _whole(extent.get("cy"))) < _LEAST:
        return "no room"
    offsets = (
        _whole(offset.text)
        for side in ("positionH", "positionV")
        for offset in placed.iterfind(f"{_PLACED}{side}/{_PLACED}posOffset")
    )
    return "off the page" if any(offset < -_FAR or offset > _FAR_RIGHT for offset in offsets) else ""


def _hidden_by_style(style: str) -> str:
    """As `_hidden_shape`, of the older shapes (VML), whose style is written as in a web page."""
    values = {name.lower(): value.lower() for name, value in _CSS.findall(style)}
    if values.get("visibility") == "hidden" or values.get("display") == "none":
        return "hidden shape"
    sides = {name: _points(values[name]) for name in values if name not in ("visibility", "display")}
    if any(sides.get(name, 1.0) < 1.0 for name in ("width", "height")):
        return "no room"
    least, most = -_FAR / 12_700, _FAR_RIGHT / 12_700
    return "off the page" if any(not least <= value <= most for value in sides.values()) else ""


def _points(value: str) -> float:
    match = re.fullmatch(r"(-?\d*\.?\d+)([a-z]{0,2})", value)
    return float(match[1]) * _POINTS.get(match[2], 1.0) if match else 1.0


def _whole(text: str | None) -> int:
    match = re.fullmatch(r"-?\d{1,12}", (text or "").strip())
    return int(match[0]) if match else _LEAST


def is_repeated(box: Any, top: Any, left_out: frozenset[str]) -> bool:
    """Whether a text box is read elsewhere: within another one, or as the copy that Word keeps for old programs."""
    for above in box.iterancestors():
        if above is top:
            return False
        if above.tag in left_out or above.tag == BOX:
            return True
    return False


def is_filled(box: Any) -> bool:
    """Whether a text box has a background that makes white letters readable."""
    for above in box.iterancestors():
        if above.tag in DRAWINGS:
            return False
        for shape in above:
            if shape.tag.endswith("}spPr"):
                return any(
                    _FILLED.search(fill.tag) and not any(color.get("val") in _WHITE_FILL for color in fill) for fill in shape
                )
        if above.get("fillcolor", "white").lower() not in ("white", "#ffffff", "none"):
            return True
    return False
