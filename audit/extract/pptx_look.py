"""How the text of a slide looks: whether whoever sees the slide sees it.

Knows colours, sizes and places, as far as the file states them; where the background cannot be known, letters count as seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from colorsys import hls_to_rgb, rgb_to_hls
from typing import Any

from llm_audit.extract.colors import Color, is_unseen, of_hexadecimal
from llm_audit.extract.package import Package
from llm_audit.extract.pptx_places import DRAWING, MAIN, Box, above, boxes, placeholder

_SMALLEST, _USUAL = 200, 1800  # hundredths of a point
_LEAST_OPAQUE, _OPAQUE, _WHOLE = 10_000, 95_000, 100_000  # thousandths of a percent
_PLAIN = frozenset({"rect", "roundRect", "round1Rect", "round2SameRect", "flowChartProcess"})  # shapes that fill their place
_OPAQUE_PICTURES = (".jpg", ".jpeg", ".bmp")
_EMBEDDED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed"
_FILLS = frozenset(DRAWING + name for name in ("solidFill", "gradFill", "blipFill", "pattFill", "grpFill", "noFill"))
_PRESET = {"white": "FFFFFF", "black": "000000"}
_USUAL_MAP = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}


class Slide:
    """A slide with the layout and the master that it is based on."""

    def __init__(self, package: Package, part: str, size: Box | None) -> None:
        """Read what a slide takes from elsewhere; `size`: its own, None if it is not known."""
        self._size = size
        self.root = package.xml(part)
        self._pictures = {relation.id: relation.target.lower() for relation in package.relations(part)}
        layout = next(package.related(part, "slideLayout"), "")
        master = next(package.related(layout, "slideMaster"), "") if layout else ""
        theme = next(package.related(master, "theme"), "") if master else ""
        self.parts_below = [name for name in (layout, master) if name]
        self._below = [package.xml(name) for name in self.parts_below]
        self._boxes = boxes(self.root, self._below)
        for number, root in enumerate(self._below):
            self._boxes |= boxes(root, self._below[number + 1 :])
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
        box = self._boxes.get(shape)
        if box is None:
            return ""
        if self._size and not self._size.shows(box):
            return "off the slide"
        if shape.tag != MAIN + "sp":
            return ""
        covers = (other for other in above(self.root, shape) if other in self._boxes and self._is_opaque(other))
        return "covered by another shape" if any(self._boxes[other].hides(box) for other in covers) else ""

    def shown_below(self) -> Iterator[tuple[str, str]]:
        """The words that a slide takes from its layout and master, beside those of placeholders, with the name of the part."""
        seen = self.root.get("showMasterSp") not in ("0", "false")
        for part, root in zip(self.parts_below, self._below, strict=True) if seen else ():
            for shape in root.iter(MAIN + "sp"):
                if next(shape.iter(MAIN + "ph"), None) is None and not self.hidden_shape(shape):
                    yield part, " ".join(text.text or "" for text in shape.iter(DRAWING + "t"))
            if root.get("showMasterSp") in ("0", "false"):
                return

    def behind(self, shape: Any) -> Color | None:
        """The colour behind the letters of a shape; None if it cannot be known."""
        fill = _fill_of(shape.find(MAIN + "spPr"))
        if fill is None and (reference := shape.find(f"{MAIN}style/{DRAWING}fillRef")) is not None:
            fill = reference if reference.get("idx") not in (None, "0") else None
        if fill is not None and fill.tag != DRAWING + "noFill":
            return self._color(fill)
        box = self._boxes.get(shape)
        if shape.tag != MAIN + "sp" or (box and any(box.meets(other) for other in self._painted(shape))):
            return None
        return self._background()

    def behind_cell(self, cell: Any) -> Color | None:
        """The colour behind the letters of a table's cell; None if its own properties do not say."""
        fill = _fill_of(cell.find(DRAWING + "tcPr"))
        return None if fill is None or fill.tag == DRAWING + "noFill" else self._color(fill)

    def hidden_run(self, run: Any, back: Color | None, styles: Sequence[Any], scale: float = 1.0) -> str:
        """How the letters of a run (a:r) are hidden on a background; "" if they are seen.

        `styles`: see `styles_of`; `scale`: by which a box shrinks its letters.
        """
        properties = run.find(DRAWING + "rPr")
        size = "" if properties is None else properties.get("sz") or ""
        if (int(size) if size.isdecimal() else _USUAL) * scale < _SMALLEST:
            return "tiny letters"
        fill = next((fill for stated in (properties, *styles) if (fill := _fill_of(stated)) is not None), None)
        if fill is None:
            return ""
        marked = None if properties is None else properties.find(DRAWING + "highlight")
        back = back if marked is None else self._color(marked)
        alpha = next(iter(fill.iter(DRAWING + "alpha")), None)
        faint = alpha is not None and (alpha.get("val") or "").isdecimal() and int(alpha.get("val")) < _LEAST_OPAQUE
        if fill.tag == DRAWING + "noFill" or faint:
            return "transparent letters"
        color = self._color(fill)
        if color is None or back is None or not is_unseen(color, back):
            return ""
        return "white letters" if min(back) > 0.9 else "letters in the colour of what is behind"

    def styles_of(self, shape: Any, level: int) -> list[Any]:
        """The properties of letters (a:defRPr) that a shape, or the placeholder it fills, states for a level of its text."""
        shapes = [shape, *(other for root in self._below for other in [placeholder(shape, root)] if other is not None)]
        name = f"{MAIN}txBody/{DRAWING}lstStyle/{DRAWING}lvl{level + 1}pPr/{DRAWING}defRPr"
        return [style for drawn in shapes for style in [drawn.find(name)] if style is not None]

    def _is_opaque(self, shape: Any) -> bool:
        """Whether nothing behind a shape is seen: a plain one in one colour, or a picture of a kind without transparency."""
        if shape.tag == MAIN + "pic":
            picture = next(iter(shape.iter(DRAWING + "blip")), None)
            name = "" if picture is None or len(picture) else self._pictures.get(picture.get(_EMBEDDED), "")
            return name.endswith(_OPAQUE_PICTURES)
        properties = shape.find(MAIN + "spPr")
        geometry = None if properties is None else properties.find(DRAWING + "prstGeom")
        fill = _fill_of(properties)
        if geometry is None or geometry.get("prst") not in _PLAIN or fill is None or fill.tag != DRAWING + "solidFill":
            return False
        alphas = [alpha.get("val") or "" for alpha in fill.iter(DRAWING + "alpha")]
        return all(alpha.isdecimal() and int(alpha) >= _OPAQUE for alpha in alphas)

    def _painted(self, shape: Any) -> Iterator[Box]:
        """The places of pictures and of filled shapes that are drawn before a shape."""
        for root in (self.root, *self._below):
            for other in root.iter(MAIN + "sp", MAIN + "pic", MAIN + "graphicFrame"):
                if other is shape:
                    break
                fill = _fill_of(other.find(MAIN + "spPr"))
                styled = other.find(f"{MAIN}style/{DRAWING}fillRef") is not None
                painted = other.tag != MAIN + "sp" or styled or (fill is not None and fill.tag != DRAWING + "noFill")
                if painted and (box := self._boxes.get(other)):
                    yield box

    def _background(self) -> Color | None:
        """The colour of the slide; None if it is a picture or the like."""
        for root in (self.root, *self._below):
            if (background := next(iter(root.iter(MAIN + "bg")), None)) is not None and len(background):
                fill = background[0] if background[0].tag == MAIN + "bgRef" else _fill_of(background[0])
                return None if fill is None else self._color(fill)
        return of_hexadecimal("FFFFFF")

    def _color(self, fill: Any) -> Color | None:
        """The colour of a fill of one colour; None for others, and for tints that are not of lightness alone."""
        chosen = next((child for child in fill if _name(child).endswith("Clr")), None)
        if chosen is None or any(_name(change) not in ("alpha", "lumMod", "lumOff") for change in chosen):
            return None
        color = self._named_color(chosen)
        return None if color is None else _lightened(color, chosen)

    def _named_color(self, chosen: Any) -> Color | None:
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


def _lightened(color: Color, chosen: Any) -> Color:
    """A colour with the changes of its lightness that the file asks for, in their order."""
    hue, light, saturation = rgb_to_hls(*color)
    for change in chosen:
        part = int(change.get("val")) / _WHOLE if (change.get("val") or "").lstrip("-").isdecimal() else 0.0
        light = light * part if _name(change) == "lumMod" else light + part if _name(change) == "lumOff" else light
    return hls_to_rgb(hue, min(max(light, 0.0), 1.0), saturation)
