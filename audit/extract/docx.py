"""Word documents: paragraphs, table rows, text boxes and notes, in the order of the document, as a reader sees them.

Walks the XML of the body itself: `Document.paragraphs` of python-docx takes quadratic time on hostile files, and its packages
break on relations to nowhere, which Word writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from llm_audit.extract.docx_boxes import BOX, DRAWINGS, hidden_box, is_filled, is_repeated
from llm_audit.extract.docx_fields import MARK, Fields
from llm_audit.extract.docx_look import WORD, Look, Styles, row_hidden, theme_of
from llm_audit.extract.docx_properties import properties
from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.package import Package

_PARAGRAPH, _TABLE, _ROW, _CELL, _TEXT, _RUN = (WORD + name for name in ("p", "tbl", "tr", "tc", "t", "r"))
_SIGNS = {WORD + "tab": "\t", WORD + "ptab": "\t", WORD + "br": "\n", WORD + "cr": "\n", WORD + "noBreakHyphen": "-"}
_IMAGE, _DELETED = "image or drawing", "deletion in track changes"
_LEFT_OUT = {
    WORD + "del": _DELETED,
    WORD + "moveFrom": _DELETED,
    "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath": "formula",
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback": None,  # says the same again, for old programs
    WORD + "rt": None,  # how a character is pronounced, in small letters above it
}
_SAID_AGAIN = frozenset(_LEFT_OUT)
_IMPORTED, _OVERRIDE = WORD + "altChunk", WORD + "bdo"
_LETTERED = "{urn:schemas-microsoft-com:vml}textpath"  # letters along a path (WordArt)
_INSTRUCTION = "instruction of a field"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_UNTYPED_NOTE = WORD + "type"  # separators between text and notes have one


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "paragraph 3", "table 1, row 2", "text box 1" or "footnote 4" as places."""
    data = stream.read()
    package = Package(data, "Word document (.docx)")
    main = next(package.related("", "officeDocument"), "word/document.xml")
    if not package.has(main):
        raise Refused("holds no Word document")
    root = package.xml(main)
    style_part = next(package.related(main, "styles"), None)
    theme_part = next(package.related(main, "theme"), None)
    theme = theme_of(None if theme_part is None else package.xml(theme_part))
    styles = Styles(None if style_part is None else package.xml(style_part), _page_color(root), theme)
    walk = _Walk(package, main, styles)
    walk.draft.facts = properties(data)
    for body in root.iterchildren(WORD + "body"):
        walk.add_blocks(body)
    walk.add_notes()
    walk.note_relations()
    pictures = walk.draft.left_out[_IMAGE]
    yield walk.draft.answer("holds no text, only pictures: recognise its text (OCR) first" if pictures else "holds no text")


def _page_color(root: Any) -> str:
    """The colour of the pages, as six hexadecimal digits; "" if they are white."""
    background = root.find(WORD + "background")
    color = "" if background is None else (background.get(WORD + "color") or "auto").upper()
    return "" if color in ("AUTO", "FFFFFF") else color


