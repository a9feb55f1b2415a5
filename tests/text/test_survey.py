"""Every entry of a named folder is read, or counted with a reason."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from fixtures.documents import write_docx, write_html, write_pdf
from llm_audit.reports.wording.not_read import not_read
from llm_audit.text import Passed, RawText, Reason, Unread, counts, discover, read_all, survey
from llm_audit.text.sources import PLAIN
from tests.text.prose import PARAGRAPHS

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
PROSE = "\n\n".join(PARAGRAPHS)


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return packed.getvalue()


def put(folder: Path, files: dict[str, bytes | str]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())


def test_every_entry_of_a_folder_ends_somewhere(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "a.txt": PROSE,
            "essay": PROSE,
            "essay.final": PROSE,
            "report.bin": write_pdf(PARAGRAPHS),
            "word.bak": write_docx(PARAGRAPHS),
            "page.1": write_html(PARAGRAPHS),
            "picture.png": b"\x89PNG\r\n\x1a\n",
            "book.pages": archive({"Index/Document.iwa": b"x"}),
            "table.xlsx": archive({"[Content_Types].xml": b"", "xl/workbook.xml": b""}),
            "main.py": "import os\n",
            "data.json": "{}",
            "Makefile": "all:\n\tcc\n",
            "~$a.docx": b"\x05Teach",
            ".~lock.a.odt#": ",me",
            ".hidden.txt": PROSE,
            ".git/HEAD": "ref",
            "LICENSE": PROSE,
            "numbers": "1 2 3 4 5\n" * 40,
            "deep/er/b.md": PROSE,
        },
    )
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    os.mkfifo(tmp_path / "pipe")
    found = survey([str(tmp_path)])
    read = [str(Path(source.name).relative_to(tmp_path)) for source in found.sources]
    assert read == ["a.txt", "essay", "essay.final", "page.1", "report.bin", "word.bak", "deep/er/b.md"]
    passed = {str(Path(each.name).relative_to(tmp_path)): each.reason for each in found.passed}
    assert passed == {
        ".~lock.a.odt#": Reason.LOCK,
        "~$a.docx": Reason.LOCK,
        ".hidden.txt": Reason.HIDDEN,
        ".git": Reason.HIDDEN,
        "picture.png": Reason.FORMAT,
        "book.pages": Reason.FORMAT,
        "table.xlsx": Reason.FORMAT,
        "main.py": Reason.CODE,
        "data.json": Reason.CODE,
        "Makefile": Reason.CODE,
        "LICENSE": Reason.LICENCE,
        "numbers": Reason.NO_PROSE,
        "link": Reason.LINK,
        "pipe": Reason.NO_FILE,
    }
    assert all(isinstance(text, RawText) for text in read_all(found.sources))


def test_pages_that_llm_audit_made_are_no_texts_of_a_folder(tmp_path: Path) -> None:
    page = (GOLDEN / "finding.html").read_bytes()
    put(tmp_path, {"a.txt": PROSE, "report.html": page, "page.html": write_html(PARAGRAPHS)})
    found = survey([str(tmp_path)])
    assert [Path(source.name).name for source in found.sources] == ["a.txt", "page.html"]
    assert found.passed == (Passed(str(tmp_path / "report.html"), Reason.REPORT),)
    gated = survey([str(tmp_path)], leave_out_ignored=True)  # else whoever writes that line into a page passes the gate
    assert [Path(source.name).name for source in gated.sources] == ["a.txt", "page.html", "report.html"]
    named = survey([str(tmp_path / "report.html")])
    assert [Path(source.name).name for source in named.sources] == ["report.html"]


def test_what_is_not_read_is_counted_in_a_sentence() -> None:
    passed = [Passed(f"{i}.odg", Reason.FORMAT) for i in range(2)] + [Passed("a.py", Reason.CODE), Passed(".x", Reason.HIDDEN)]
    assert not_read(counts(passed)) == "4 entries not read: 2 .odg, 1 .py (program code or data), 1 hidden."
    assert not_read(counts(passed[:1])) == "1 entry not read: 1 .odg."
    assert not_read(counts([])) == ""


def test_a_file_that_is_named_is_read_whatever_its_folder_passes_over(tmp_path: Path) -> None:
    put(tmp_path, {"a.py": "x = 1", ".b.txt": PROSE})
    found = survey([str(tmp_path), str(tmp_path / ".b.txt")])
    assert [Path(source.name).name for source in found.sources] == [
        tmp_path.name,
        ".b.txt",
    ]  # the folder: to say that it is empty
    assert [Path(each.name).name for each in found.passed] == ["a.py"]


def test_kinds_that_were_not_asked_for_are_counted(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": PROSE, "b.pdf": write_pdf(PARAGRAPHS), "c": write_pdf(PARAGRAPHS)})
    found = survey([str(tmp_path)], PLAIN)
    assert [Path(source.name).name for source in found.sources] == ["a.txt"]
    assert {each.reason for each in found.passed} == {Reason.OTHER_KIND}


def test_what_git_ignores_and_others_wrote_is_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    put(
        tmp_path,
        {
            ".gitignore": "build/\n*.log.md\n",
            "docs/.gitignore": "!kept.log.md\n/draft.md\n",
            "docs/a.md": PROSE,
            "docs/kept.log.md": PROSE,
            "docs/draft.md": PROSE,
            "docs/build/b.md": PROSE,
            "docs/x.log.md": PROSE,
            "docs/node_modules/p/README.md": PROSE,
            "docs/deep/draft.md": PROSE,
        },
    )
    folder = tmp_path / "docs"
    found = survey([str(folder)], leave_out_ignored=True)
    assert [str(Path(source.name).relative_to(folder)) for source in found.sources] == ["a.md", "kept.log.md", "deep/draft.md"]
    passed = {Path(each.name).name: each.reason for each in found.passed}
    assert passed == {
        "build": Reason.IGNORED,
        "x.log.md": Reason.IGNORED,
        "draft.md": Reason.IGNORED,
        "node_modules": Reason.VENDORED,
        ".gitignore": Reason.HIDDEN,
    }
    assert len(survey([str(folder)]).sources) == 7


def texts_of(path: Path) -> tuple[list[RawText | Unread], list[Passed]]:
    passed: list[Passed] = []
    return list(read_all(discover([str(path)]), passed=passed)), passed


def test_a_zip_archive_is_a_folder(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "class.zip": archive(
                {
                    "b/anna.docx": write_docx(PARAGRAPHS),
                    "a.txt": PROSE.encode(),
                    "noname": write_pdf(PARAGRAPHS),
                    "x.png": b"\x89PNG",
                    "inner.zip": archive({"c.txt": PROSE.encode()}),
                    "__MACOSX/._a.txt": b"x",
                    "~$anna.docx": b"x",
                    "empty.txt": b"",
                    "rows.csv": b"text\nx\n",
                    "hidden.txt": archive({"c.txt": b"x"}),
                }
            )
        },
    )
    found, passed = texts_of(tmp_path / "class.zip")
    name = str(tmp_path / "class.zip")
    assert [each.name.removeprefix(name + "/") for each in found] == ["a.txt", "b/anna.docx", "empty.txt", "noname"]
    assert [type(each) for each in found] == [RawText, RawText, Unread, RawText]
    assert isinstance(found[1], RawText) and found[1].text.split() == PROSE.split()
    assert {each.name.removeprefix(name + "/"): each.reason for each in passed} == {
        "__MACOSX/._a.txt": Reason.HIDDEN,
        "inner.zip": Reason.ARCHIVE,
        "hidden.txt": Reason.ARCHIVE,
        "rows.csv": Reason.OTHER_KIND,
        "x.png": Reason.FORMAT,
        "~$anna.docx": Reason.LOCK,
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (archive({"a.txt": b"a" * 10_000_000}), "like a zip bomb"),
        (archive({f"{i}.txt": b"" for i in range(5001)}, zipfile.ZIP_STORED), "unpack it and name the folder"),
        (archive({"a.png": b"x"}), "holds no document in a format that can be read"),
        (archive({"a.txt": PROSE.encode()})[:-30], "is damaged"),
        (
            archive({"a.txt": PROSE.encode()}).replace(
                b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x08", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63"
            ),
            "cannot be read",
        ),
    ],
    ids=["bomb", "many", "pictures", "damaged", "odd compression"],
)
def test_archives_made_to_exhaust_or_to_deceive_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    put(tmp_path, {"a.zip": data})
    (found,), _ = texts_of(tmp_path / "a.zip")
    assert isinstance(found, Unread)
    assert said in found.reason


def test_a_protected_file_of_an_archive_is_counted(tmp_path: Path) -> None:
    data = bytearray(archive({"a.txt": PROSE.encode(), "b.txt": PROSE.encode()}))
    second = data.rindex(b"PK\x01\x02")
    data[second + 8] |= 1
    put(tmp_path, {"a.zip": bytes(data)})
    found, passed = texts_of(tmp_path / "a.zip")
    assert [each.name for each in found] == [f"{tmp_path}/a.zip/a.txt"]
    assert passed == [Passed(f"{tmp_path}/a.zip/b.txt", Reason.TOO_LARGE)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (archive({"Index/Document.iwa": b"x"}), "is a Pages, Numbers or Keynote document"),
        (archive({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "is a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "with a password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le"), "is an old Excel file"),
    ],
    ids=["Pages", "Excel", "encrypted", "old Excel"],  # the bytes of an archive hold the time
)
def test_a_document_of_another_kind_is_called_what_it_is(tmp_path: Path, data: bytes, said: str) -> None:
    put(tmp_path, {"essay.docx": data})
    (found,), _ = texts_of(tmp_path / "essay.docx")
    assert isinstance(found, Unread)
    assert said in found.reason


@pytest.mark.parametrize("name", ["a.docx", "a.doc", "a.rtf", "a.odt", "a.txt"])
def test_plain_text_and_web_pages_are_read_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    put(tmp_path, {name: PROSE})
    (found,), _ = texts_of(tmp_path / name)
    assert isinstance(found, RawText) and found.text.split() == PROSE.split()
    put(tmp_path, {name: write_html(PARAGRAPHS)})
    (found,), _ = texts_of(tmp_path / name)
    assert isinstance(found, RawText) and found.encoding == "html, utf-8"
