"""Canvas for the charts of a page: matplotlib's drawing is converted to plain SVG that a style sheet colours.

The same numbers give the same bytes on every machine: no fonts are measured, no user's settings read, no ids or dates made.
Text on a chart is ours, or a name made `drawable`; other user text stays in the page around it. matplotlib is imported when
the first chart is drawn.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

if TYPE_CHECKING:
    from markupsafe import Markup

STYLE = Path(__file__).parents[1] / "templates" / "style.css"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
TEXT = 12.5
"""Font size in pixels of the page: a chart is drawn at the width at which it is shown."""

LETTER = 0.56 * TEXT
"""Approximate width of a letter in pixels, to place texts side by side."""

Anchor = Literal["start", "middle", "end"]
_SIDES: dict[Anchor, Literal["left", "center", "right"]] = {"start": "left", "middle": "center", "end": "right"}
Kind = Literal["line", "dashes", "box", "dot", "ring", "cross", "diamond"]
Key = tuple[Kind, str, str]
"""An entry of a legend: kind of sign, colour and label."""

_RULES = {
    "figure.dpi": 72,  # so that a point is a pixel
    "savefig.dpi": 72,
    "svg.fonttype": "none",
    "svg.hashsalt": "llm-audit",
    "text.parse_math": False,
    "text.usetex": False,
    "path.simplify": False,
    "path.snap": False,
}
_KEPT = {"fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "text-anchor", "font-size"}
_NUMBER = re.compile(r"-?\d+\.\d+")
_SVG = "{http://www.w3.org/2000/svg}"


@cache
def palette() -> dict[str, str]:
    """Name -> colour of the page's light theme. Charts use these colours, so they are right also without a style sheet."""
    root = STYLE.read_text("utf-8").split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", root))


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Set matplotlib to its defaults plus our style for the block, and restore the user's settings afterwards."""
    import matplotlib.style

    with matplotlib.style.context(["default", _RULES]):
        yield


