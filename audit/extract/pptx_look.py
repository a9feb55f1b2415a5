"""How the text of a slide looks: whether whoever sees the slide sees it.

Knows colours, sizes and places, as far as the file states them; where the background cannot be known, letters count as seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from llm_audit.extract.colors import Color, is_unseen, of_hexadecimal
from llm_audit.extract.package import Package

MAIN = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"

_SMALLEST = 200  # hundredths of a point
_LEAST_OPAQUE = 10_000  # thousandths of a percent
_FILLS = frozenset(DRAWING + name for name in ("solidFill", "gradFill", "blipFill", "pattFill", "grpFill", "noFill"))
_PRESET = {"white": "FFFFFF", "black": "000000"}
_USUAL_MAP = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}


class Box(NamedTuple):
    """The place of a shape in English metric units: left, top, right, bottom."""

    left: int
    top: int
    right: int
    bottom: int

    def meets(self, other: Box) -> bool:
        """Whether two places have a point in common."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom


class Slide:
    """A slide with the layout and the master that it is based on."""

    def __init__(self, package: Package, part: str, size: Box | None) -> None:
        """Read what a slide takes from elsewhere; `size`: its own, None if it is not known."""
        self._size = size
        self.root = package.xml(part)
        layout = next(package.related(part, "slideLayout"), "")
        master = next(package.related(layout, "slideMaster"), "") if layout else ""
        theme = next(package.related(master, "theme"), "") if master else ""
        self._below = [package.xml(name) for name in (layout, master) if name]
        mapping = next((element for root in self._below for element in root.iter(MAIN + "clrMap")), None)
        self._map = dict(_USUAL_MAP if mapping is None else mapping.attrib)
        self._theme: dict[str, str] = {}
        for scheme in package.xml(theme).iter(DRAWING + "clrScheme") if theme else ():
            self._theme = {_name(color): color[0].get("lastClr") or color[0].get("val") or "" for color in scheme if len(color)}

    def hidden_shape(self, shape: Any) -> str:
        """How a shape, or group of them, is hidden with all that is in it; "" if it is not."""
        properties = next(iter(shape.iter(MAIN + "cNvPr")), None)
        if properties is not None and properties.get("hidden") in ("1", "true"):
            return "hidden shape"
        box = _box_of(shape)
        return "off the slide" if self._size and box and not box.meets(self._size) else ""

    def behind(self, shape: Any) -> Color | None:
        """The colour behind the letters of a shape; None if it cannot be known."""
        fill = _fill_of(shape.find(MAIN + "spPr"))
        if fill is None and (reference := shape.find(f"{MAIN}style/{DRAWING}fillRef")) is not None:
            fill = reference if reference.get("idx") not in (None, "0") else None
        if fill is not None and fill.tag != DRAWING + "noFill":
            return self._color(fill)
        box = _box_of(shape)
        if shape.tag != MAIN + "sp" or (box and any(box.meets(other) for other in self._painted(shape))):
            return None
        return self._background()

    def hidden_run(self, properties: Any | None, back: Color | None) -> str:
        """How letters with these properties (a:rPr) are hidden on a background; "" if they are seen."""
        if properties is None:
            return ""
        if (size := properties.get("sz") or "").isdecimal() and int(size) < _SMALLEST:
            return "tiny letters"
        fill = _fill_of(properties)
        if fill is None:
            return ""
        alpha = next(iter(fill.iter(DRAWING + "alpha")), None)
        faint = alpha is not None and (alpha.get("val") or "").isdecimal() and int(alpha.get("val")) < _LEAST_OPAQUE
        if fill.tag == DRAWING + "noFill" or faint:
            return "transparent letters"
        color = self._color(fill)
        if color is None or back is None or not is_unseen(color, back):
            return ""
        return "white letters" if min(back) > 0.9 else "letters in the colour of what is behind"

    def _painted(self, shape: Any) -> Iterator[Box]:
        """The places of pictures and of filled shapes that are drawn before a shape."""
        for root in (self.root, *self._below):
            for other in root.iter(MAIN + "sp", MAIN + "pic", MAIN + "graphicFrame"):
                if other is shape:
                    break
                fill = _fill_of(other.find(MAIN + "spPr"))
                styled = other.find(f"{MAIN}style/{DRAWING}fillRef") is not None
                painted = other.tag != MAIN + "sp" or styled or (fill is not None and fill.tag != DRAWING + "noFill")
                if painted and (box := _box_of(other)):
                    yield box

    def _background(self) -> Color | None:
        """The colour of the slide; None if it is a picture or the like."""
        for root in (self.root, *self._below):
            if (background := next(iter(root.iter(MAIN + "bg")), None)) is not None and len(background):
                fill = background[0] if background[0].tag == MAIN + "bgRef" else _fill_of(background[0])
                return None if fill is None else self._color(fill)
        return of_hexadecimal("FFFFFF")

    def _color(self, fill: Any) -> Color | None:
        """The colour of a fill of one colour; None for others, and for shades of a colour of the theme."""
        chosen = next((child for child in fill if _name(child).endswith("Clr")), None)
        if chosen is None or any(_name(change) != "alpha" for change in chosen):
            return None
        value = chosen.get("val") or ""
        match _name(chosen):
            case "srgbClr":
                return of_hexadecimal(value)
            case "sysClr":
                return of_hexadecimal(chosen.get("lastClr") or "")
            case "prstClr":
                return of_hexadecimal(_PRESET.get(value, ""))
            case "schemeClr":
                return of_hexadecimal(self._theme.get(self._map.get(value, value), ""))
        return None


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _fill_of(properties: Any | None) -> Any | None:
    return None if properties is None else next((child for child in properties if child.tag in _FILLS), None)


def _box_of(shape: Any) -> Box | None:
    """The place of a shape; None if the slide's layout gives it. Within a group it is that of the group's own measure."""
    for element in shape.iter(DRAWING + "xfrm", MAIN + "xfrm"):
        offset, extent = element.find(DRAWING + "off"), element.find(DRAWING + "ext")
        if offset is not None and extent is not None:
            left, top = int(offset.get("x", 0)), int(offset.get("y", 0))
            return Box(left, top, left + int(extent.get("cx", 0)), top + int(extent.get("cy", 0)))
    return None
