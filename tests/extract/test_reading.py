"""Sound documents are read, whatever wrote them; the others are called what they are, without the names of exceptions."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader, PdfWriter

from fixtures.documents import pdf_of, write_docx
from fixtures.hostile.build import docx_with
from tests.extract.ask import answer, docx_body, run
from tests.extract.test_hidden import pdf_with_content
from tests.text.prose import PARAGRAPHS

WORDS = " ".join(PARAGRAPHS).split()
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def related(kind: str, target: str, name: str = "word/_rels/document.xml.rels") -> dict[str, object]:
    """A change that adds a relation to a document."""
    relation = f'<Relationship Id="rX" Type="{RELATION}/{kind}" Target="{target}"/></Relationships>'.encode()
    return {"change": lambda part, data: data.replace(b"</Relationships>", relation) if part == name else data}


def test_documents_of_the_strict_dialect_are_read() -> None:
    def strict(name: str, data: bytes) -> bytes:
        for usual, other in (
            (
                b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
                b"http://purl.oclc.org/ooxml/wordprocessingml/main",
            ),
            (RELATION.encode(), b"http://purl.oclc.org/ooxml/officeDocument/relationships"),
        ):
            data = data.replace(usual, other)
        return data

    assert answer("docx", docx_with(strict))["text"].startswith("A sentence that anybody")


@pytest.mark.parametrize("target", ["../NULL", "#_top", "", "media/gone.png", "../../../etc/passwd"])
@pytest.mark.parametrize("kind", ["image", "hyperlink", "footnotes", "styles"])
def test_relations_to_nowhere_are_no_damage(target: str, kind: str) -> None:
    assert answer("docx", docx_body(f"<w:p>{run('Words.')}</w:p>", **related(kind, target)))["text"] == "Words."  # type: ignore[arg-type]  # a change by name


def test_a_blank_picture_is_no_bomb() -> None:
    blank = b"BM" + bytes(5_000_000)
    assert answer("docx", docx_with(extra={"word/media/image1.bmp": blank}))["text"]


def test_text_boxes_are_read_once_and_pictures_are_named() -> None:
    box = f"<w:txbxContent><w:p>{run('Boxed.')}</w:p></w:txbxContent>"
    choice = f"<w:r><mc:AlternateContent xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'><mc:Choice><w:drawing>{box}"
    choice += f"</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    assert answer("docx", docx_body(f"<w:p>{run('Before.')}{choice}</w:p>"))["text"] == "Before.\n\nBoxed."
    assert answer("docx", docx_body(f"<w:p><w:r><w:pict>{box}</w:pict></w:r></w:p>"))["text"] == "Boxed."
    said = answer("docx", docx_body("<w:p><w:r><w:drawing/></w:r></w:p>"))
    assert said == {"error": "holds no text, only pictures: recognise its text (OCR) first", "nothing": True}


def test_pages_that_a_document_imports_are_read() -> None:
    chunk = f'<w:altChunk xmlns:r="{RELATION}" r:id="rX"/>'
    page = f"<html><body><p>{PARAGRAPHS[0]}</p></body></html>".encode()
    found = answer("docx", docx_body(chunk, **related("aFChunk", "page.html"), word__page_dot_html=page))  # type: ignore[arg-type]  # a change by name
    assert found["text"].split() == PARAGRAPHS[0].split()
    assert found["places"][0][1] == "imported page, paragraph 1"


def encrypted(user: str) -> bytes:
    writer, file = PdfWriter(PdfReader(io.BytesIO(pdf_of([["Some words."]])))), io.BytesIO()
    writer.encrypt(user, "owner", algorithm="RC4-128")
    writer.write(file)
    return file.getvalue()


def test_a_pdf_that_only_its_owner_may_change_is_read() -> None:
    assert answer("pdf", encrypted(""))["text"] == "Some words."
    assert answer("pdf", encrypted("secret")) == {"error": "has a password: save a copy without one and try again"}


def test_what_was_filled_into_a_form_is_read() -> None:
    writer, file = PdfWriter(PdfReader(io.BytesIO(pdf_of([["Write here:"]])))), io.BytesIO()
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

    def field(text: str, flags: int = 4) -> DictionaryObject:
        names = {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Tx"), "/V": TextStringObject(text)}
        return DictionaryObject({NameObject(name): value for name, value in names.items()})

    writer.pages[0][NameObject("/Annots")] = ArrayObject([field("An answer\nof two lines.")])
    writer.write(file)
    found = answer("pdf", file.getvalue())
    assert found["text"] == "Write here:\nAn answer\nof two lines."
    assert found["places"][-1][1] == "page 1, form field"


def test_letters_that_are_placed_one_by_one_are_words() -> None:
    at, shown = 50.0, []
    for letter in "Every letter stands alone here":
        shown.append(f"BT /F1 12 Tf 1 0 0 1 {at:.2f} 700 Tm ({letter}) Tj ET")
        at += 3.3 if letter in " iltfr" else 6.7
    assert answer("pdf", pdf_with_content(" ".join(shown)))["text"] == "Every letter stands alone here"


@pytest.mark.parametrize("kind", ["docx", "pdf", "odt", "epub", "pptx", "rtf", "zip"])
@pytest.mark.parametrize("data", [b"\x00\x01\x02 no document", write_docx(["x"])[:200], b"%PDF-1.4\ncut"])
def test_no_message_names_an_exception(kind: str, data: bytes) -> None:
    found = answer(kind, data)
    assert "Error" not in str(found.get("error", "")) and "Exception" not in str(found.get("error", ""))