class Canvas:
    """A chart of `width` times `height` pixels, with a legend above and room for the labels of its axes.

    `x` and `y` are the ends of the axes in the units of the data; a reversed pair inverts an axis.
    """

    def __init__(
        self,
        width: int,
        height: int,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        log_x: bool = False,
        legend: Sequence[Key] = (),
        left: int = 44,
        right: int = 10,
        top: int = 18,
        bottom: int = 40,
    ) -> None:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        placed = _legend(legend, width)
        top += round((1 + placed[-1][1]) * 1.5 * TEXT) if placed else 0
        self.width, self.height, self.x, self.y = width, height + top + bottom, x, y
        self._left, self._right, self._low, self._high = left, width - right, bottom, bottom + height
        self._log_x = log_x
        self._figure = Figure(figsize=(self.width / 72, self.height / 72))
        self._canvas: Any = FigureCanvasSVG(self._figure)
        self._figure.patch.set_visible(False)
        self._drawn = count()  # what is drawn later lies above
        for (kind, colour, text), (column, row) in zip(legend, placed, strict=True):
            self._key(kind, colour, text, column, self.height - (row + 0.75) * 1.5 * TEXT + 4)

    def across(self, value: float) -> float:
        """Horizontal position of a value in pixels."""
        first, last, value = (math.log10(number) if self._log_x else number for number in (*self.x, value))
        return self._left + (value - first) / (last - first) * (self._right - self._left)

    def up(self, value: float) -> float:
        """Vertical position of a value in pixels, from the bottom."""
        return self._low + (value - self.y[0]) / (self.y[1] - self.y[0]) * (self._high - self._low)

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        colour: str,
        part: str = "line",
        width: float = 1.5,
        dashes: bool = False,
    ) -> None:
        """A line through points; NaN breaks it."""
        self._line([self.across(x) for x in xs], [self.up(y) for y in ys], colour, part, width, dashes)

    def dots(self, xs: Sequence[float], ys: Sequence[float], colour: str, size: float, part: str = "dots") -> None:
        """Round dots: lines of no length, which take a tenth of the bytes of circles."""
        across = [value for x in xs for value in (x, x, math.nan)]
        self.line(across, [value for y in ys for value in (y, y, math.nan)], colour, part, width=size)

    def boxes(self, boxes: Sequence[tuple[float, float, float, float]], colour: str, part: str = "bars") -> None:
        """Filled boxes (left, right, bottom, top), as one shape."""
        self.shapes([((x0, y0), (x0, y1), (x1, y1), (x1, y0)) for x0, x1, y0, y1 in boxes], colour, part)

    def shapes(self, corners: Sequence[Sequence[tuple[float, float]]], colour: str, part: str) -> None:
        """Filled polygons, as one shape."""
        self._shapes([[(self.across(x), self.up(y)) for x, y in polygon] for polygon in corners], colour, part)

    def text(
        self, x: float, y: float, text: str, anchor: Anchor = "start", colour: str = "soft", part: str = "text",
        dx: float = 0, dy: float = 0,
    ) -> None:  # fmt: skip
        """Draw a line of text at a point, offset by `dx` and `dy` pixels to the right and up."""
        self._text(self.across(x) + dx, self.up(y) + dy, text, anchor, colour, part)

    def upright(self, ticks: Sequence[tuple[float, str]], unit: str) -> None:
        """Draw the vertical axis: grid lines with labels to the left, and the unit above."""
        for value, label in ticks:
            self.line(self.x, (value, value), "line", "grid", 1)
            self.text(self.x[0], value, label, "end", part="up", dx=-6, dy=-4)
        if unit:
            self._text(0, self._high + 11, unit, "start", "soft", "text")

    def along(self, ticks: Sequence[tuple[float, str]], unit: str) -> None:
        """Draw the horizontal axis: labels below, and the unit under them."""
        for value, label in ticks:
            x = self.across(value)
            anchor: Anchor = "end" if x > self._right - 8 else "start" if x < self._left + 8 and len(label) > 3 else "middle"
            self._line([x, x], [self._low, self._low - 4], "soft", "notch", 1)
            self._text(x + {"end": 8, "start": -2, "middle": 0}[anchor], self._low - 17, label, anchor, "soft", "along")
        if unit:
            self._text(self._right + 8, self._low - 33, unit, "end", "soft", "text")

    def svg(self) -> Markup:
        """The chart as SVG without its outer element, which the page writes with title and description."""
        from markupsafe import Markup

        written = io.StringIO()
        nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        self._canvas.print_svg(written, metadata=nothing)
        drawn = ElementTree.fromstring(written.getvalue()).find(f"{_SVG}g")
        return Markup("".join(_plain(part, "") for part in drawn)) if drawn is not None else Markup("")

    def _line(
        self, xs: Sequence[float], ys: Sequence[float], colour: str, part: str, width: float, dashes: bool = False
    ) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.transforms import IdentityTransform

        line = Line2D(
            xs, ys, transform=IdentityTransform(), color=palette()[colour], linewidth=width, gid=part,
            linestyle=(0, (7, 4)) if dashes else "-", solid_capstyle="round", dash_capstyle="butt", zorder=next(self._drawn),
        )  # fmt: skip
        self._figure.add_artist(line)

    def _shapes(self, corners: Sequence[Sequence[tuple[float, float]]], colour: str, part: str) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path as Outline
        from matplotlib.transforms import IdentityTransform

        if not corners:
            return
        points = [point for polygon in corners for point in (*polygon, polygon[0])]
        move, draw, close = Outline.MOVETO, Outline.LINETO, Outline.CLOSEPOLY
        codes = [code for polygon in corners for code in (move, *[draw] * (len(polygon) - 1), close)]
        patch = PathPatch(
            Outline(points, codes), transform=IdentityTransform(), facecolor=palette()[colour], linewidth=0, gid=part,
            zorder=next(self._drawn),
        )  # fmt: skip
        self._figure.add_artist(patch)

    def _text(self, x: float, y: float, text: str, anchor: Anchor, colour: str, part: str) -> None:
        from matplotlib.text import Text
        from matplotlib.transforms import IdentityTransform

        written = Text(
            x, y, text, transform=IdentityTransform(), color=palette()[colour], fontsize=TEXT, gid=part,
            horizontalalignment=_SIDES[anchor], verticalalignment="baseline", zorder=next(self._drawn),
        )  # fmt: skip
        self._figure.add_artist(written)

    def _key(self, kind: Kind, colour: str, text: str, x: float, y: float) -> None:
        if kind in {"line", "dashes"}:
            self._line([x, x + 20], [y, y], colour, "key", 1.5, kind == "dashes")
        elif kind == "box":
            self._shapes([[(x + 4, y - 4), (x + 4, y + 6), (x + 16, y + 6), (x + 16, y - 4)]], colour, "key")
        elif kind == "cross":
            self._line([x + 6, x + 14, math.nan, x + 6, x + 14], [y - 4, y + 4, math.nan, y + 4, y - 4], colour, "key", 2)
        elif kind == "diamond":
            self._shapes([[(x + 4, y), (x + 10, y + 6), (x + 16, y), (x + 10, y - 6)]], colour, "key")
        else:
            self._line([x + 10, x + 10], [y, y], colour, "key", 8)
            if kind == "ring":
                self._line([x + 10, x + 10], [y, y], "paper", "key", 4)
        self._text(x + 26, y - 4, text, "start", "soft", "text")


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """About `most` round values from the one at or below `low` to the one at or above `high`."""
    rough = (high - low) / most if high > low else 1.0
    power = math.floor(math.log10(rough))
    step = next(factor * 10.0**power for factor in (1, 2, 5, 10) if factor * 10.0**power >= rough * (1 - 1e-9))
    return [round(tick * step, 12 - power) for tick in range(math.floor(low / step), math.ceil(high / step) + 1)]


