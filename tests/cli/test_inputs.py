"""The inputs of `detect` and `attribute`, whatever their format: the same judgement, and where in the document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.documents import DOCUMENTS, RECORDS, pdf_with, write_docx, write_jsonl, write_pdf
from fixtures.hostile.build import HOSTILE
from tests.cli.tool import Tool
from tests.text.prose import PARAGRAPHS

TEXT = "\n\n".join(PARAGRAPHS)


def report(tool: Tool, *args: object, code: int = 0) -> dict[str, Any]:
    outcome = tool("detect", *args, "--format", "json")
    assert (outcome.code, outcome.err) == (code, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def numbers(document: dict[str, Any]) -> list[float | None]:
    combined = document["combined"]
    return [combined["p_value"], *(span["p_value"] for span in combined["spans"])]


def test_the_same_prose_gets_the_same_p_values_in_every_format(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    for suffix, write in DOCUMENTS.items():
        (tmp_path / f"essay.{suffix}").write_bytes(write(PARAGRAPHS))
    for suffix, write in RECORDS.items():
        (tmp_path / f"essays.{suffix}").write_bytes(write([TEXT]))
    documents = report(tool, tmp_path, *tiny)["subjects"]
    assert len(documents) == len(DOCUMENTS) + len(RECORDS)
    expected = numbers(next(document for document in documents if document["name"].endswith(".txt")))
    assert expected[0] is not None
    for document in documents:
        assert numbers(document) == expected, document["name"]


def test_every_passage_says_where_it_stands(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "essay.pdf").write_bytes(write_pdf(PARAGRAPHS))
    (tmp_path / "essay.docx").write_bytes(write_docx(PARAGRAPHS))
    (tmp_path / "essay.txt").write_text(TEXT)
    (tmp_path / "essays.jsonl").write_bytes(b"\n" + write_jsonl([TEXT]))
    found = {Path(document["name"]).name: document for document in report(tool, tmp_path, *tiny)["subjects"]}
    places = {name: [span["place"] for span in document["combined"]["spans"]] for name, document in found.items()}
    assert places["essay.pdf"][0].startswith("page 1, line 1 to ")
    assert places["essay.docx"][0].startswith("paragraph 1")
    assert places["essay.txt"][-1].endswith(str(2 * len(PARAGRAPHS) - 1))
    assert set(places["essays.jsonl:2"]) == {"line 2"}


def test_t21_a_bad_line_costs_that_line_and_the_exit_code_says_so(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    lines = write_jsonl([f"{number}. {PARAGRAPHS[0][:40]}" for number in range(100)], "body").splitlines(keepends=True)
    lines[49] = b"{\n"
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    found = report(tool, tmp_path / "a.jsonl", "--text-field", "body", *tiny, code=2)
    assert found["coverage"] == {"found": 100, "scored": 0, "not_assessable": 99, "unreadable": 1}
    (bad,) = (document for document in found["subjects"] if document["verdict"] == "error")
    assert bad["name"].endswith("a.jsonl:50")


def test_a_wrong_text_field_is_one_sentence(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,body\n1,words\n")
    (document,) = report(tool, tmp_path / "a.csv", *tiny, code=2)["subjects"]
    assert document["summary"] == f"{tmp_path}/a.csv has no field 'text', only 'id', 'body': choose one with --text-field."


@pytest.mark.parametrize("name", ["encrypted.pdf", "image-only.pdf", "doctype.docx", "cut-footer.parquet"])
def test_t19_what_cannot_be_read_is_an_error_and_no_verdict(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name]())
    (tmp_path / "witness.txt").write_text(TEXT)
    found = report(tool, tmp_path, *tiny, code=2)
    assert found["coverage"]["unreadable"] == 1
    assert found["coverage"]["scored"] == 1
    bad = next(document for document in found["subjects"] if document["verdict"] == "error")
    assert bad["combined"] is None


def test_what_was_left_out_is_noted(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(DOCUMENTS["md"](PARAGRAPHS))
    (document,) = report(tool, tmp_path / "a.md", *tiny)["subjects"]
    assert document["notes"] == ["Left out: front matter (1), code block (1)."]
    assert "not this" not in document["text"].lower()


def test_a_pdf_whose_fonts_say_nothing_is_an_error(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    codes = b"".join(b"\\%03o" % (number % 31 + 1) for number in range(300))
    (tmp_path / "a.pdf").write_bytes(pdf_with([b"BT /F1 11 Tf 60 780 Td (" + codes + b") Tj ET"]))
    (document,) = report(tool, tmp_path / "a.pdf", *tiny, code=2)["subjects"]
    assert "does not say which characters its letters are" in document["summary"]


def test_a_document_on_standard_input_is_known_by_its_beginning(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "essay").write_bytes(write_docx(PARAGRAPHS))
    with (tmp_path / "essay").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        (document,) = report(tool, "-", *tiny)["subjects"]
    assert (document["name"], document["encoding"]) == ("-", "docx")
    assert document["combined"]["p_value"] is not None


@pytest.mark.usefixtures("embedded")
def test_attribute_reads_the_same_inputs_but_keeps_the_signs_of_markdown(tool: Tool, tiny_llama: Path, tmp_path: Path) -> None:
    short = PARAGRAPHS[0][:100]
    (tmp_path / "a.md").write_text(f"# A title\n\n{short}\n")
    (tmp_path / "b.docx").write_bytes(write_docx([short]))
    (tmp_path / "c.jsonl").write_bytes(write_jsonl([short], "body"))
    candidate = f"{tiny_llama}@template=none"
    args = ("--candidate", candidate, "--unknown-prompt", "--text-field", "body", "--format", "json")
    documents = json.loads(tool("attribute", *sorted(tmp_path.iterdir()), *args).out)["subjects"]
    assert [document["encoding"] for document in documents] == ["utf-8", "docx", "jsonl"]
    assert [document["text"] for document in documents] == [f"# A title\n\n{short}", short, short]
