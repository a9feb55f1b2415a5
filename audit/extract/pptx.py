"""PowerPoint presentations: the text of the slides, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.package import Package

_MAIN = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
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
    for slide in package.xml(main).iter(_MAIN + "sldId"):
        part = targets.get(slide.get(_ID), "")
        if not package.has(part):
            continue
        number += 1
        root = package.xml(part)
        if root.get("show") in ("0", "false"):
            draft.leave_out("", "slide that is not shown")
            continue
        for shape in _shapes(root):
            _add_shape(shape, draft, f"slide {number}")
        draft.left_out["notes for the speaker"] += sum(
            b"<a:t>" in package.bytes_of(notes) for notes in package.related(part, "notesSlide")
        )
    pictures = draft.left_out["image"]
    yield draft.answer("holds no text, only pictures: recognise its text (OCR) first" if pictures else "holds no text")


def _shapes(parent: Any) -> Iterator[Any]:
    """Shapes, tables and pictures, also those in groups."""
    for element in parent:
        if element.tag in (_MAIN + "sp", _MAIN + "graphicFrame", _MAIN + "pic"):
            yield element
        elif element.tag != _FALLBACK:
            yield from _shapes(element)


def _add_shape(shape: Any, draft: Draft, place: str) -> None:
    if shape.tag == _MAIN + "pic":
        draft.leave_out("", "image")
        return
    holder = next(iter(shape.iter(_MAIN + "ph")), None)
    kind = None if holder is None else holder.get("type")
    if kind in _EDGES:
        return
    rows = list(shape.iter(_DRAWING + "tr"))
    for row in rows:
        if text := "\t".join(filter(None, (_text(paragraph) for paragraph in row.iter(_DRAWING + "p")))):
            draft.add(text, place, end="\n", apart="table")
    for paragraph in () if rows else shape.iter(_DRAWING + "p"):
        if text := _text(paragraph):
            draft.add(text, place, apart="heading" if kind in _TITLES else "")


def _text(paragraph: Any) -> str:
    pieces = [
        "\n" if element.tag == _DRAWING + "br" else element.text or ""
        for element in paragraph.iter(_DRAWING + "t", _DRAWING + "br")
    ]
    return "".join(pieces).strip()