class _Walk:
    """Reader of one Word document: gathers its text in order, and counts paragraphs, tables, boxes and notes for places."""

    def __init__(self, package: Package, main: str, styles: Styles) -> None:
        self.draft = Draft()
        self._package, self._main, self._styles = package, main, styles
        self._numbers = Counter[str]()
        self._boxes: list[tuple[Any, str]] = []  # with the way in which its shape is hidden
        self._fields = Fields()
        self._dropped = ""  # the large first letter of the next paragraph
        self._on_dark = False  # the text is on a background of its own

    def add_blocks(self, parent: Any) -> None:
        """Paragraphs and tables, and what holds them: content controls and the like."""
        for block in parent:
            if block.tag == _PARAGRAPH and _is_dropped(block):
                self._dropped = self._text(block)
            elif block.tag == _PARAGRAPH:
                self._add_paragraph(block, "paragraph")
            elif block.tag == _TABLE:
                self._add_table(block)
            elif block.tag == _IMPORTED:
                self._add_imported(block.get(_ID))
            elif block.tag not in _LEFT_OUT:
                self.add_blocks(block)
            self._add_boxes()

    def _add_paragraph(self, paragraph: Any, kind: str) -> None:
        if text := self._dropped + self._text(paragraph):
            self._dropped = ""
            self._numbers[kind] += 1
            apart = self._styles.apart(paragraph.find(WORD + "pPr"))
            self.draft.add(text, f"{kind} {self._numbers[kind]}", apart=apart)

    def _add_table(self, table: Any) -> None:
        self._numbers["table"] += 1
        before, self._on_dark = self._on_dark, self._on_dark or self._styles.has_dark_table(table)
        for number, row in enumerate(_rows(table), start=1):
            if row.find(f"{WORD}trPr/{WORD}del") is not None:
                self.draft.leave_out("", _DELETED)
            elif way := row_hidden(row):
                self.draft.hide(" ".join(filter(None, map(self._text, _paragraphs(row)))), way)
            elif text := "\t".join(filter(None, map(self._text, _paragraphs(row)))):
                self.draft.add(text, f"table {self._numbers['table']}, row {number}", end="\n", apart="table")
        self._on_dark = before

    def _add_boxes(self) -> None:
        """Add the text boxes anchored in the last block, each as a piece of its own."""
        while self._boxes:
            box, way = self._boxes.pop(0)
            before, self._on_dark = self._on_dark, self._on_dark or is_filled(box)
            for paragraph in _paragraphs(box):
                if way:
                    self.draft.hide(self._text(paragraph), way)
                else:
                    self._add_paragraph(paragraph, "text box paragraph")
            self._on_dark = before

    def _add_imported(self, relation: str | None) -> None:
        """Add a file of another format that Word shows as a part of the document."""
        target = next((link.target for link in self._package.relations(self._main) if link.id == relation), "")
        kind = target.rpartition(".")[2].lower()
        if not self._package.has(target) or kind not in ("html", "htm", "xhtml", "txt"):
            self.draft.leave_out("", f"imported file (.{kind})")
            return
        text = self._package.bytes_of(target).decode("utf-8-sig", "replace")
        if kind == "txt":
            self.draft.add(text.strip(), "imported text")
        else:
            from llm_audit.extract.html import add_page  # another parser, which hardly any document needs

            add_page(text, self.draft, "imported page, ")

    def _text(self, paragraph: Any) -> str:
        look = self._styles.of_paragraph(paragraph.find(WORD + "pPr"), *self._around(paragraph))
        return "".join(self._pieces(paragraph, look)).strip()

    def _around(self, paragraph: Any) -> tuple[Any | None, Any | None]:
        """The cell of a table that a paragraph stands in, and the table; None if it stands in none."""
        cell = next(paragraph.iterancestors(_CELL), None)
        return cell, None if cell is None else next(cell.iterancestors(_TABLE), None)

    def _pieces(self, parent: Any, look: Look) -> Iterator[str]:
        for element in parent:
            if element.tag == _RUN:
                yield from self._run(element, look)
            elif element.tag in _LEFT_OUT:
                if kind := _LEFT_OUT[element.tag]:
                    self.draft.leave_out("", kind)
            elif element.tag in DRAWINGS:
                self._add_drawing(element)
            elif element.tag == MARK:
                self._fields.mark(element)
            elif self._fields.instructing and element.tag in (_TEXT, *_SIGNS):
                self.draft.left_out[_INSTRUCTION] += bool(element.tag == _TEXT)
            elif element.tag == _TEXT:
                yield element.text or ""
            elif sign := _SIGNS.get(element.tag):
                yield sign
            elif element.tag == _OVERRIDE and element.get(WORD + "val") == "rtl":
                yield "\u202e" + "".join(self._pieces(element, look)) + "\u202c"
            elif element.tag != BOX:
                yield from self._pieces(element, look)

    def _run(self, run: Any, paragraph: Look) -> Iterator[str]:
        look = self._styles.of_run(run.find(WORD + "rPr"), paragraph)
        if self._on_dark:
            look = look._replace(dark=True)
        if not (way := look.hidden):
            yield from self._pieces(run, paragraph)
            return
        text = "".join(self._pieces(run, paragraph))
        self.draft.hide(text, way)
        if not look.vanish and text:
            yield " "  # white letters take the room that a reader takes for a space

    def _add_drawing(self, drawing: Any) -> None:
        boxes = [box for box in drawing.iter(BOX) if not is_repeated(box, drawing, _SAID_AGAIN)]
        self._boxes += [(box, hidden_box(box)) for box in boxes]
        words = [path.get("string") or "" for path in drawing.iter(_LETTERED)]
        if words:
            self.draft.leave_out(" ".join(words), "text in a drawing")
        elif not boxes:
            self.draft.leave_out("", _IMAGE)

    def add_notes(self) -> None:
        """Footnotes, then endnotes."""
        for kind in ("footnote", "endnote"):
            for part in self._package.related(self._main, f"{kind}s"):
                notes = [
                    note for note in self._package.xml(part) if note.tag == WORD + kind and note.get(_UNTYPED_NOTE) is None
                ]
                for number, note in enumerate(notes, start=1):
                    if text := "\n".join(filter(None, map(self._text, _paragraphs(note)))):
                        self.draft.add(text, f"{kind} {number}", apart="reference")

    def note_relations(self) -> None:
        """Note the parts of the document that were not read, in the package or outside."""
        package, left_out = self._package, self.draft.left_out
        edges = (*package.related(self._main, "header"), *package.related(self._main, "footer"))
        left_out["page header or footer"] = sum(b"<w:t" in package.bytes_of(part) for part in edges)
        left_out["list of comments"] = len(list(package.related(self._main, "comments")))
        if kinds := package.elsewhere():
            self.draft.notes.append(f"Asks for files from elsewhere ({', '.join(kinds)}), which were not fetched.")


def _is_dropped(paragraph: Any) -> bool:
    """Whether a paragraph is a large letter that hangs down beside the next one."""
    frame = paragraph.find(f"{WORD}pPr/{WORD}framePr")
    return frame is not None and frame.get(WORD + "dropCap", "none") != "none"


def _rows(parent: Any) -> Iterator[Any]:
    """The rows of a table, also those in content controls."""
    for element in parent:
        if element.tag == _ROW:
            yield element
        elif element.tag not in _LEFT_OUT:
            yield from _rows(element) if element.tag != _TABLE else ()


def _paragraphs(parent: Any) -> Iterator[Any]:
    for element in parent:
        if element.tag == _PARAGRAPH:
            yield element
        elif element.tag not in _LEFT_OUT:
            yield from _paragraphs(element)
