"""Which text of a PDF page is visible, by the operators of its content (ISO 32000, 8.4 and 9.4).

Hidden are letters in the colour of what is behind them, transparent and tiny ones, those that are clipped away, covered by a
rectangle drawn later, off the page, or on a layer that is not shown. Drawings that the page shows (form XObjects) are hidden
if all their letters are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from pypdf import PageObject
from pypdf.generic import ContentStream, NameObject, NullObject

from llm_audit.extract.colors import WHITE, Color, is_unseen, over
from llm_audit.extract.pdf_graphics import (
    ONE,
    Box,
    Graphics,
    Matrix,
    around,
    at,
    changed,
    corners,
    encloses,
    entry,
    matrix_of,
    number,
    raw_entry,
    times,
    with_state,
)
from llm_audit.extract.pdf_order import SCALE, WIDE, Drawn, in_order, is_out_of_order, may_interleave

_SHOWN = frozenset({b"Tj", b"TJ", b"'", b'"'})
_PAINTED = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"})
_PATH = frozenset({b"m", b"l", b"c", b"v", b"y", b"re"})
_ENDED = frozenset({b"n", b"S", b"s", *_PAINTED})
_TINIEST = 1.5  # points
_NARROWEST = 5  # percent of the width of letters
_INVISIBLE = (3, 7)  # text rendering modes; of scanned pages whose letters were recognised, it is the only text
_FILLING, _OUTLINING, _BOTH = (0, 4), (1, 5), (2, 6)  # text rendering modes
_CLOSEST, _WIDEST = -0.45, 10  # heights of letters between them: they lie on each other, or hardly one stands on the page
_CLEAREST = 0.05  # opacity
_AGAIN = "again"  # drawn twice at the same place, to look bold or to have a rim
_DEEPEST_FORM, _MOST_FORMS = 6, 200  # a page; others are taken to be seen
_LEAST_CORNERS = 4  # of what covers a text, points that its curves are drawn towards included
_SCAN = 0.5  # of the page that a picture covers


class _Shown(NamedTuple):
    """A text as it was drawn: its number among the operations, where it begins, about where it ends at the most, its height."""

    number: int
    x: float
    y: float
    end_x: float
    end_y: float
    height: float
    letters: int


def texts_of(page: PageObject) -> tuple[str, list[tuple[str, str]], bool]:
    """The text of a page that a reader sees, what is hidden in it: (way, text), and whether it was put in another order."""
    content = page["/Contents"].get_object() if "/Contents" in page else None
    if content is None or isinstance(content, NullObject):
        return page.extract_text(), [], False
    # Strings as bytes, as those who extract them need them: which letters they are, only their fonts know.
    operations = list(ContentStream(content, page.pdf, "bytes").operations)
    look = _Page(page)
    ways = look.ways(operations)
    if not any(ways):
        text, ordered = _in_order(page, operations, look, page.extract_text())
        return text, [], ordered
    hidden = []
    for way in dict.fromkeys(way for way in ways if way and way != _AGAIN):
        pairs = zip(operations, ways, strict=True)
        drawn = [operation for operation, other in pairs if other == way or operation[1] not in (*_SHOWN, b"Do")]
        hidden.append((way, _extracted(page, drawn)))
    seen = [operation for operation, way in zip(operations, ways, strict=True) if not way]
    text, ordered = _in_order(page, seen, look, _extracted(page, seen))
    return text, hidden, ordered


def _in_order(page: PageObject, operations: list[Any], look: _Page, text: str) -> tuple[str, bool]:
    """The text of a page as it is read, where that is not the order in which it is drawn; else `text`, and False."""
    out_of_order = is_out_of_order(look.drawn)
    if look.has_drawings or not (out_of_order or may_interleave(look.drawn)):
        return text, False
    ordered, prose = in_order(_extracted(page, operations, WIDE if out_of_order else SCALE))
    return (ordered, ordered.split() != text.split()) if out_of_order or prose else (text, False)


def _extracted(page: PageObject, operations: list[Any], scale: float = 0.0) -> str:
    """The text that operations draw; with a `scale`, in letters of one width, so wide, each where it stands."""
    stream = ContentStream(None, page.pdf)
    stream.operations = operations
    original = page.get("/Contents")
    page[NameObject("/Contents")] = stream
    try:
        if scale:
            return page.extract_text(extraction_mode="layout", layout_mode_scale_weight=scale)
        return page.extract_text()
    finally:
        if original is not None:
            page[NameObject("/Contents")] = original


class _Page:
    """One page, and what was painted on it so far, while its operations are followed.

    Attributes:
        drawn: the texts of the page that a reader sees, in the order of the file.
        has_drawings: whether it shows drawings (form XObjects), whose texts are not among these.
    """

    def __init__(self, page: PageObject) -> None:
        box = page.cropbox
        self._pdf = page.pdf
        self._box = Box(*(float(side) for side in (box.left, box.bottom, box.right, box.top)))
        self._resources = entry(page, "/Resources")
        self._images = _images(self._resources)
        self._painted: list[tuple[Box, Color | None]] = []
        self._forms = 0
        self._scanned = False
        self._unshown = _unshown_layers(page.pdf)
        self.drawn: list[Drawn] = []
        self.has_drawings = False

    def ways(self, operations: Sequence[Any]) -> list[str]:
        """For each operation how its text is hidden ("white letters"); "" if it draws no text, or visible text."""
        self._scanned = self._is_scanned(operations)
        return self._followed(operations, self._resources, Graphics(), 0)

    def _followed(self, operations: Sequence[Any], resources: Any, now: Graphics, depth: int) -> list[str]:
        kept, layers = list[Graphics](), list[bool]()
        text, line, moved = ONE, ONE, True
        path: list[list[tuple[float, float]]] = []
        clips = False
        shown: list[_Shown] = []
        drawn: dict[str, list[_Shown]] = {}
        beneath: dict[tuple[int, int], int] = {}  # where a hidden text begins -> its number
        ways: list[str] = []
        for operands, operator in operations:
            way = ""
            if operator == b"q":
                kept.append(now)
            elif operator == b"Q":
                now = kept.pop() if kept else now
            elif operator == b"BT":
                text = line = ONE
                moved = True
            elif operator == b"Tm":
                text = line = matrix_of(operands)
                moved = True
            elif operator in (b"Td", b"TD", b"T*", b"'", b'"'):
                x, y = (number(operands[0]), number(operands[1])) if operator in (b"Td", b"TD") else (0.0, -now.leading)
                now = now._replace(leading=-y) if operator == b"TD" else now
                text = line = times((1.0, 0.0, 0.0, 1.0, x, y), line)
                moved = True
            elif operator in _PATH:
                path = _lengthened(path, operator, corners(operator, operands, now.ctm))
            elif operator in (b"W", b"W*"):
                clips = True
            elif operator in _ENDED:
                if operator in _PAINTED and path:
                    self._paint(path, operator, now, ways, shown)
                if clips and path:
                    now = now._replace(clip=around([point for piece in path for point in piece]).within(now.clip))
                path, clips = [], False
            elif operator == b"sh":  # a run of colours
                self._painted.append((self._box.within(now.clip), None))
            elif operator == b"Do" and operands:
                way = self._placed(str(operands[0]), resources, now, depth)
                self._cover(str(operands[0]), resources, now, ways, shown)
            elif operator in (b"BDC", b"BMC"):
                layers.append(operator == b"BDC" and self._is_unshown(operands, resources))
            elif operator == b"EMC":
                layers[-1:] = []
            elif operator == b"gs" and operands:
                now = with_state(now, entry(entry(resources, "/ExtGState"), str(operands[0])))
            else:
                now = changed(now, operator, operands)
            if operator in _SHOWN:
                where = times((1.0, 0.0, 0.0, 1.0, 0.0, now.rise), times(text, now.ctm))
                letters = _letters(operands)
                place = _Shown(len(ways), where[4], where[5], *_end(now, where, letters), _height(now, where), letters)
                way = "on a layer that is not shown" if any(layers) else self._way(now, where, place)
                if way and moved:
                    beneath[round(place.x), round(place.y)] = len(ways)
                elif moved:
                    if (number_beneath := beneath.pop((round(place.x), round(place.y)), None)) is not None:
                        ways[number_beneath] = _AGAIN  # in another font, as browsers print a rim
                    way = _AGAIN if _is_repeated(drawn, str(operands), place, _height(now, where)) else ""
                if not way:
                    shown.append(place)
                moved = False
            ways.append(way)
        if not depth:
            texts = (text for text in shown if not ways[text.number] and text.letters)
            self.drawn = [Drawn(text.x, text.y, text.height, text.letters, abs(text.end_y - text.y) < 1) for text in texts]
        return ways

    def _placed(self, name: str, resources: Any, now: Graphics, depth: int) -> str:
        """Follow a picture or a drawing that is placed on the page: the way in which all its text is hidden, if it is."""
        placed = entry(entry(resources, "/XObject"), name)
        kind = entry(placed, "/Subtype")
        if kind == "/Image":
            self._painted.append((around([at(now.ctm, x, y) for x, y in ((0, 0), (1, 1), (0, 1), (1, 0))]), None))
        self._forms += kind == "/Form"
        self.has_drawings |= kind == "/Form"
        if kind != "/Form" or depth >= _DEEPEST_FORM or self._forms > _MOST_FORMS:
            return ""
        placed_by = entry(placed, "/Matrix")
        ctm = times(matrix_of(placed_by), now.ctm) if placed_by else now.ctm
        left, bottom, right, top = map(number, entry(placed, "/BBox") or (0, 0, 0, 0))
        corners = [at(ctm, x, y) for x, y in ((left, bottom), (right, top), (left, top), (right, bottom))]
        inside = now._replace(ctm=ctm, clip=around(corners).within(now.clip))
        operations = list(ContentStream(placed, self._pdf, "bytes").operations)
        ways = self._followed(operations, entry(placed, "/Resources") or resources, inside, depth + 1)
        texts = [
            way
            for (_, operator), way in zip(operations, ways, strict=True)
            if operator in _SHOWN or (operator == b"Do" and way)
        ]
        if texts and self._is_unshown(["/OC", placed], resources):
            return "on a layer that is not shown"
        return texts[0] if texts and all(way and way != _AGAIN for way in texts) else ""

    def _cover(self, name: str, resources: Any, now: Graphics, ways: list[str], shown: list[_Shown]) -> None:
        """Note which texts a picture covers; not on scanned pages, where recognised text may lie under it."""
        placed = entry(entry(resources, "/XObject"), name)
        clear = any(entry(placed, key) is not None for key in ("/SMask", "/Mask", "/ImageMask"))
        if entry(placed, "/Subtype") != "/Image" or clear or now.alpha < 1 or now.mixed or self._scanned:
            return
        box = around([at(now.ctm, x, y) for x, y in ((0, 0), (1, 1), (0, 1), (1, 0))]).within(now.clip)
        for text in shown:
            if box.holds(text.x, text.y) and box.holds((text.x + text.end_x) / 2, (text.y + text.end_y) / 2):
                ways[text.number] = "covered by a picture"

    def _is_unshown(self, operands: Sequence[Any], resources: Any) -> bool:
        if len(operands) < 2 or str(operands[0]) != "/OC":
            return False
        named = isinstance(operands[1], str)
        group = (raw_entry(entry(resources, "/Properties"), operands[1])) if named else raw_entry(operands[1], "/OC")
        return getattr(group, "idnum", None) in self._unshown

    def _paint(
        self, path: list[list[tuple[float, float]]], operator: bytes, now: Graphics, ways: list[str], shown: list[_Shown]
    ) -> None:
        """Note what a path paints, and which texts it covers; what is no plain rectangle may have holes."""
        plain = not now.mixed and all(map(_is_rectangle, path)) and (len(path) == 1 or not operator.endswith(b"*"))
        whole = not now.mixed and len(path) == 1 and len(path[0]) >= _LEAST_CORNERS and now.color is not None
        boxes = [around(piece) for piece in path] if plain else [around([point for piece in path for point in piece])]
        for box in boxes:
            box = box.within(now.clip)
            color = now.color if plain else None
            if color is not None and now.alpha < 1:
                below = self._behind((box.left + box.right) / 2, (box.bottom + box.top) / 2)
                color = None if below is None else over(color, now.alpha, below)
            self._painted.append((box, color))
            for text in shown if (plain or whole) and now.alpha == 1 and not self._scanned else ():
                ends = (text.x, text.y), ((text.x + text.end_x) / 2, (text.y + text.end_y) / 2)
                if all(box.holds(*end) and (plain or encloses(path[0], *end)) for end in ends):
                    ways[text.number] = "covered by what is drawn over it"

    def _behind(self, x: float, y: float) -> Color | None:
        """The colour that was painted last at a point; None: unknown."""
        return next((color for box, color in reversed(self._painted) if box.holds(x, y)), WHITE)

    def _way(self, now: Graphics, where: Matrix, place: _Shown) -> str:
        x, y = place.x, place.y
        height = _height(now, where)
        if now.mode in _INVISIBLE:
            return "" if self._scanned else "invisible letters"
        if height < _TINIEST or now.width < _NARROWEST:
            return "tiny letters"
        if not (self._box.left - 50 <= x <= self._box.right and self._box.bottom - 20 <= y <= self._box.top):
            return "off the page"
        if now.clip is not None and _is_clipped(now.clip, place, height):
            return "clipped away"
        if not _CLOSEST * abs(now.size) <= now.spacing <= _WIDEST * abs(now.size) and place.letters > 1:
            return "letters on top of each other" if now.spacing < 0 else "off the page"
        return self._colored(now, self._behind(x, y + height / 4))

    def _colored(self, now: Graphics, back: Color | None) -> str:
        """How letters are hidden by their colours on a background; "" if they are seen, or that is not known."""
        fill, outline = (now.color, now.alpha), (now.stroke, now.stroke_alpha)
        inks = [fill] * (now.mode in (*_FILLING, *_BOTH)) + [outline] * (now.mode in (*_OUTLINING, *_BOTH))
        if now.mixed or not inks:
            return ""
        if all(alpha < _CLEAREST for _, alpha in inks):
            return "transparent letters"
        if back is None or any(color is None for color, _ in inks):
            return ""
        if all(color is not None and is_unseen(over(color, alpha, back), back) for color, alpha in inks):
            return "white letters" if is_unseen(back, WHITE) else "letters in the colour of what is behind"
        return ""

    def _is_scanned(self, operations: Sequence[Any]) -> bool:
        """Whether pictures cover most of the page."""
        ctm, kept, covered = ONE, list[Matrix](), 0.0
        for operands, operator in operations:
            if operator == b"q":
                kept.append(ctm)
            elif operator == b"Q":
                ctm = kept.pop() if kept else ctm
            elif operator == b"cm":
                ctm = times(matrix_of(operands), ctm)
            elif operator == b"Do" and operands and str(operands[0]) in self._images:
                covered += abs(ctm[0] * ctm[3] - ctm[1] * ctm[2])
        return covered > _SCAN * (self._box.right - self._box.left) * (self._box.top - self._box.bottom)


def _unshown_layers(pdf: Any) -> frozenset[int]:
    """The numbers of the layers (optional content groups) that are switched off when the document is opened."""
    properties = entry(pdf.root_object if pdf is not None else None, "/OCProperties")
    default = entry(properties, "/D")
    off = {reference.idnum for reference in entry(default, "/OFF") or () if hasattr(reference, "idnum")}
    if entry(default, "/BaseState") == "/OFF":
        on = {reference.idnum for reference in entry(default, "/ON") or () if hasattr(reference, "idnum")}
        off |= {reference.idnum for reference in entry(properties, "/OCGs") or () if hasattr(reference, "idnum")} - on
    return frozenset(off)


def _images(resources: Any) -> frozenset[str]:
    objects = entry(resources, "/XObject")
    return frozenset(name for name in objects or () if entry(entry(objects, name), "/Subtype") == "/Image")


def _letters(operands: Sequence[Any]) -> int:
    """About how many letters a text has, at most."""
    pieces = operands[-1] if operands else ()
    return sum(len(piece) for piece in (pieces if isinstance(pieces, list) else [pieces]) if isinstance(piece, str | bytes))


def _height(now: Graphics, where: Matrix) -> float:
    return abs(now.size) * math.hypot(where[2], where[3])


def _end(now: Graphics, where: Matrix, letters: int) -> tuple[float, float]:
    """About where so many letters end, each taken to be as wide as high: more than they are."""
    return where[4] + letters * now.size * where[0], where[5] + letters * now.size * where[1]


def _is_clipped(clip: Box, place: _Shown, height: float) -> bool:
    """Whether nothing of a text is left within a clipping path."""
    box = around([(place.x, place.y), (place.end_x, place.end_y)])
    left = Box(box.left - height, box.bottom - height, box.right + height, box.top + height).within(clip)
    return left.right - left.left < 1 or left.top - left.bottom < 1


def _is_repeated(drawn: dict[str, list[_Shown]], text: str, place: _Shown, height: float) -> bool:
    """Whether the same text was drawn at nearly the same place before; remembers it."""
    places = drawn.setdefault(f"{text} {place.y:.0f}", [])
    near = height / 8
    repeated = any(abs(other.x - place.x) <= near and abs(other.y - place.y) <= near for other in places)
    places.append(place)
    return repeated


def _lengthened(
    path: list[list[tuple[float, float]]], operator: bytes, points: list[tuple[float, float]]
) -> list[list[tuple[float, float]]]:
    if operator in (b"m", b"re") or not path:
        return [*path, points]
    path[-1] += points
    return path


def _is_rectangle(points: Sequence[tuple[float, float]]) -> bool:
    """Whether the corners of a path are those of an upright rectangle."""
    xs, ys = {round(x, 2) for x, _ in points}, {round(y, 2) for _, y in points}
    return 4 <= len(points) <= 5 and len(xs) == len(ys) == 2 and len({(round(x, 2), round(y, 2)) for x, y in points}) == 4
