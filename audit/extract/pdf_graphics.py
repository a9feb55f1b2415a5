"""The graphics state of a PDF page, and the geometry of what it draws (ISO 32000, 8.3 to 8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from llm_audit.extract.colors import BLACK, Color

Matrix = tuple[float, float, float, float, float, float]
ONE: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Box(NamedTuple):
    """An upright rectangle on a page, in points."""

    left: float
    bottom: float
    right: float
    top: float

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is in the box, or a point's breadth beside it."""
        return self.left - 1 <= x <= self.right + 1 and self.bottom - 1 <= y <= self.top + 1

    def within(self, other: Box | None) -> Box:
        """What is left of this box within another one; a box of no size if nothing is."""
        if other is None:
            return self
        left, bottom = max(self.left, other.left), max(self.bottom, other.bottom)
        return Box(left, bottom, max(min(self.right, other.right), left), max(min(self.top, other.top), bottom))


class Graphics(NamedTuple):
    """The part of the graphics state that decides whether text is visible."""

    ctm: Matrix = ONE
    color: Color | None = BLACK  # of what is filled; None: unknown, such as a pattern
    alpha: float = 1.0
    mixed: bool = False  # colours are mixed with those below, as a marker's are
    clip: Box | None = None
    mode: int = 0
    size: float = 1.0
    leading: float = 0.0
    rise: float = 0.0
    width: float = 100.0  # percent
    stroke: Color | None = BLACK  # of outlines
    stroke_alpha: float = 1.0
    spacing: float = 0.0  # between letters, beside their own width


def raw_entry(parent: Any, name: Any) -> Any:
    """An entry of a dictionary, as a reference if it is one; None if there is none."""
    return parent.raw_get(name) if parent is not None and hasattr(parent, "raw_get") and name in parent else None


def entry(parent: Any, name: str) -> Any:
    """An entry of a dictionary; None if there is none."""
    item = raw_entry(parent, name)
    return item.get_object() if hasattr(item, "get_object") else item


def with_state(now: Graphics, state: Any) -> Graphics:
    """The graphics state after `gs`: opacity, and how colours are mixed."""
    alpha, stroke_alpha, mixed = entry(state, "/ca"), entry(state, "/CA"), entry(state, "/BM")
    now = now if alpha is None else now._replace(alpha=number(alpha))
    now = now if stroke_alpha is None else now._replace(stroke_alpha=number(stroke_alpha))
    return now if mixed is None else now._replace(mixed=mixed not in ("/Normal", "/Compatible"))


def changed(now: Graphics, operator: bytes, operands: Sequence[Any]) -> Graphics:
    """The graphics state after an operator."""
    match operator:
        case b"cm":
            return now._replace(ctm=times(matrix_of(operands), now.ctm))
        case b"g" | b"rg" | b"k":
            return now._replace(color=_color([number(operand) for operand in operands]))
        case b"G" | b"RG" | b"K":
            return now._replace(stroke=_color([number(operand) for operand in operands]))
        case b"sc" | b"scn":
            return now._replace(color=_known(operands))
        case b"SC" | b"SCN":
            return now._replace(stroke=_known(operands))
        case b"cs":
            return now._replace(color=None)
        case b"CS":
            return now._replace(stroke=None)
        case b"Tc":
            return now._replace(spacing=number(operands[0]))
        case b"Tr":
            return now._replace(mode=int(number(operands[0])))
        case b"Tf":
            return now._replace(size=number(operands[1]))
        case b"TL":
            return now._replace(leading=number(operands[0]))
        case b"Ts":
            return now._replace(rise=number(operands[0]))
        case b"Tz":
            return now._replace(width=number(operands[0]))
    return now


def _known(operands: Sequence[Any]) -> Color | None:
    """The colour of operands in a space that is named elsewhere; None: unknown."""
    values = [number(operand) for operand in operands if isinstance(operand, int | float)]
    # A pattern has a name; one number may be a light, or a share of an ink that is named elsewhere.
    return _color(values) if len(values) == len(operands) and (len(values) > 1 or values == [1.0]) else None


def _color(values: Sequence[float]) -> Color | None:
    """The colour of one light, of three, or of four inks."""
    match values:
        case [light]:
            return (light, light, light)
        case [red, green, blue]:
            return (red, green, blue)
        case [cyan, magenta, yellow, key]:
            red, green, blue = ((1 - ink) * (1 - key) for ink in (cyan, magenta, yellow))
            return (red, green, blue)
    return None


def corners(operator: bytes, operands: Sequence[Any], ctm: Matrix) -> list[tuple[float, float]]:
    """The points that an operator adds to a path, on the page; of curves also those that they are drawn towards."""
    numbers = [number(operand) for operand in operands]
    if operator == b"re" and len(numbers) == 4:
        x, y, width, height = numbers
        return [at(ctm, x, y), at(ctm, x + width, y + height), at(ctm, x, y + height), at(ctm, x + width, y)]
    return [at(ctm, x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=False)]


def around(points: Sequence[tuple[float, float]]) -> Box:
    """The smallest upright box that holds all these points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Box(min(xs), min(ys), max(xs), max(ys))


def encloses(corners: Sequence[tuple[float, float]], x: float, y: float) -> bool:
    """Whether a point is within the polygon of these corners."""
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def matrix_of(operands: Sequence[Any]) -> Matrix:
    """The matrix of six operands."""
    a, b, c, d, e, f = map(number, operands)
    return (a, b, c, d, e, f)


def times(first: Matrix, second: Matrix) -> Matrix:
    """The matrix that does what the first one does, and then what the second one does."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def at(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    """The place of a point after a matrix."""
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def number(operand: Any) -> float:
    """An operand as a number."""
    return float(operand)
