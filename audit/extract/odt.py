"""OpenDocument texts (ISO 26300): paragraphs, tables, text boxes and notes, as a reader sees them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from docx.opc.oxml import parse_xml

from llm_audit.extract.docx_look import Look
from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.odt_look import DRAW, OFFICE, TABLE, TEXT, Styles
from llm_audit.extract.package import Package

_SKIPPED = {
    OFFICE + "annotation": "comment",
    OFFICE + "forms": None,
    TEXT + "sequence-decls": None,
    DRAW + "image": "image or drawing",
    DRAW + "object": "formula or other object",
    DRAW + "object-ole": "formula or other object",
    TEXT + "note-citation": None,
    TEXT + "ruby-text": None,
}
_LISTINGS = frozenset(TEXT + name for name in ("table-of-content", "illustration-index", "table-index", "alphabetical-index"))
_PARAGRAPHS = (TEXT + "p", TEXT + "h")
_ROWS = frozenset(TABLE + name for name in ("table-rows", "table-header-rows", "table-row-group"))
_UNSEEN_ROWS = ("collapse", "filter")
_MOST_SPACES = 1000


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "paragraph 3", "table 1, row 2" or "note 4" as places."""
    sheets = _sheets(stream.read())
    walk = _Walk(Styles(sheets))
    for body in sheets[0].iter(OFFICE + "text"):
        walk.add_blocks(body, walk.page)
    walk.add_notes()
    yield walk.draft.answer(
        "holds no text, only pictures: recognise its text (OCR) first"
        if walk.draft.left_out["image or drawing"]
        else "holds no text"
    )


def _sheets(data: Any) -> list[Any]:
    """The root elements of a document: its content, then its styles. A flat one (.fodt) has both in one file."""
    if not data.startswith(b"PK"):
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise Refused("declares a document type or entities, which no word processor writes")
        return [parse_xml(data)]
    package = Package(data, "OpenDocument text (.odt)", (".xml",))
    manifest = package.bytes_of("META-INF/manifest.xml") if package.has("META-INF/manifest.xml") else b""
    if b"encryption-data" in manifest:
        raise Refused("has a password: save a copy without one and try again")
    if not package.has("content.xml"):
        raise Refused("holds no OpenDocument text")
    return [package.xml(name) for name in ("content.xml", "styles.xml") if package.has(name)]


