"""Charts read off a page as a reader would: places from the drawing, values from the labels of its axes."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from bs4 import BeautifulSoup, Tag

Points = list[tuple[float, float]]


@cache
def parsed(page: str) -> BeautifulSoup:
    """The page as a browser would see it."""
    return BeautifulSoup(page, "html5lib")


def number(label: str) -> float:
    return float(label.replace("−", "-").replace(",", ""))


def points(shape: Tag) -> list[Points]:
    """The strokes or polygons of a path."""
    found: list[Points] = []
    for letter, x, y in re.findall(r"([ML])(-?[\d.]+) (-?[\d.]+)", str(shape["d"])):
        if letter == "M":
            found.append([])
        found[-1].append((float(x), float(y)))
    return found


class Plot:
    """One chart of a page, with what the labels of its axes say about places."""

    def __init__(self, page: str, name: str, kind: str = "wide", which: int = 0) -> None:
        found = parsed(page).select(f"svg.chart.{name}.{kind}")
        self.svg = found[which]
        self.figure = self.svg.find_parent("figure")
        assert self.figure
        self.table = self.figure.find_next("table")
        self.width, self.height = (float(str(self.svg[side])) for side in ("width", "height"))

    @property
    def caption(self) -> str:
        assert self.figure and self.figure.figcaption
        return " ".join(self.figure.figcaption.get_text().split())

    @property
    def labels(self) -> list[str]:
        return [text.get_text() for text in self.svg.find_all("text")]

    def shapes(self, part: str) -> list[Points]:
        """All strokes or polygons of a part."""
        return [stroke for shape in self.svg.select(f"path.{part}") for stroke in points(shape)]

    def line(self, part: str = "line") -> Points:
        (found,) = self.shapes(part)
        return found

    def _ticks(self, part: str, lines: str, axis: int) -> tuple[list[float], list[str]]:
        labels = [text.get_text() for text in self.svg.select(f"text.{part}")]
        places = [stroke[0][axis] for stroke in self.shapes(lines)][: len(labels)]
        return places, labels

    def upright(self, at: float) -> float:
        """The value at a height, interpolated between labelled grid lines."""
        places, labels = self._ticks("up", "grid", 1)
        return float(np.interp(at, places[::-1], [number(label) for label in labels][::-1]))

    def along(self, at: float) -> float:
        """The value at a place, extrapolated beyond the labelled notches."""
        places, labels = self._ticks("along", "notch", 0)
        values = [number(label) for label in labels]
        if len(values) == 1:  # the foot of the chart is 0 then
            places, values = [self.shapes("grid")[0][0][0], *places], [0.0, *values]
        slope = (values[-1] - values[0]) / (places[-1] - places[0])
        return values[0] + (at - places[0]) * slope

    def rows(self) -> list[list[str]]:
        """The table, row by row; flags follow their cell."""
        assert self.table
        found = self.table.select("tbody tr")
        return [[" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])] for row in found]
