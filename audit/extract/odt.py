"""OpenDocument texts (ISO 26300): paragraphs, tables, text boxes and notes, as a reader sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from llm_audit.extract.docx_look import Look, is_bright
from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.package import Package

_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:"
_OFFICE, _TEXT, _TABLE, _DRAW, _STYLE = (
    f"{{{_NAMESPACE}{name}:1.0}}" for name in ("office", "text", "table", "drawing", "style")
)
_FO = f"{{{_NAMESPACE}xsl-fo-compatible:1.0}}"
_SKIPPED = {
    _TEXT + "tracked-changes": "deletion in track changes",
    _OFFICE + "annotation": "comment",
    _OFFICE + "forms": None,
    _TEXT + "sequence-decls": None,
    _TEXT + "bookmark-ref": None,
    _DRAW + "image": "image or drawing",
    _DRAW + "object": "formula or other object",
    _DRAW + "object-ole": "formula or other object",
    _TEXT + "note-citation": None,
    _TEXT + "ruby-text": None,
}
_LISTINGS = frozenset(_TEXT + name for name in ("table-of-content", "illustration-index", "table-index", "alphabetical-index"))
_NAMED = (
    ("title", "heading"),
    ("author", "heading"),
    ("date", "heading"),
    ("heading", "heading"),
    ("quot", "quote"),
    ("caption", "caption"),
    ("bibliograph", "reference"),
)
_MOST_SPACES = 1000


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "paragraph 3", "table 1, row 2" or "note 4" as places."""
    package = Package(stream.read(), "OpenDocument text (.odt)", (".xml",))
    manifest = package.bytes_of("META-INF/manifest.xml") if package.has("META-INF/manifest.xml") else b""
    if b"encryption-data" in manifest:
        raise Refused("has a password: save a copy without one and try again")
    if not package.has("content.xml"):
        raise Refused("holds no OpenDocument text")
    content = package.xml("content.xml")
    sheets = [content, *([package.xml("styles.xml")] if package.has("styles.xml") else [])]
    walk = _Walk(_Styles(sheets))
    for body in content.iter(_OFFICE + "text"):
        walk.add_blocks(body)
    walk.add_notes()
    yield walk.draft.answer(
        "holds no text, only pictures: recognise its text (OCR) first"
        if walk.draft.left_out["image or drawing"]
        else "holds no text"
    )


class _Styles:
    """The styles of a document by name, each with the one that it is based on."""

    def __init__(self, sheets: list[Any]) -> None:
        self._styles: dict[str, tuple[str | None, Look, str]] = {}
        for element in (style for sheet in sheets for style in sheet.iter(_STYLE + "style")):
            look = Look()
            for properties in element:
                look = _look_of(properties).over(look)
            shown = element.get(_STYLE + "display-name") or element.get(_STYLE + "name") or ""
            self._styles.setdefault(
                element.get(_STYLE + "name") or "", (element.get(_STYLE + "parent-style-name"), look, shown)
            )

    def of(self, name: str | None) -> Look:
        """The formatting of text of a style."""
        look = Look()
        for _, layer, _ in self._chain(name):
            look = look.over(layer)
        return look

    def apart(self, name: str | None) -> str:
        """The kind of the paragraphs of a style ("heading", "quote"), "" for running text; see `Draft.add`."""
        names = [name or "", *(shown for _, _, shown in self._chain(name))]  # not all that are used are in the document
        titles = [shown.lower().replace("_20_", " ") for shown in names]
        return next((kind for title in titles for word, kind in _NAMED if word in title), "")

    def _chain(self, name: str | None) -> Iterator[tuple[str | None, Look, str]]:
        seen = set()
        while name is not None and name in self._styles and name not in seen:
            seen.add(name)
            yield self._styles[name]
            name = self._styles[name][0]


def _look_of(properties: Any) -> Look:
    color, back = properties.get(_FO + "color"), properties.get(_FO + "background-color")
    size, display = properties.get(_FO + "font-size") or "", properties.get(_TEXT + "display")
    points = float(size[:-2]) if size.endswith("pt") and size[:-2].replace(".", "", 1).isdigit() else None
    return Look(
        vanish=None if display is None else display == "none",
        white=None if color is None else is_bright(color.lstrip("#")),
        size=None if points is None else 2 * points,
        dark=None if back is None else back != "transparent" and not is_bright(back.lstrip("#")),
    )