class _Walk:
    """One pass over a document."""

    def __init__(self, styles: Styles) -> None:
        self.draft = Draft()
        self.page = styles.page
        self._styles = styles
        self._numbers = Counter[str]()
        self._notes: list[Any] = []
        self._inner: list[tuple[Any, Look]] = []  # boxes and tables within the block, with the formatting around them

    def add_blocks(self, parent: Any, around: Look, apart: str = "") -> None:
        """Paragraphs and tables, and what holds them: sections, lists, indexes, boxes."""
        for block in parent:
            if not isinstance(block.tag, str):
                continue
            if block.tag in _PARAGRAPHS:
                self._add_paragraph(block, around, apart)
            elif block.tag == TABLE + "table":
                self._add_table(block, around)
            elif block.tag in _SKIPPED:
                self._skip(block)
            elif block.tag == TEXT + "tracked-changes":
                self.draft.left_out["deletion in track changes"] += sum(1 for _ in block.iter(TEXT + "deletion"))
            elif block.tag == TEXT + "section" and _is_hidden_section(block):
                self.draft.hide(_joined(block), "hidden section")
            else:
                kind = "heading" if block.tag in _LISTINGS else "reference" if block.tag == TEXT + "bibliography" else apart
                self.add_blocks(block, self._within(block, around), kind)
            self._add_inner(apart)

    def _add_inner(self, apart: str) -> None:
        while self._inner:
            inner, around = self._inner.pop(0)
            if inner.tag == TABLE + "table":
                self._add_table(inner, around)
            else:
                self.add_blocks(inner, self._within(inner, around), apart)

    def _within(self, block: Any, around: Look) -> Look:
        """The formatting in a box or section."""
        return self._styles.of(block.get(DRAW + "style-name"), "graphic").over(around)

    def _add_paragraph(self, paragraph: Any, around: Look, apart: str) -> None:
        if any(field.get(TEXT + "is-hidden") != "false" for field in paragraph.iter(TEXT + "hidden-paragraph")):
            self.draft.hide(_joined(paragraph), "hidden paragraph")
        elif text := self._text(paragraph, around):
            self._numbers["paragraph"] += 1
            kind = "heading" if paragraph.tag == TEXT + "h" else self._styles.apart(paragraph.get(TEXT + "style-name"))
            self.draft.add(text, f"paragraph {self._numbers['paragraph']}", apart=kind or apart)

    def _add_table(self, table: Any, around: Look) -> None:
        self._numbers["table"] += 1
        place = f"table {self._numbers['table']}"
        behind = self._styles.of(table.get(TABLE + "style-name"), "table").over(around)
        for number, row in enumerate(_rows(table), start=1):
            if row.get(TABLE + "visibility") in _UNSEEN_ROWS:
                self.draft.hide(_joined(row), "hidden row")
                continue
            look = self._styles.of(row.get(TABLE + "style-name"), "table-row").over(behind)
            texts = [text for cell in row for text in self._texts_of_cell(cell, look)]
            if text := "\t".join(filter(None, texts)):
                self.draft.add(text, f"{place}, row {number}", end="\n", apart="table")
        self._add_inner("")

    def _texts_of_cell(self, cell: Any, around: Look) -> list[str]:
        if cell.tag == TABLE + "covered-table-cell":  # lies under a neighbour that spans several cells
            self.draft.hide(_joined(cell), "covered cell")
        if cell.tag != TABLE + "table-cell":
            return []
        look = self._styles.of(cell.get(TABLE + "style-name"), "table-cell").over(around)
        return [self._text(paragraph, look) for paragraph in self._paragraphs(cell, look)]

    def _paragraphs(self, parent: Any, around: Look) -> Iterator[Any]:
        """Paragraphs of a cell or note, also in lists; tables and boxes in it are kept for later."""
        for child in parent:
            if child.tag in _PARAGRAPHS:
                yield child
            elif child.tag == TABLE + "table":
                self._inner.append((child, around))
            elif child.tag in _SKIPPED:
                self._skip(child)
            elif isinstance(child.tag, str):
                yield from self._paragraphs(child, around)

    def add_notes(self) -> None:
        """Footnotes and endnotes, after everything else."""
        for number, note in enumerate(self._notes, start=1):
            paragraphs = [
                paragraph for body in note.iter(TEXT + "note-body") for paragraph in self._paragraphs(body, self.page)
            ]
            if text := "\n".join(filter(None, (self._text(paragraph, self.page) for paragraph in paragraphs))):
                self.draft.add(text, f"note {number}", apart="reference")
            self._add_inner("")

    def _text(self, paragraph: Any, around: Look) -> str:
        look = self._styles.of_paragraph(paragraph.get(TEXT + "style-name"), around)
        return "".join(self._pieces(paragraph, look)).strip()

    def _pieces(self, element: Any, look: Look) -> Iterator[str]:
        yield from self._seen(element.text, look)
        for child in element:
            if isinstance(child.tag, str):
                yield from self._child(child, look)
            yield from self._seen(child.tail, look)

    def _child(self, child: Any, look: Look) -> Iterator[str]:
        if child.tag == TEXT + "s":
            yield " " * min(int(child.get(TEXT + "c") or 1), _MOST_SPACES)
        elif child.tag in (TEXT + "tab", TEXT + "line-break"):
            yield "\t" if child.tag == TEXT + "tab" else "\n"
        elif child.tag == TEXT + "note":
            self._notes.append(child)
        elif child.tag == TEXT + "hidden-text" and child.get(TEXT + "is-hidden") != "false":
            self.draft.hide(_joined(child) or child.get(TEXT + "string-value") or "", "hidden text field")
        elif child.tag in _SKIPPED:
            self._skip(child)
        elif child.tag.startswith(DRAW) and child.tag != DRAW + "a":
            self._inner.append((child, look._replace(white=None, color=None)))
        else:
            yield from self._pieces(child, self._styles.of(child.get(TEXT + "style-name")).over(look))

    def _seen(self, text: str | None, look: Look) -> Iterator[str]:
        text = re.sub("[ \t\r\n]+", " ", text or "")  # several in the file are one on the page
        if text and (way := look.hidden):
            self.draft.hide(text, way)
            yield "" if look.vanish else " "
        elif text:
            yield text

    def _skip(self, element: Any) -> None:
        if kind := _SKIPPED[element.tag]:
            self.draft.leave_out("", kind)


def _rows(table: Any) -> Iterator[Any]:
    """The rows of a table, without those of tables in its cells."""
    for child in table:
        if child.tag == TABLE + "table-row":
            yield child
        elif child.tag in _ROWS:
            yield from _rows(child)


def _is_hidden_section(section: Any) -> bool:
    display, hidden = section.get(TEXT + "display"), section.get(TEXT + "is-hidden")
    return bool(display == "none" or (display == "condition" and hidden == "true"))


def _joined(element: Any) -> str:
    """All text in an element, with a space between paragraphs; that of comments is not shown in any case."""
    return " ".join("".join(part.itertext()) for part in element.iter(*_PARAGRAPHS)) or "".join(element.itertext())
