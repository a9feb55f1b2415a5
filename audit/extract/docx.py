"""Word documents: paragraphs, table rows and notes, in the order of the document.

Walks the XML of the body itself: `Document.paragraphs` of python-docx takes quadratic time on hostile files.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from docx import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.oxml import parse_xml

from llm_audit.extract.docx_properties import properties
from llm_audit.extract.draft import Draft, Refused

MOST_ENTRIES = 1000
MOST_INFLATED = 50_000_000
MOST_RATIO, RATIO_FROM = 100, 1_000_000  # small entries may be as regular as they like

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARAGRAPH, _TABLE, _ROW, _TEXT = (_WORD + name for name in ("p", "tbl", "tr", "t"))
_SIGNS = {_WORD + "tab": "\t", _WORD + "br": "\n", _WORD + "cr": "\n", _WORD + "noBreakHyphen": "-"}
_IMAGE, _DELETED = "image, drawing or text box", "deletion in track changes"
_LEFT_OUT = {
    _WORD + "drawing": _IMAGE,
    _WORD + "pict": _IMAGE,
    _WORD + "object": _IMAGE,
    _WORD + "del": _DELETED,
    _WORD + "moveFrom": _DELETED,
    "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath": "formula",
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback": None,  # says the same again, for old programs
}
_UNTYPED_NOTE = _WORD + "type"  # separators between text and notes have one
_DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "paragraph 3", "table 1, row 2" or "footnote 4" as places."""
    data = stream.read()
    _check_archive(data)
    document = Document(io.BytesIO(data))
    draft, numbers = Draft(), Counter[str]()
    draft.facts = properties(data)
    _add_blocks(document.element.body, draft, numbers)
    _add_notes(document.part, draft)
    _note_relations(document.part, draft)
    yield draft.answer("holds no text")


def _check_archive(data: bytes) -> None:
    """Refuse what is made to exhaust or to deceive, before any XML is parsed.

    The directory's sizes can be relied on: zipfile never unpacks more of an entry than it says there.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        raise Refused("is damaged: it is not a whole Word document (.docx)") from None
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise Refused(f"has {len(entries):,} parts, more than the {MOST_ENTRIES:,} of an honest document")
    inflated = sum(entry.file_size for entry in entries)
    if inflated > MOST_INFLATED:
        raise Refused(f"unpacks to {inflated / 1e6:,.0f} MB, more than {MOST_INFLATED // 1_000_000}: save it without images")
    for entry in entries:
        if entry.file_size > max(RATIO_FROM, MOST_RATIO * entry.compress_size):
            raise Refused(f"has a part that unpacks to more than {MOST_RATIO} times its size, like a zip bomb")
        content = archive.read(entry)
        # Word keeps the numbers behind a chart as a workbook, which nobody opens here.
        if content.startswith(b"PK\x03\x04") and not entry.filename.startswith("word/embeddings/"):
            raise Refused("holds another archive, like a zip bomb")
        if not entry.filename.startswith("word/media/") and _declares(content):
            raise Refused("declares a document type or entities, which no word processor writes")


def _declares(xml: bytes) -> bool:
    return any(word.encode(encoding) in xml for word in _DECLARATIONS for encoding in ("ascii", "utf-16-le", "utf-16-be"))


def _add_blocks(parent: Any, draft: Draft, numbers: Counter[str]) -> None:
    for block in parent:
        if block.tag == _PARAGRAPH:
            if text := _text(block, draft):
                numbers["paragraph"] += 1
                draft.add(text, f"paragraph {numbers['paragraph']}")
        elif block.tag == _TABLE:
            numbers["table"] += 1
            for number, row in enumerate(block.iterchildren(_ROW), start=1):
                if text := "\t".join(filter(None, (_text(paragraph, draft) for paragraph in _paragraphs(row)))):
                    draft.add(text, f"table {numbers['table']}, row {number}", end="\n")
        elif block.tag not in _LEFT_OUT:  # content controls and the like, which hold paragraphs
            _add_blocks(block, draft, numbers)


def _paragraphs(parent: Any) -> Iterator[Any]:
    for element in parent:
        if element.tag == _PARAGRAPH:
            yield element
        elif element.tag not in _LEFT_OUT:
            yield from _paragraphs(element)


def _text(paragraph: Any, draft: Draft) -> str:
    return "".join(_pieces(paragraph, draft)).strip()


def _pieces(parent: Any, draft: Draft) -> Iterator[str]:
    for element in parent:
        if element.tag == _TEXT:
            yield element.text or ""
        elif sign := _SIGNS.get(element.tag):
            yield sign
        elif element.tag in _LEFT_OUT:
            if what := _LEFT_OUT[element.tag]:
                draft.left_out[what] += 1
        else:
            yield from _pieces(element, draft)


def _add_notes(part: Any, draft: Draft) -> None:
    for kind, relation in (("footnote", RELATIONSHIP_TYPE.FOOTNOTES), ("endnote", RELATIONSHIP_TYPE.ENDNOTES)):
        for related in _related(part, relation):
            notes = [note for note in parse_xml(related.blob) if note.tag == _WORD + kind and note.get(_UNTYPED_NOTE) is None]
            for number, note in enumerate(notes, start=1):
                if text := "\n".join(filter(None, (_text(paragraph, draft) for paragraph in _paragraphs(note)))):
                    draft.add(text, f"{kind} {number}")


def _note_relations(part: Any, draft: Draft) -> None:
    """What belongs to the document and was not read, here or elsewhere."""
    headings = (*_related(part, RELATIONSHIP_TYPE.HEADER), *_related(part, RELATIONSHIP_TYPE.FOOTER))
    draft.left_out["page header or footer"] = sum(b"<w:t" in related.blob for related in headings)
    draft.left_out["list of comments"] = len(_related(part, RELATIONSHIP_TYPE.COMMENTS))
    remote = [rel for rel in part.package.iter_rels() if rel.is_external and rel.reltype != RELATIONSHIP_TYPE.HYPERLINK]
    if remote:
        kinds = ", ".join(sorted({relation.reltype.rpartition("/")[2] for relation in remote}))
        draft.notes.append(f"Asks for files from elsewhere ({kinds}), which were not fetched.")


def _related(part: Any, kind: str) -> list[Any]:
    return [rel.target_part for rel in part.rels.values() if rel.reltype == kind and not rel.is_external]
