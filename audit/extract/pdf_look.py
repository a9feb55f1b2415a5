"""Which text of a PDF page is visible: white letters on white paper, tiny ones and those off the page are hidden.

Follows the operators of the page's own content (ISO 32000, 8.4 and 9.4); drawings that the page shows (form XObjects) are
taken to be seen. What is drawn over a text later is not looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pypdf import PageObject
from pypdf.generic import ContentStream, NameObject, NullObject

_SHOWN = frozenset({b"Tj", b"TJ", b"'", b'"'})
_PAINTED = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"})
_PATH = frozenset({b"m", b"l", b"c", b"v", b"y", b"re"})
_ENDED = frozenset({b"n", b"S", b"s", *_PAINTED})
_TINIEST = 1.5  # points
_BRIGHT = 0.93  # of each colour, from 0 to 1
_INVISIBLE = 3  # text rendering mode; of scanned pages whose letters were recognised, it is the only text
_SCAN = 0.5  # of the page that a picture covers

_Matrix = tuple[float, float, float, float, float, float]
_ONE: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class _Graphics(NamedTuple):
    """The part of the graphics state that decides whether text is visible."""

    ctm: _Matrix = _ONE
    bright: bool = False
    mode: int = 0
    size: float = 1.0
    leading: float = 0.0


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float

    def holds(self, x: float, y: float) -> bool:
        return self.left - 1 <= x <= self.right + 1 and self.bottom - 1 <= y <= self.top + 1


def texts_of(page: PageObject) -> tuple[str, list[tuple[str, str]]]:
    """The text of a page that a reader sees, and what is hidden in it: (way, text)."""
    content = page["/Contents"].get_object() if "/Contents" in page else None
    if content is None or isinstance(content, NullObject):
        return page.extract_text(), []
    # Strings as bytes, as those who extract them need them: which letters they are, only their fonts know.
    operations = list(ContentStream(content, page.pdf, "bytes").operations)
    ways = _Page(page).ways(operations)
    if not any(ways):
        return page.extract_text(), []
    hidden = []
    for way in dict.fromkeys(filter(None, ways)):
        pairs = zip(operations, ways, strict=True)
        drawn = [operation for operation, other in pairs if other == way or operation[1] not in _SHOWN]
        hidden.append((way, _extracted(page, drawn)))
    seen = [operation for operation, way in zip(operations, ways, strict=True) if not way]
    return _extracted(page, seen), hidden


def _extracted(page: PageObject, operations: list[Any]) -> str:
    stream = ContentStream(None, page.pdf)
    stream.operations = operations
    original = page.get("/Contents")
    page[NameObject("/Contents")] = stream
    try:
        return page.extract_text()
    finally:
        if original is not None:
            page[NameObject("/Contents")] = original


class _Page:
    """One page, and what was painted on it so far, while its operations are followed."""

    def __init__(self, page: PageObject) -> None:
        box = page.cropbox
        self._box = _Box(*(float(side) for side in (box.left, box.bottom, box.right, box.top)))
        self._images = _images(page)
        self._painted: list[_Box] = []
        self._scanned = False

    def ways(self, operations: Sequence[Any]) -> list[str]:
        """For each operation how its text is hidden ("white"); "" if it draws no text, or visible text."""
        self._scanned = self._is_scanned(operations)
        now, kept = _Graphics(), list[_Graphics]()
        text, line = _ONE, _ONE
        path: list[tuple[float, float]] = []
        ways = []
        for operands, operator in operations:
            way = ""
            if operator == b"q":
                kept.append(now)
            elif operator == b"Q":
                now = kept.pop() if kept else now
            elif operator == b"BT":
                text = line = _ONE
            elif operator == b"Tm":
                text = line = _matrix(operands)
            elif operator in (b"Td", b"TD", b"T*", b"'", b'"'):
                x, y = (_number(operands[0]), _number(operands[1])) if operator in (b"Td", b"TD") else (0.0, -now.leading)
                now = now._replace(leading=-y) if operator == b"TD" else now
                text = line = _times((1.0, 0.0, 0.0, 1.0, x, y), line)
            elif operator in _PATH:
                path += _corners(operator, operands, now.ctm)
            elif operator in _ENDED:
                if operator in _PAINTED and path and not now.bright:
                    self._painted.append(_around(path))
                path = []
            elif operator == b"Do" and operands and str(operands[0]) in self._images:
                self._painted.append(_around([_at(now.ctm, x, y) for x, y in ((0, 0), (1, 1), (0, 1), (1, 0))]))
            else:
                now = _changed(now, operator, operands)
            if operator in _SHOWN:
                way = self._way(now, _times(text, now.ctm))
            ways.append(way)
        return ways

    def _way(self, now: _Graphics, where: _Matrix) -> str:
        x, y = where[4], where[5]
        if now.mode == _INVISIBLE:
            return "" if self._scanned else "invisible letters"
        if abs(now.size) * (where[2] ** 2 + where[3] ** 2) ** 0.5 < _TINIEST:
            return "tiny letters"
        if not (self._box.left - 50 <= x <= self._box.right and self._box.bottom - 20 <= y <= self._box.top):
            return "off the page"
        if now.bright and now.mode in (0, 4) and not any(box.holds(x, y) for box in self._painted):
            return "white letters"
        return ""

    def _is_scanned(self, operations: Sequence[Any]) -> bool:
        """Whether pictures cover most of the page."""
        ctm, kept, covered = _ONE, list[_Matrix](), 0.0
        for operands, operator in operations:
            if operator == b"q":
                kept.append(ctm)
            elif operator == b"Q":
                ctm = kept.pop() if kept else ctm
            elif operator == b"cm":
                ctm = _times(_matrix(operands), ctm)
            elif operator == b"Do" and operands and str(operands[0]) in self._images:
                covered += abs(ctm[0] * ctm[3] - ctm[1] * ctm[2])
        return covered > _SCAN * (self._box.right - self._box.left) * (self._box.top - self._box.bottom)


def _images(page: PageObject) -> frozenset[str]:
    resources: Any = page.get("/Resources")
    objects = None if resources is None else resources.get_object().get("/XObject")
    if objects is None:
        return frozenset()
    objects = objects.get_object()
    return frozenset(name for name in objects if objects[name].get_object().get("/Subtype") == "/Image")


def _changed(now: _Graphics, operator: bytes, operands: Sequence[Any]) -> _Graphics:
    match operator:
        case b"cm":
            return now._replace(ctm=_times(_matrix(operands), now.ctm))
        case b"g" | b"rg":
            return now._replace(bright=min(map(_number, operands), default=0.0) > _BRIGHT)
        case b"k":
            return now._replace(bright=max(map(_number, operands), default=1.0) < 1 - _BRIGHT)
        case b"sc" | b"scn":
            values = [_number(operand) for operand in operands if isinstance(operand, int | float)]
            inks = len(values) == 4  # four are inks, one or three are lights; a pattern has a name and is no white
            bright = len(values) == len(operands) and bool(values)
            return now._replace(bright=bright and (max(values) < 1 - _BRIGHT if inks else min(values) > _BRIGHT))
        case b"cs":
            return now._replace(bright=False)
        case b"Tr":
            return now._replace(mode=int(_number(operands[0])))
        case b"Tf":
            return now._replace(size=_number(operands[1]))
        case b"TL":
            return now._replace(leading=_number(operands[0]))
    return now


def _corners(operator: bytes, operands: Sequence[Any], ctm: _Matrix) -> list[tuple[float, float]]:
    numbers = [_number(operand) for operand in operands]
    if operator == b"re" and len(numbers) == 4:
        x, y, width, height = numbers
        return [_at(ctm, x, y), _at(ctm, x + width, y + height), _at(ctm, x, y + height), _at(ctm, x + width, y)]
    return [_at(ctm, x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=False)]


def _around(points: Sequence[tuple[float, float]]) -> _Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return _Box(min(xs), min(ys), max(xs), max(ys))


def _matrix(operands: Sequence[Any]) -> _Matrix:
    a, b, c, d, e, f = map(_number, operands)
    return (a, b, c, d, e, f)


def _times(first: _Matrix, second: _Matrix) -> _Matrix:
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _at(matrix: _Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _number(operand: Any) -> float:
    return float(operand)
