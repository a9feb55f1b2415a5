"""Documents: what is written into them comes back, with its place; what is left out is said."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.documents import DOCUMENTS, pdf_of, write_docx, write_html, write_markdown, write_parquet, write_pdf
from fixtures.hostile.build import docx_with
from llm_audit.extract.__main__ import answers
from llm_audit.text import Map, RawText, Unreadable, discover, read_document
from llm_audit.text.child import extract
from tests.extract.test_formats import HEAD, epub, odt, packed, rtf
from tests.text.prose import PARAGRAPHS


def document(tmp_path: Path, name: str, data: bytes) -> RawText:
    (tmp_path / name).write_bytes(data)
    (source,) = discover([str(tmp_path / name)])
    return read_document(source)


def problem(tmp_path: Path, name: str, data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        document(tmp_path, name, data)
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said


def place_of(raw: RawText, words: str) -> str:
    start = raw.text.index(words)
    return Map(raw.text, raw.places).of(start, start + len(words))


@pytest.mark.parametrize("suffix", DOCUMENTS)
def test_the_same_prose_comes_back_from_every_format(tmp_path: Path, suffix: str) -> None:
    raw = document(tmp_path, f"essay.{suffix}", DOCUMENTS[suffix](PARAGRAPHS))
    assert raw.text.split() == " ".join(PARAGRAPHS).split()
    formats = {"txt": "utf-8", "html": "html, utf-8", "md": "markdown, utf-8"}
    assert raw.encoding == formats.get(suffix, suffix)
    assert raw.size == (tmp_path / f"essay.{suffix}").stat().st_size


@pytest.mark.parametrize(
    ("suffix", "place"),
    [("txt", "line 3"), ("docx", "paragraph 2"), ("pdf", "page 1, line "), ("html", "paragraph 2"), ("md", "line 11")],
)
def test_a_passage_is_found_again_in_its_document(tmp_path: Path, suffix: str, place: str) -> None:
    raw = document(tmp_path, f"essay.{suffix}", DOCUMENTS[suffix](PARAGRAPHS))
    assert place_of(raw, " ".join(PARAGRAPHS[1].split()[:4])).startswith(place)


def test_places_over_many_pieces_name_both_ends(tmp_path: Path) -> None:
    lines = [f"This is line number {number} of the whole document." for number in range(1, 8)]
    raw = document(tmp_path, "a.pdf", pdf_of([lines[:4], lines[4:]]))
    assert place_of(raw, lines[0]) == "page 1, line 1"
    assert place_of(raw, "\n".join(lines[1:4])) == "page 1, line 2 to 4"
    assert place_of(raw, "\n".join(lines[2:6])) == "page 1, line 3 to page 2, line 2"
    assert Map("one\ntwo\nthree").of(0, 13) == "line 1 to 3"
    assert Map("one\ntwo\nthree").of(3, 8) == "line 2"  # white space around it has no place
    assert Map("one\ntwo\nthree").of(4, 4) == "line 2"


def test_names_do_not_hide_what_a_document_is(tmp_path: Path) -> None:
    assert document(tmp_path, "essay.txt", write_pdf(PARAGRAPHS)).encoding == "pdf"
    assert document(tmp_path, "essay", write_docx(PARAGRAPHS)).encoding == "docx"


# Word


def test_word_tables_notes_and_what_is_left_out(tmp_path: Path) -> None:
    written = docx.Document()
    written.add_heading("The title")
    written.add_paragraph("First.\tTabbed\nand broken.")
    table = written.add_table(2, 2)
    for number, cell in enumerate((*table.rows[0].cells, *table.rows[1].cells)):
        cell.text = f"Cell {number}."
    written.add_paragraph("")
    written.add_paragraph("After the table.")
    written.sections[0].header.paragraphs[0].text = "Not this"
    file = io.BytesIO()
    written.save(file)
    raw = document(tmp_path, "a.docx", file.getvalue())
    assert raw.text == ("The title\n\nFirst.\tTabbed\nand broken.\n\nCell 0.\tCell 1.\nCell 2.\tCell 3.\nAfter the table.")
    assert place_of(raw, "Cell 2") == "table 1, row 2"
    assert place_of(raw, "After") == "paragraph 3"
    assert raw.notes == ("Left out: page header or footer (1).",)


def test_word_deletions_fields_and_pictures_are_no_text(tmp_path: Path) -> None:
    inside = (
        b'<w:p><w:r><w:t>Kept</w:t></w:r><w:del w:id="1" w:author="a"><w:r><w:delText>gone</w:delText></w:r></w:del>'
        b"<w:ins><w:r><w:t> and added</w:t></w:r></w:ins><w:r><w:instrText>PAGE 7</w:instrText></w:r>"
        b"<w:r><w:drawing><w:p><w:r><w:t>no box</w:t></w:r></w:p></w:drawing></w:r></w:p>"
        b"<w:sdt><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )

    def change(name: str, data: bytes) -> bytes:
        return data.replace(b"<w:p>", inside + b"<w:p>", 1) if name == "word/document.xml" else data

    raw = document(tmp_path, "a.docx", docx_with(change))
    assert raw.text.startswith("Kept and added\n\nIn a control.\n\nA sentence")
    assert raw.notes == ("Left out: deletion in track changes (1), image or drawing (1).",)


def test_word_footnotes_come_last(tmp_path: Path) -> None:
    name = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    word = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    notes = (
        b'<w:footnotes xmlns:w="' + word + b'"><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>'
        b'<w:footnote w:id="1"><w:p><w:r><w:t>See there.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )

    def change(part: str, data: bytes) -> bytes:
        if part == "word/_rels/document.xml.rels":
            relation = b'<Relationship Id="rId99" Type="' + name + b'" Target="footnotes.xml"/>'
            return data.replace(b"</Relationships>", relation + b"</Relationships>")
        return data

    raw = document(tmp_path, "a.docx", docx_with(change, {"word/footnotes.xml": notes}))
    assert raw.text.endswith("\n\nSee there.")
    assert place_of(raw, "See there") == "footnote 1"


def test_an_archive_that_is_no_word_document_says_so(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "words")
    assert "is an archive of files" in problem(tmp_path, "a.docx", file.getvalue())
    assert "in an old Microsoft format" in problem(tmp_path, "a.doc", b"\xd0\xcf\x11\xe0" + bytes(2000))
    assert "is empty" in problem(tmp_path, "a.docx", b"")


def test_what_is_called_an_archive_and_is_none_says_so(tmp_path: Path) -> None:
    assert "is empty" in problem(tmp_path, "a.zip", b"")
    assert "is no zip archive, whatever its name says" in problem(tmp_path, "a.zip", b"Plain words.")


# PDF


def test_pdf_headings_that_repeat_and_hyphens_at_line_ends_are_taken_out(tmp_path: Path) -> None:
    pages = [["The Journal of Tests", f"Page {number} has its own infor-", "mation, and some well-", "Known", f"- {number} -"]
             for number in range(1, 5)]  # fmt: skip
    raw = document(tmp_path, "a.pdf", pdf_of(pages))
    joined = [f"Page {number} has its own information, and some well-\nKnown" for number in range(1, 5)]
    assert raw.text == "\n".join(joined)
    assert place_of(raw, "Page 2 has") == "page 2, line 2"
    assert raw.notes == (
        "Left out: headers, footers and page numbers, which repeat from page to page.",
        "Joined 4 words that the end of a line had parted.",
    )


def test_pdf_pages_without_text_are_named(tmp_path: Path) -> None:
    raw = document(tmp_path, "a.pdf", pdf_of([["Some words."], [], ["Others."], []]))
    assert raw.notes == ("Pages 2, 4: without text, perhaps images.",)


# HTML and Markdown


def test_html_gives_the_main_text_only(tmp_path: Path) -> None:
    raw = document(tmp_path, "a.html", write_html(PARAGRAPHS))
    assert "About us" not in raw.text
    assert "Not this" not in raw.text
    assert raw.notes[0].startswith("Left out: menu, list of links or edge of the page (")


def test_html_may_declare_what_it_is(tmp_path: Path) -> None:
    page = b'<?xml version="1.0" encoding="windows-1252"?>\n<html><head><meta charset="windows-1252"></head><body><p>'
    page += "A caf\u00e9 \u2013 closed.".encode("cp1252")
    raw = document(tmp_path, "a.html", page + b"</p></body></html>")
    assert (raw.text, raw.encoding) == ("A caf\u00e9 \u2013 closed.", "html, cp1252")


def test_a_format_without_its_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "striprtf.py").write_text("raise ModuleNotFoundError(name='striprtf')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = problem(tmp_path, "a.rtf", b"{\\rtf1 Words.}")
    assert said.endswith("a.rtf needs the package striprtf: run `pip install 'llm-audit[formats]'`.")


def test_markdown_loses_markup_and_code_and_keeps_its_lines(tmp_path: Path) -> None:
    source = (
        "---\ntitle: x\n---\n# A *title*\n\nSome [words](http://x) with `code`,\nand ![more](x.png) of them.\n\n"
        "```\nprint()\n```\n\n- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n\n<div>kept</div>\n"
    )
    raw = document(tmp_path, "a.md", source.encode())
    assert raw.text == "A title\n\nSome words with code,\nand of them.\n\none\n\ntwo\n\na\tb\nc\td\nkept"
    assert place_of(raw, "of them") == "line 7"
    assert place_of(raw, "two") == "line 14"
    assert raw.notes == ("Left out: front matter (1), image (1), code block (1).",)
    (source_of_it,) = discover([str(tmp_path / "a.md")])
    assert read_document(source_of_it, strip_markdown=False).text == source
    assert "no text beside code" in problem(tmp_path, "b.md", b"```\nx\n```\n")


# The child


def test_a_file_in_the_working_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docx.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    assert document(tmp_path, "a.docx", write_docx(["Words."])).text == "Words."
    assert not (tmp_path / "ran").exists()


def test_the_child_loads_no_arrays_and_none_of_our_other_modules() -> None:
    code = (
        "import sys, importlib; from llm_audit.extract.__main__ import _KINDS\n"
        "for kind in _KINDS.keys() - {'parquet'}: importlib.import_module(f'llm_audit.extract.{kind}')\n"
        "print(*(name for name in sys.modules if name.startswith('llm_audit') or name in ('numpy', 'torch')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    package = {"llm_audit", "llm_audit.common", "llm_audit.common.version"}  # what `import llm_audit` alone loads
    assert all(name in package or name.startswith("llm_audit.extract") for name in loaded)


def test_a_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pypdf.py").write_text("import time; time.sleep(100)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("llm_audit.text.child.SECONDS", 1)
    began = time.monotonic()
    assert "takes too long to read" in problem(tmp_path, "a.pdf", write_pdf(PARAGRAPHS))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "made its reader fail (signal 6)"),
        ("import os; os._exit(7)", "made its reader fail (exit code 7)"),
        ("import signal, os; os.kill(os.getpid(), signal.SIGXCPU)", "takes too long to read"),
        ("x = bytearray(1_000_000_000)", "needs more than 1 GB of memory"),
        ("def f(): f()\nf()", "nested too deeply"),
    ],
)
def test_a_reader_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    (tmp_path / "pypdf.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert said in problem(tmp_path, "a.pdf", write_pdf(PARAGRAPHS))


def test_an_answer_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pypdf.py").write_text("import sys\nwhile True: sys.stdout.write('a' * 1_000_000)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("llm_audit.text.child.MOST_BYTES", 5_000_000)
    assert "more text than fits" in problem(tmp_path, "a.pdf", write_pdf(PARAGRAPHS))


# Whatever the bytes, an answer


def answer_of(kind: str, data: bytes) -> Any:
    options = ("text",) if kind == "parquet" else ()
    given = list(answers(io.BytesIO(data), kind, *options))
    json.dumps(given, ensure_ascii=False).encode()  # as it goes through the pipe
    for answer in given:
        assert isinstance(answer, list) or answer.get("error") or answer.get("name") is not None or answer["text"].strip()
    return given


HONEST: dict[str, Callable[[], bytes]] = {
    "docx": lambda: write_docx(PARAGRAPHS),
    "pdf": lambda: write_pdf(PARAGRAPHS),
    "html": lambda: write_html(PARAGRAPHS),
    "markdown": lambda: write_markdown(PARAGRAPHS),
    "odt": lambda: odt("".join(f"<text:p>{paragraph}</text:p>" for paragraph in PARAGRAPHS)),
    "epub": lambda: epub([f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS]),
    "rtf": lambda: rtf("".join(f"{paragraph}\\par " for paragraph in PARAGRAPHS)),
    "tex": lambda: "\n\n".join(PARAGRAPHS).encode(),
    "rst": lambda: "\n\n".join(PARAGRAPHS).encode(),
    "mail": lambda: f"{HEAD}\n{PARAGRAPHS[0]}\n".encode(),
    "zip": lambda: packed({"a.txt": PARAGRAPHS[0]}),
    "parquet": lambda: write_parquet(PARAGRAPHS),
}


@pytest.mark.parametrize("kind", HONEST)
@given(data=st.data())
def test_damaged_documents_are_answered(kind: str, data: st.DataObject) -> None:
    content = bytearray(HONEST[kind]())
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    text = content.decode(errors="replace").encode() if kind in ("html", "markdown", "tex", "rst") else bytes(content)
    answer_of(kind, text)


XML = st.recursive(
    st.text("ab <&", max_size=5).map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.builds(
        lambda tag, children: f"<w:{tag}>{''.join(children)}</w:{tag}>",
        st.sampled_from(["p", "r", "t", "tbl", "tr", "tc", "sdt", "sdtContent", "del", "ins", "drawing", "br", "tab"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=30,
)


@given(XML)
def test_any_tree_in_a_word_document_is_answered(tree: str) -> None:
    def change(name: str, data: bytes) -> bytes:
        return data.replace(b"<w:p>", tree.encode() + b"<w:p>", 1) if name == "word/document.xml" else data

    (answer,) = answer_of("docx", docx_with(change))
    assert "text" in answer


@given(st.text(st.sampled_from("ab \n\t#*_`>-|[](){}<>!&\\~=+1.\"'"), max_size=300))
def test_any_markdown_is_answered(source: str) -> None:
    answer_of("markdown", source.encode())


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=60)
PROSE = st.lists(WORDS.filter(str.strip), min_size=1, max_size=8)


@given(PROSE)
def test_any_paragraphs_come_back_from_word(paragraphs: list[str]) -> None:
    (answer,) = answer_of("docx", write_docx(paragraphs))
    assert answer["text"] == "\n\n".join(paragraph.strip() for paragraph in paragraphs).rstrip()
    assert [name for _, name in answer["places"]] == [f"paragraph {n}" for n in range(1, len(paragraphs) + 1)]


@given(st.lists(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), min_size=1, max_size=70), min_size=1))
def test_any_lines_come_back_from_pdf(lines: list[str]) -> None:
    kept = [stripped for line in lines if (stripped := line.strip())]
    (answer,) = answer_of("pdf", pdf_of([lines]))
    if kept:
        joined = answer["text"]
        assert "".join(joined.split()).replace("-", "") == "".join("".join(kept).split()).replace("-", "")
    else:
        assert "no text" in answer["error"]


def test_extract_names_the_document() -> None:
    with pytest.raises(Unreadable, match=r"^essay\.pdf cannot be read as a PDF document"):
        extract("pdf", "essay.pdf", b"nothing")