def decimals(ticks: Sequence[float]) -> int:
    """Number of decimals needed to tell the ticks apart."""
    return max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))


def powers_of_ten(powers: Sequence[int]) -> list[str]:
    """Labels in one style: "0.001", "100" or, if that is shorter for one of them, "10⁻⁹"; 1 is always "1"."""
    plain = all(-4 <= power <= 5 for power in powers)
    short = ["1" if power == 0 else "10" + str(power).translate(SUPERSCRIPT) for power in powers]
    return [f"{10.0**power:,.{max(0, -power)}f}" for power in powers] if plain else short


def drawable(name: str, length: int) -> str:
    """A user's name as it can be drawn: plain letters, shortened; the table beside the chart has the full name."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in name)
    return plain if len(plain) <= length else f"{plain[: length - 1]}…"


def _legend(legend: Sequence[Key], width: int) -> list[tuple[float, int]]:
    """The position of each entry: pixels from the left, and row."""
    placed: list[tuple[float, int]] = []
    x, row = 0.0, 0
    for _, _, text in legend:
        needed = 26 + len(text) * LETTER
        if placed and x + needed > width:
            x, row = 0.0, row + 1
        placed.append((x, row))
        x += needed + 18
    return placed


def _plain(element: ElementTree.Element, part: str) -> str:
    """An element with its style as attributes and its colours also as classes; groups pass their class to their content."""
    from markupsafe import escape

    tag, original = element.tag.removeprefix(_SVG), element.attrib
    if tag == "g":
        named = original.get("id", "")
        # The names that matplotlib gives end in a number; ours do not.
        inner = part if re.search(r"_\d+$", named) else named or part
        return "".join(_plain(child, inner) for child in element)
    style = dict(pair.split(": ", 1) for pair in original.get("style", "").split("; ") if ": " in pair)
    if "font" in style:
        style["font-size"] = style.pop("font").split("px")[0]
    names = {colour: name for name, colour in palette().items()}
    classes = [part] if part else []
    classes += [f"{kind}-{names[style[kind]]}" for kind in ("fill", "stroke") if style.get(kind) in names]
    attributes = {"class": " ".join(classes)}
    attributes |= {name: _short(original[name]) for name in ("d", "x", "y") if name in original}
    attributes |= {name: _short(value) for name, value in style.items() if name in _KEPT}
    if style.get("stroke") is None and tag == "path" and "fill" not in style:
        return ""
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<{tag} {written}>{escape(element.text or '')}</{tag}>" if tag == "text" else f"<{tag} {written}/>"


def _short(value: str) -> str:
    """A value shortened to two decimals, without line breaks."""
    shortened = _NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), " ".join(value.split()))
    return re.sub(r"(?<=[MLzZ]) | (?=[MLzZ])", "", shortened)