class _Walk:
    """One pass over a document."""

    def __init__(self, styles: _Styles) -> None:
        self.draft = Draft()
        self._styles = styles
        self._numbers = Counter[str]()
        self._notes: list[Any] = []
        self._boxes: list[Any] = []

    def add_blocks(self, parent: Any, apart: str = "") -> None:
        """Paragraphs and tables, and what holds them: sections, lists, indexes."""
        for block in parent:
            if not isinstance(block.tag, str):
                continue
            if block.tag in (_TEXT + "p", _TEXT + "h"):
                self._add_paragraph(block, apart)
            elif block.tag == _TABLE + "table":
                self._add_table(block)
            elif block.tag in _SKIPPED:
                self._skip(block)
            elif block.tag == _TEXT + "section" and block.get(_TEXT + "display") == "none":
                self.draft.hide("".join(block.itertext()), "hidden section")
            else:
                kind = "heading" if block.tag in _LISTINGS else "reference" if block.tag == _TEXT + "bibliography" else apart
                self.add_blocks(block, kind)
            while self._boxes:
                self.add_blocks(self._boxes.pop(0), apart)

    def _add_paragraph(self, paragraph: Any, apart: str) -> None:
        if text := self._text(paragraph):
            self._numbers["paragraph"] += 1
            kind = "heading" if paragraph.tag == _TEXT + "h" else self._styles.apart(paragraph.get(_TEXT + "style-name"))
            self.draft.add(text, f"paragraph {self._numbers['paragraph']}", apart=kind or apart)

    def _add_table(self, table: Any) -> None:
        self._numbers["table"] += 1
        for number, row in enumerate(table.iter(_TABLE + "table-row"), start=1):
            cells = list(row.iter(_TEXT + "p", _TEXT + "h"))
            if text := "\t".join(filter(None, map(self._text, cells))):
                self.draft.add(text, f"table {self._numbers['table']}, row {number}", end="\n", apart="table")

    def add_notes(self) -> None:
        """Footnotes and endnotes, after everything else."""
        for number, note in enumerate(self._notes, start=1):
            paragraphs = [paragraph for body in note.iter(_TEXT + "note-body") for paragraph in body.iter(_TEXT + "p")]
            if text := "\n".join(filter(None, map(self._text, paragraphs))):
                self.draft.add(text, f"note {number}", apart="reference")

    def _text(self, paragraph: Any) -> str:
        look = self._styles.of(paragraph.get(_TEXT + "style-name"))
        return "".join(self._pieces(paragraph, look)).strip()

    def _pieces(self, element: Any, look: Look) -> Iterator[str]:
        yield from self._seen(element.text, look)
        for child in element:
            if isinstance(child.tag, str):
                yield from self._child(child, look)
            yield from self._seen(child.tail, look)

    def _child(self, child: Any, look: Look) -> Iterator[str]:
        if child.tag == _TEXT + "s":
            yield " " * min(int(child.get(_TEXT + "c") or 1), _MOST_SPACES)
        elif child.tag in (_TEXT + "tab", _TEXT + "line-break"):
            yield "\t" if child.tag == _TEXT + "tab" else "\n"
        elif child.tag == _TEXT + "note":
            self._notes.append(child)
        elif child.tag in (_TEXT + "hidden-text", _TEXT + "hidden-paragraph"):
            self.draft.hide("".join(child.itertext()), "hidden text field")
        elif child.tag == _DRAW + "text-box":
            self._boxes.append(child)
        elif child.tag in _SKIPPED:
            self._skip(child)
        else:
            yield from self._pieces(child, self._styles.of(child.get(_TEXT + "style-name")).over(look))

    def _seen(self, text: str | None, look: Look) -> Iterator[str]:
        if text and (way := look.hidden):
            self.draft.hide(text, way)
            yield "" if look.vanish else " "
        elif text:
            yield text

    def _skip(self, element: Any) -> None:
        if kind := _SKIPPED[element.tag]:
            self.draft.leave_out("", kind)
