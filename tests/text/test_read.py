"""Inputs: what is found, in which order, and one sentence for each that cannot be read."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path

import pytest

from llm_audit.text import PLAIN, Source, Unreadable, discover, read
from llm_audit.text.read import MAX_BYTES, from_bytes


def names(*paths: object) -> list[str]:
    return [source.name for source in discover([str(path) for path in paths])]


def problem(path: object) -> str:
    (source,) = discover([str(path)])
    with pytest.raises(Unreadable) as caught:
        read(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def essays(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.md", "sub/c.TXT", "sub/d.markdown", "sub/e.text", ".hidden.txt", ".git/f.txt", "g.py", "README"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"This is {name}.")
    return tmp_path


def test_a_folder_stands_for_its_texts(essays: Path) -> None:
    found = [str(Path(name).relative_to(essays)) for name in names(essays)]
    assert found == ["README", "a.md", "b.txt", "sub/c.TXT", "sub/d.markdown", "sub/e.text"]


def test_files_keep_their_order_and_come_once(essays: Path) -> None:
    b, a = essays / "b.txt", essays / "a.md"
    assert names(b, a, b, f"{essays}/sub/../b.txt", essays)[:2] == [str(b), str(a)]
    assert len(names(b, a, b, essays)) == 6


def test_a_folder_stands_for_every_format(tmp_path: Path) -> None:
    kept = ["a.HTM", "b.csv.gz", "c.docx", "d.html", "e.jsonl.zst", "f.jsonl", "g.parquet", "h.pdf", "i.tsv", "j.txt"]
    kept += ["k.adoc", "k.doc", "k.eml", "k.epub", "k.ipynb", "k.mdx", "k.odt", "k.org", "k.pptx", "k.rst", "k.rtf", "k.srt"]
    kept += ["k.tex", "k.vtt", "k.zip"]
    for name in [*kept, "x.txt.gz", "x.gz", "x.parquet.gz", "x.json", "x.xls", "x"]:
        (tmp_path / name).touch()
    assert names(tmp_path) == [f"{tmp_path}/{name}" for name in kept]
    assert [source.name for source in discover([str(tmp_path)], PLAIN)] == [f"{tmp_path}/j.txt", f"{tmp_path}/k.mdx"]


def test_a_pattern_stands_for_what_fits_it(essays: Path) -> None:
    (essays / "sub" / "deeper").mkdir()
    (essays / "sub" / "deeper" / "h.md").touch()

    def fitting(pattern: str) -> list[str]:
        return [str(Path(name).relative_to(essays)) for name in names(essays / pattern)]

    assert fitting("*.md") == ["a.md"]
    assert fitting("**/*.m*") == ["a.md", "sub/d.markdown", "sub/deeper/h.md"]
    assert fitting("s?b") == ["sub/c.TXT", "sub/d.markdown", "sub/e.text", "sub/deeper/h.md"]
    assert fitting("[ab].*") == ["a.md", "b.txt"]
    assert fitting("*") == ["README", "a.md", "b.txt", "g.py", "sub/c.TXT", "sub/d.markdown", "sub/e.text", "sub/deeper/h.md"]


def test_a_pattern_that_fits_nothing_is_no_missing_file(essays: Path) -> None:
    for pattern in ("*.xyz", "no/such/**/*.md", "[ab].docx", "a**b"):
        assert problem(essays / pattern) == f"Nothing fits the pattern {essays / pattern}: check it."
    assert problem(essays / "x.txt") == f"No such file: {essays / 'x.txt'}. Check the path."


def test_a_file_called_like_a_pattern_is_that_file(essays: Path) -> None:
    (essays / "[ab].md").touch()
    assert names(essays / "[ab].md") == [str(essays / "[ab].md")]


def test_t23_links_in_circles_end_under_a_pattern_too(essays: Path) -> None:
    for name in ("one", "two", "three"):
        (essays / "sub" / name).symlink_to(essays)
    assert len(names(essays / "**" / "*.txt")) == 1


def test_a_named_file_is_read_whatever_its_suffix(essays: Path) -> None:
    assert names(essays / "g.py", essays / ".hidden.txt") == [str(essays / "g.py"), str(essays / ".hidden.txt")]


def test_link_loops_end(essays: Path) -> None:
    (essays / "sub" / "loop").symlink_to(essays)
    (essays / "self.txt").symlink_to(essays / "self.txt")
    sources = discover([str(essays)])
    assert len(sources) == 7
    with pytest.raises(Unreadable):
        read(next(source for source in sources if source.name.endswith("self.txt")))


def test_read(tmp_path: Path) -> None:
    data = "Ein schöner Tag.\r\n".encode()
    (tmp_path / "x.txt").write_bytes(data)
    raw = read(Source("x", tmp_path / "x.txt"))
    assert (raw.name, raw.text, raw.encoding, raw.size) == ("x", data.decode(), "utf-8", len(data))
    assert raw.sha256 == hashlib.sha256(data).hexdigest()


def test_standard_input_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Some words.")))
    (source,) = discover(["-", "-"])
    assert source == Source("-", None)
    assert read(source).text == "Some words."


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "Standard input" in problem("-")


def test_a_missing_path_loses_no_other(essays: Path) -> None:
    assert names(essays / "nowhere.txt", essays / "a.md") == [str(essays / "nowhere.txt"), str(essays / "a.md")]
    assert problem(essays / "nowhere.txt") == f"No such file: {essays}/nowhere.txt. Check the path."
    assert problem(essays / "a.md" / "x").startswith("No such file")
    assert problem("").startswith("No such file")
    assert problem("a\0b").startswith("No such file")
    assert "is no name of a file, with 5,000 characters" in problem("x" * 5000)


def test_a_folder_without_texts(tmp_path: Path) -> None:
    assert problem(tmp_path) == f"Folder {tmp_path} holds no text in a format that can be read."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(essays: Path) -> None:
    (essays / "a.md").chmod(0)
    (essays / "sub").chmod(0)
    try:
        assert "permission" in problem(essays / "a.md")
        assert "permission" in problem(essays / "sub")
        assert str(essays / "sub") in names(essays)
    finally:
        (essays / "sub").chmod(0o700)


def test_pipes_and_devices_never_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "pipe or a device" in problem(tmp_path / "pipe.txt")
    assert "pipe or a device" in problem("/dev/zero")


def test_too_large_and_empty(tmp_path: Path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse: takes no space
    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text(" \n\t\n")
    assert "20 MB: split it" in problem(tmp_path / "large.txt")
    assert "is empty" in problem(tmp_path / "empty.txt")
    assert "is empty" in problem(tmp_path / "blank.txt")


def test_odd_names_are_readable_and_printable(tmp_path: Path) -> None:
    for name in (b"new\nline.txt", b"\x1b[31mred.txt", b"latin-\xe9.txt", "grüße.txt".encode()):
        (tmp_path / os.fsdecode(name)).write_text("words")
    sources = discover([str(tmp_path)])
    found = {source.name.rpartition("/")[2] for source in sources}
    assert found == {r"new\nline.txt", r"\x1b[31mred.txt", r"latin-\xe9.txt", "grüße.txt"}
    assert all(read(source).text == "words" for source in sources)
    assert r"latin-\xff" in problem(tmp_path / os.fsdecode(b"latin-\xff"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'[{"text": "Words."}]', "is JSON, not a text"),
        (b'{"text": "Words."}\n{"text": "More."}\n', "is JSON, not a text"),
        (b"<?xml version='1.0'?><article><para>Words.</para></article>", "is XML of a kind that is not read"),
        (b"%!PS-Adobe-3.0\nWords.", "is a PostScript file"),
    ],
)
def test_data_for_programs_is_no_text(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        from_bytes("essay.txt", data, "text")


@pytest.mark.parametrize(
    "text", ["[Enter Hamlet.] To be, or not to be.", "{Words} in braces.", '"A quotation."', "<b>Bold</b> words."]
)
def test_texts_that_begin_like_data_are_texts(text: str) -> None:
    assert from_bytes("essay.txt", text.encode(), "text").text == text


def test_presentations_of_open_document_and_flat_texts_are_known_by_what_they_hold() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.presentation")
    with pytest.raises(Unreadable, match=r"is an OpenDocument presentation: save it as \.pptx or PDF"):
        from_bytes("a.odp", file.getvalue(), "text")
    namespace = "urn:oasis:names:tc:opendocument:xmlns"
    flat = (
        f'<?xml version="1.0"?><office:document xmlns:office="{namespace}:office:1.0" xmlns:text="{namespace}:text:1.0" '
        'office:mimetype="application/vnd.oasis.opendocument.text"><office:body><office:text><text:p>Flat words.</text:p>'
        "</office:text></office:body></office:document>"
    )
    assert from_bytes("a.xml", flat.encode(), "text").text == "Flat words."


def test_a_mailbox_of_several_messages_is_named_so() -> None:
    message = "From a@x Mon Mar  3 10:00:00 2025\nFrom: a@x.org\nSubject: s\nMessage-ID: <1>\n\nWords.\n\n"
    with pytest.raises(Unreadable, match="holds several e-mails"):
        from_bytes("all.mbox", (message * 2).encode(), "text")
    assert from_bytes("one.mbox", message.encode(), "text").text == "Words."
