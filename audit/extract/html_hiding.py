"""The ways in which the style of an element of a web page hides its text, as far as the style alone tells.

Not seen: what another element covers, and what scripts show or hide.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable

from llm_audit.extract.html_style import Style

_FAR, _FAR_RIGHT = 900, 2_500  # pixels to the left or above, and to the right: off every page
_WIDTH, _HEIGHT = 1_200, 800  # pixels of the window, which `position: fixed` refers to
_LEAST_SHOWN = 0.05  # scale at which letters cannot be read, opacity at which they cannot be seen
_LEAST_BLUR = 5  # pixels
_TINIEST = 2  # pixels; a point is 1.33
_LENGTH = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|%|vw|vh|ex|ch|cm|mm|in)?")
_IN_CALC = re.compile(r"(\d*\.?\d+)(px|pt|em|rem|%|vw|vh|ex|ch|cm|mm|in)?(?![\w.])")
_PIXELS = {"pt": 4 / 3, "em": 16, "rem": 16, "%": 10, "ex": 8, "ch": 8, "cm": 37.8, "mm": 3.78, "in": 96, "vw": 12, "vh": 8}
_SIZE_OF_FONT = re.compile(r"(?:^|\s)(\d*\.?\d+(?:px|pt|em|rem|%|vw|vh|ex|ch|cm|mm|in)?)(?:\s*/\s*\S+)?\s+\S")
_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_CLIPPING = frozenset({"hidden", "clip", "auto", "scroll"})
_EXTENTS = ("height", "max-height", "width", "max-width", "block-size", "max-block-size", "inline-size", "max-inline-size")
_INVISIBLE_MASK = re.compile(
    r"(?:linear|radial|conic)-gradient\((?:[^()]*,)?\s*(?:transparent|#0000(?:0000)?|rgba\(0, ?0, ?0, ?0\))[\s,)]"
)
_VISIBLE_IN_MASK = re.compile(r"#(?!0{4}\b|0{8}\b)[0-9a-f]{3,8}|\b(?:black|white|red|gray|grey|url)\b|rgb\(")
_QUARTER = 90  # degrees: an element that is turned so far about an axis of the page is a line


def hides(style: Style) -> str:
    """The way in which this style hides an element with all its content; "" if it does not.

    What the content can undo is decided by others: `visibility`, sizes and colours of letters.
    """
    if style.get("display") == "none" or style.get("content-visibility") == "hidden":
        return "display:none"
    if opacity(style) < _LEAST_SHOWN:
        return "transparent letters"
    if way := _filtered(style.get("filter", "")) or _masked(style):
        return way
    placed = style.get("position")
    if placed in ("absolute", "fixed") and _is_clipped(style):
        return "no room"
    if (placed in ("absolute", "fixed", "relative") and _is_far(style)) or _is_outside(style) or _is_indented(style):
        return "off the page"
    if way := _transformed(style):
        return way
    if _CLIPPING & {style.get("overflow", "").split(" ")[0], style.get("overflow-x"), style.get("overflow-y")}:
        for side in _EXTENTS:
            if (extent := length(style.get(side))) is not None and extent < _TINIEST:
                return "no room"
    return "no room" if _is_cut_away(style.get("clip-path", "")) else ""


def opacity(style: Style) -> float:
    """The opacity that a style sets for an element, from 0 to 1; 1 if it sets none."""
    share = _share(style.get("opacity"))
    return 1.0 if share is None else share


def _share(value: str | None) -> float | None:
    """A number or a percentage as a share."""
    if value and value.endswith("%") and (number := length(value[:-1])) is not None:
        return number / 100
    return length(value)


def _filtered(filters: str) -> str:
    for function, number, percent in re.findall(r"(opacity|blur)\(\s*(\d*\.?\d+)(%?)(?:px)?\s*\)", filters):
        if function == "opacity" and float(number) / (100 if percent else 1) < _LEAST_SHOWN:
            return "transparent letters"
        if function == "blur" and float(number) > _LEAST_BLUR:
            return "blurred"
    return ""


def _masked(style: Style) -> str:
    """The way in which a mask hides an element, which has none but transparent colours; "" if none does."""
    masks = [value for name, value in style.items() if name.removeprefix("-webkit-") in ("mask", "mask-image")]
    unseen = any(_INVISIBLE_MASK.search(mask) and not _VISIBLE_IN_MASK.search(mask) for mask in masks)
    return "transparent letters" if unseen else ""


def _is_clipped(style: Style) -> bool:
    """Whether `clip`, which counts where an element stands outside of the flow, leaves nothing of it."""
    if match := re.fullmatch(r"rect\(([^()]*)\)", style.get("clip", "")):
        top, right, bottom, left = ([length(side) for side in re.split(r"[\s,]+", match[1].strip())] + [None] * 4)[:4]
        if top is not None and right is not None and bottom is not None and left is not None:
            return bottom - top < _TINIEST or right - left < _TINIEST
    return False


def _is_cut_away(path: str) -> bool:
    """Whether `clip-path` leaves nothing of an element."""
    shape, _, rest = path.partition("(")
    arguments = rest.rpartition(")")[0].strip()
    match shape.strip():
        case "inset":
            top, right, bottom, left = _sides([_percent(side) for side in arguments.partition(" round ")[0].split()])
            return top + bottom >= 100 or left + right >= 100
        case "circle" | "ellipse":
            radii = arguments.partition("at")[0].split()
            return any(length(radius) == 0 for radius in radii)
        case "polygon":
            points = [[length(number) or 0.0 for number in pair.split()[-2:]] for pair in arguments.split(",")]
            numbers = [(pair[0], pair[1]) for pair in points if len(pair) == 2]
            return len(numbers) > 2 and abs(_area(numbers)) < 1
        case "path":
            return len(re.findall(r"\d+", arguments)) < 6  # fewer than three points
    return False


def _sides(values: list[float]) -> tuple[float, float, float, float]:
    """Top, right, bottom and left of one to four values, as CSS deals them out."""
    if not values:
        return 0.0, 0.0, 0.0, 0.0
    top = values[0]
    right = values[1] if len(values) > 1 else top
    return top, right, values[2] if len(values) > 2 else top, values[3] if len(values) > 3 else right


def _percent(value: str) -> float:
    return float(value[:-1]) if re.fullmatch(r"\d*\.?\d+%", value) else 0.0


def _area(points: list[tuple[float, float]]) -> float:
    pairs = zip(points, [*points[1:], points[0]], strict=True)
    return sum(x * other_y - other_x * y for (x, y), (other_x, other_y) in pairs) / 2


def _is_far(style: Style) -> bool:
    inset = dict(zip(("top", "right", "bottom", "left"), style.get("inset", "").split(), strict=False))
    top, right, bottom, left = (length(style.get(side, inset.get(side))) or 0 for side in ("top", "right", "bottom", "left"))
    if style.get("position") == "fixed" and (top >= _HEIGHT or bottom < -_FAR or left >= _WIDTH):
        return True
    return min(top, right, left) < -_FAR or left > _FAR_RIGHT


def _is_outside(style: Style) -> bool:
    margins = (style.get("margin-left"), style.get("margin-top"), *style.get("margin", "").split())
    return any((length(margin) or 0) < -_FAR for margin in margins)


def _is_indented(style: Style) -> bool:
    """Whether the first line begins off the page, or right of a box that shows nothing outside of it."""
    value = style.get("text-indent")
    beside = style.get("overflow") in ("hidden", "clip") and (value or "").endswith("%") and (_share(value) or 0) >= 1
    return (length(value) or 0) < -_FAR or beside


def _transformed(style: Style) -> str:
    single = f"scale({style.get('scale', '1')}) translate({style.get('translate', '0')}) {_rotation(style.get('rotate', ''))}"
    if (zoom := _share(style.get("zoom"))) is not None and 0 < zoom < _LEAST_SHOWN:
        return "no room"
    for function, arguments in re.findall(r"([\w]+)\(((?:[^()]|\([^()]*\))*)\)", f"{style.get('transform', '')} {single}"):
        values = [length(value) or 0.0 for value in re.split(r"\s*,\s*|\s+(?![^()]*\))", arguments.strip())]
        if function.startswith("scale") and any(abs(value) < _LEAST_SHOWN for value in values[:2]):
            return "no room"
        if function == "matrix" and len(values) == 6:
            if math.sqrt(abs(values[0] * values[3] - values[1] * values[2])) < _LEAST_SHOWN:
                return "no room"
            values = values[4:]
        if function.startswith(("translate", "matrix")) and any(value < -_FAR or value > _FAR_RIGHT for value in values):
            return "off the page"
        if function in ("rotatex", "rotatey", "rotate3d"):
            degrees = _degrees(arguments) % 180
            behind = _degrees(arguments) % 360 == 2 * _QUARTER and style.get("backface-visibility") == "hidden"
            flat = function != "rotate3d" or not values[2]
            if flat and (degrees == _QUARTER or behind):
                return "no room"
    return ""


def _rotation(value: str) -> str:
    """The property `rotate` as a function of `transform`."""
    match = re.fullmatch(r"([xy])\s+(\S+)", value)
    return f"rotate{match[1]}({match[2]})" if match else ""


def _degrees(arguments: str) -> float:
    match = re.search(r"(-?\d*\.?\d+)(deg|turn|grad|rad)\s*$", arguments)
    units = {"deg": 1.0, "turn": 360.0, "grad": 0.9, "rad": 180 / math.pi}
    return round(float(match[1]) * units[match[2]], 1) if match else 0.0


def size_of(style: Style, above: float) -> float:
    """The height of the letters of an element in pixels; `above`: that of the element around it."""
    value = style.get("font-size")
    if value is None and (match := _SIZE_OF_FONT.search(style.get("font", ""))):
        value = match[1]
    if value in (None, "inherit", "unset"):
        return above
    if match := re.fullmatch(r"(\d*\.?\d+)(em|%)", value or ""):
        return float(match[1]) * above / (1 if match[2] == "em" else 100)
    size = length(value)
    return 16.0 if size is None else size


def is_tiny(size: float) -> bool:
    """Whether letters of so many pixels cannot be read."""
    return size < _TINIEST


def length(value: str | None) -> float | None:
    """A CSS length in pixels, also one that is calculated; None: it cannot be read."""
    value = (value or "").strip()
    if match := _LENGTH.fullmatch(value):
        return float(match[1]) * _PIXELS.get(match[2] or "px", 1)
    if not value.startswith("calc(") or len(value) > 200:
        return None
    plain = _IN_CALC.sub(lambda match: str(float(match[1]) * _PIXELS.get(match[2] or "px", 1)), value.replace("calc(", "("))
    try:
        return _calculated(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None


def _calculated(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=float() | int() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_calculated(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_calculated(left), _calculated(right))
    raise ValueError(f"no arithmetic of CSS: {ast.dump(node)[:40]}")
