"""Where the shapes of a slide stand, and which of them lie over others.

Places within groups are turned into those of the slide, and placeholders take theirs from the slide's layout and master.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

MAIN = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"

_SHAPES = frozenset(MAIN + name for name in ("sp", "pic", "graphicFrame", "grpSp", "cxnSp"))
_KINDS = {"ctrTitle": "title", "subTitle": "body", "obj": "body"}
_LEAST_SEEN = 0.05  # share of a shape that must be on the slide, or beside what lies over it
_LOWEST = 60_000  # a box of less, a sixteenth of an inch, is no measure of where its letters are


class Box(NamedTuple):
    """The place of a shape in English metric units: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Its area; 0 if it is empty."""
        return max(self.right - self.left, 0) * max(self.bottom - self.top, 0)

    def meets(self, other: Box) -> bool:
        """Whether two places have a point in common."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom

    def hides(self, other: Box) -> bool:
        """Whether (nearly) all of another place lies within this one."""
        return other.bottom - other.top > _LOWEST and self.common(other) > (1 - _LEAST_SEEN) * other.area

    def shows(self, other: Box) -> bool:
        """Whether more than a little of another place lies within this one."""
        return self.meets(other) and (other.area == 0 or self.common(other) > _LEAST_SEEN * other.area)

    def common(self, other: Box) -> float:
        """The area of what two places have in common."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Box(left, top, min(self.right, other.right), min(self.bottom, other.bottom)).area


def boxes(root: Any, below: Sequence[Any]) -> dict[Any, Box]:
    """The place of each shape and group of a slide; of placeholders without one that of the layout or master `below`."""
    places: dict[Any, Box] = {}
    for tree in root.iter(MAIN + "spTree"):
        places.update(_within(tree, (1.0, 0.0), (1.0, 0.0), below))
    return places


def _within(
    parent: Any, across: tuple[float, float], down: tuple[float, float], below: Sequence[Any]
) -> Iterator[tuple[Any, Box]]:
    """The places of what stands in a group; `across` and `down`: factor and shift from its measure to that of the slide."""
    for element in parent:
        if element.tag not in _SHAPES:
            if isinstance(element.tag, str) and element.tag.endswith(("}AlternateContent", "}Choice")):
                yield from _within(element, across, down, below)
            continue
        stated = _stated_box(element) or next((box for root in below for box in [_of_placeholder(element, root)] if box), None)
        if stated is not None:
            yield (
                element,
                Box(*(scale[0] * value + scale[1] for value, scale in zip(stated, (across, down, across, down), strict=True))),
            )
        if element.tag == MAIN + "grpSp":
            inner = _stated_box(element, "chOff", "chExt")
            if stated is None or inner is None:
                yield from _within(element, across, down, below)
                continue
            yield from _within(
                element,
                _scaled(across, (stated.left, stated.right), (inner.left, inner.right)),
                _scaled(down, (stated.top, stated.bottom), (inner.top, inner.bottom)),
                below,
            )


def _scaled(outer: tuple[float, float], place: tuple[float, float], inner: tuple[float, float]) -> tuple[float, float]:
    """Factor and shift from the measure within a group, where it reaches over `inner`, to that of the slide."""
    factor = (place[1] - place[0]) / (inner[1] - inner[0]) if inner[1] > inner[0] else 1.0
    return outer[0] * factor, outer[0] * (place[0] - factor * inner[0]) + outer[1]


def _stated_box(shape: Any, start: str = "off", size: str = "ext") -> Box | None:
    properties = next((child for name in ("spPr", "grpSpPr") if (child := shape.find(MAIN + name)) is not None), None)
    change = shape.find(MAIN + "xfrm") if properties is None else properties.find(DRAWING + "xfrm")
    offset, extent = (None, None) if change is None else (change.find(DRAWING + start), change.find(DRAWING + size))
    if offset is None or extent is None:
        return None
    left, top = int(offset.get("x", 0)), int(offset.get("y", 0))
    return Box(left, top, left + int(extent.get("cx", 0)), top + int(extent.get("cy", 0)))


def placeholder(shape: Any, root: Any) -> Any | None:
    """The shape of a layout or master that a placeholder of a slide is filled in for; None if there is none."""
    holder = next(iter(shape.iter(MAIN + "ph")), None)
    if holder is None:
        return None
    others = [(other, next(iter(other.iter(MAIN + "ph")), None)) for other in root.iter(MAIN + "sp")]
    index, kind = holder.get("idx"), holder.get("type")
    same = (other for other, ph in others if ph is not None and index is not None and ph.get("idx") == index)
    wanted = _KINDS.get(kind, kind) or "body"
    alike = (other for other, ph in others if ph is not None and (ph.get("type") or "body") == wanted)
    first = next(same, None)
    return next(alike, None) if first is None else first


def _of_placeholder(shape: Any, root: Any) -> Box | None:
    other = placeholder(shape, root)
    return None if other is None else _stated_box(other)


def above(root: Any, shape: Any) -> Iterator[Any]:
    """The shapes of a slide that are drawn after one, and so over it, but for those that a click brings or takes away."""
    moved = {target.get("spid") for target in root.iter(MAIN + "spTgt")}
    if _number(shape) in moved:
        return
    drawn = (other for other in root.iter(MAIN + "sp", MAIN + "pic", MAIN + "graphicFrame"))
    for other in drawn:
        if other is shape:
            break
    yield from (other for other in drawn if _number(other) not in moved)


def _number(shape: Any) -> str | None:
    properties = next(iter(shape.iter(MAIN + "cNvPr")), None)
    return None if properties is None else properties.get("id")
