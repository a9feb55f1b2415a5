"""PowerPoint presentations: the text of the slides, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from llm_audit.extract.colors import Color
from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.package import Package
from llm_audit.extract.pptx_look import Slide
from llm_audit.extract.pptx_places import DRAWING, MAIN, Box

_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_DATA = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"
_POINT = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}t"
_TITLES = frozenset({"title", "ctrTitle", "subTitle"})
_EDGES = frozenset({"dt", "ftr", "sldNum", "hdr"})


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one presentation, with "slide 3" as places. Notes for the speaker, and slides not shown, are left out."""
    package = Package(stream.read(), "PowerPoint presentation (.pptx)")
    main = next(package.related("", "officeDocument"), "ppt/presentation.xml")
    if not package.has(main):
        raise Refused("holds no presentation")
    targets = {relation.id: relation.target for relation in package.relations(main)}
    draft = Draft()
    number = 0
    root = package.xml(main)
    size = next(
        (Box(0, 0, int(element.get("cx", 0)), int(element.get("cy", 0))) for element in root.iter(MAIN + "sldSz")), None
    )
    named: set[tuple[str, str]] = set()  # words of layouts that were counted
    for slide in root.iter(MAIN + "sldId"):
        part = targets.get(slide.get(_ID), "")
        if not package.has(part):
            continue
        number += 1
        _Walk(package, part, size, draft, f"slide {number}").run(named)
    pictures = draft.left_out["image"]
    yield draft.answer("holds no text, only pictures: recognise its text (OCR) first" if pictures else "holds no text")


class _Walk:
    """One pass over a slide."""

    def __init__(self, package: Package, part: str, size: Box | None, draft: Draft, place: str) -> None:
        self._package, self._part, self._draft, self._place = package, part, draft, place
        self._slide = Slide(package, part, size)

    def run(self, named: set[tuple[str, str]]) -> None:
        """Add the text of the slide: its titles first, as they stand above the rest, then its shapes in their order.

        The words that it shows of its layout are counted once, and added to `named`.
        """
        if self._slide.root.get("show") in ("0", "false"):
            self._draft.leave_out("", "slide that is not shown")
            return
        for words in self._slide.shown_below():
            if words not in named and words[1].strip():
                self._draft.leave_out(words[1], "text of a slide's layout")
                named.add(words)
        shapes = list(self._shapes(self._slide.root))
        for shape in sorted(shapes, key=lambda shape: _kind_of(shape) not in _TITLES):
            self._add_shape(shape)
        self._draft.left_out["notes for the speaker"] += sum(
            b"<a:t>" in self._package.bytes_of(notes) for notes in self._package.related(self._part, "notesSlide")
        )

    def _shapes(self, parent: Any) -> Iterator[Any]:
        """Shapes, tables and pictures that are seen, also those in groups."""
        for element in parent:
            is_group = element.tag == MAIN + "grpSp"
            if (is_group or element.tag == MAIN + "sp") and (way := self._slide.hidden_shape(element)):
                self._draft.hide(" ".join(filter(None, map(_all_of, element.iter(DRAWING + "p")))), way)
            elif element.tag in (MAIN + "sp", MAIN + "graphicFrame", MAIN + "pic"):
                yield element
            elif element.tag != _FALLBACK:
                yield from self._shapes(element)

    def _add_shape(self, shape: Any) -> None:
        kind = _kind_of(shape)
        if shape.tag == MAIN + "pic":
            self._draft.leave_out("", "image")
        elif next(shape.iter(MAIN + "oleObj"), None) is not None:
            self._draft.leave_out("", "embedded object")
        elif kind in _EDGES:
            return
        elif next(shape.iter(_CHART), None) is not None:
            self._draft.leave_out("", "chart")
        elif (diagram := next(shape.iter(_DIAGRAM), None)) is not None:
            self._add_diagram(diagram.get(_DATA) or "")
        elif rows := list(shape.iter(DRAWING + "tr")):
            for row in rows:
                cells = [(cell, self._slide.behind_cell(cell)) for cell in row.iter(DRAWING + "tc")]
                pieces = (self._text(paragraph, back) for cell, back in cells for paragraph in cell.iter(DRAWING + "p"))
                if text := "\t".join(filter(None, pieces)):
                    self._draft.add(text, self._place, end="\n", apart="table")
        else:
            back, scale = self._slide.behind(shape), _scale_of(shape)
            for paragraph in shape.iter(DRAWING + "p"):
                if text := self._text(paragraph, back, self._slide.styles_of(shape, _level_of(paragraph)), scale):
                    self._draft.add(text, self._place, apart="heading" if kind in _TITLES else "")

    def _add_diagram(self, relation: str) -> None:
        """Add the words of a diagram (SmartArt), which are in a part of their own."""
        parts = [other.target for other in self._package.relations(self._part) if other.id == relation]
        for part in filter(self._package.has, parts):
            for point in self._package.xml(part).iter(_POINT):
                for paragraph in point.iter(DRAWING + "p"):
                    if text := self._text(paragraph, None):
                        self._draft.add(text, self._place)

    def _text(self, paragraph: Any, back: Color | None, styles: Sequence[Any] = (), scale: float = 1.0) -> str:
        pieces: list[str] = []
        for run in paragraph:
            if run.tag == DRAWING + "br":
                pieces.append("\n")
            if run.tag not in (DRAWING + "r", DRAWING + "fld") or run.get("type") == "slidenum":
                continue
            text = "".join(element.text or "" for element in run.iter(DRAWING + "t"))
            if text and (way := self._slide.hidden_run(run, back, styles, scale)):
                self._draft.hide(text, way)
                text = " "
            pieces.append(text)
        return "".join(pieces).strip()


def _kind_of(shape: Any) -> str | None:
    """The kind of the placeholder that a shape fills, such as "title"; None if it fills none, or one of no kind."""
    holder = next(iter(shape.iter(MAIN + "ph")), None)
    kind: str | None = None if holder is None else holder.get("type")
    return kind


def _level_of(paragraph: Any) -> int:
    properties = paragraph.find(DRAWING + "pPr")
    level = "" if properties is None else properties.get("lvl") or ""
    return int(level) if level.isdecimal() else 0


def _scale_of(shape: Any) -> float:
    """The factor by which a shape shrinks its letters so that they fit."""
    fitted = next(iter(shape.iter(DRAWING + "normAutofit")), None)
    percent = "" if fitted is None else (fitted.get("fontScale") or "").rstrip("%")
    return int(percent) / 100_000 if percent.isdecimal() else 1.0


def _all_of(paragraph: Any) -> str:
    return "".join(element.text or "" for element in paragraph.iter(DRAWING + "t"))
