from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership.collection import collect, naming_left_out, read_collection, split_by_label


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_a_line_is_a_text_with_what_is_known_of_it(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {"text": "One.", "document": 0, "date": 2021, "group": "x16", "id": 5},
        "",
        {"text": "Two.", "document": None},
    )
    one, two = read_collection([path]).items
    assert (one.text, one.name, one.document, one.date, one.group) == ("One.", f"{path}:1", "0", "2021", "x16")
    assert (two.text, two.name, two.document, two.date, two.group) == ("Two.", f"{path}:3", f"{path}:3", "", "")


def test_texts_stay_as_they_are_but_for_line_endings(tmp_path: Path) -> None:
    raw = "  Two  spaces,\ttab\r\n\r\nﬁ ligature\u200b \n\n"
    read = read_collection([write(tmp_path / "a.jsonl", {"body": raw})], text_field="body")
    (tmp_path / "a.txt").write_bytes(raw.encode())
    for collection in (read, read_collection([tmp_path / "a.txt"])):
        assert collection.items[0].text == "  Two  spaces,\ttab\n\nﬁ ligature\u200b \n"


def test_folders_files_and_lines_keep_their_order(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("b.txt", "a.md"):
        (folder / name).write_text(f"Text {name}.\n")
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"text": "Text c."}\n'))
    collection = read_collection([packed, str(folder)])
    assert [item.text for item in collection.items] == ["Text c.", "Text a.md.", "Text b.txt."]
    assert collection.documents == (f"{packed}:1", f"{folder}/a.md", f"{folder}/b.txt")
    assert collection.total == 3


def test_a_malformed_line_is_left_out_and_named(tmp_path: Path) -> None:
    rows: list[Any] = [{"text": f"Text {i}."} for i in range(1000)]
    rows[499] = '{"text": "cut'
    collection = read_collection([write(tmp_path / "a.jsonl", *rows)])
    assert (collection.total, len(collection.items)) == (1000, 999)
    (sentence,) = collection.malformed
    assert sentence.startswith(f"Line 500 of {tmp_path}/a.jsonl is not a JSON object")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"txt": "a"}, "has no text in the field 'text'"),
        ({"text": 3}, "has no text in the field 'text'"),
        ({"text": " \n"}, "has an empty text"),
        ('{"text": "\\ud800"}', "has half a character"),
        ("[]", "is not a JSON object"),
    ],
)
def test_faults_of_a_line(tmp_path: Path, row: Any, reason: str) -> None:
    (sentence,) = read_collection([write(tmp_path / "a.jsonl", {"text": "good"}, row)]).malformed
    assert sentence.startswith(f"Line 2 of {tmp_path}/a.jsonl {reason}")


def test_an_unreadable_text_file_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Good.")
    (tmp_path / "b.txt").write_bytes(b"%PDF-1.7")
    collection = read_collection([tmp_path])
    assert (collection.total, len(collection.items)) == (2, 1)
    assert collection.malformed[0].startswith(f"{tmp_path}/b.txt cannot be read (This is a PDF document")


def test_nothing_to_read_is_one_sentence(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.jsonl", {"body": "a"}, {"body": "b"})
    with pytest.raises(AuditError, match=r"no text that can be read\. The first of 2 faults: Line 1 of .* field 'text'\.$"):
        read_collection([bad])
    with pytest.raises(AuditError, match=r"no text that can be read\.$"):
        read_collection([write(tmp_path / "empty.jsonl")])
    with pytest.raises(AuditError, match=r"No such file: .*missing\.jsonl"):
        read_collection([write(tmp_path / "a.jsonl", {"text": "a"}), tmp_path / "missing.jsonl"])
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a"}\n' * 99)[:30])
    with pytest.raises(AuditError, match="is damaged"):
        read_collection([tmp_path / "cut.jsonl.gz"])


def test_the_digest_is_of_texts_in_order_and_of_what_is_one_document(tmp_path: Path) -> None:
    one = read_collection([write(tmp_path / "a.jsonl", {"text": "a"}, {"text": "bc"})])
    assert one.digest == read_collection([write(tmp_path / "b.jsonl", {"text": "a", "document": "d"}, {"text": "bc"})]).digest
    for rows in (("bc", "a"), ("ab", "c"), ("a", "bc", "d")):
        assert one.digest != read_collection([write(tmp_path / "c.jsonl", *({"text": text} for text in rows))]).digest
    assert collect(one.items).digest == one.digest
    for fields in ({"document": "d"}, {"date": "2020"}, {"group": "4"}):
        rows = [{"text": "a"} | fields, {"text": "bc"} | fields]
        assert one.digest != read_collection([write(tmp_path / "c.jsonl", *rows)]).digest


def test_labels_split_one_file(tmp_path: Path) -> None:
    rows = [{"text": "a", "member": True}, {"text": "b", "member": 0}, {"text": "c"}, {"text": "d", "member": "yes"}, "{"]
    suspects, held_out = split_by_label([write(tmp_path / "a.jsonl", *rows)])
    assert ([item.text for item in suspects.items], [item.text for item in held_out.items]) == (["a"], ["b"])
    assert (suspects.total, held_out.total) == (4, 1)
    assert [sentence.split(" of ")[0] for sentence in suspects.malformed] == ["Line 3", "Line 4", "Line 5"]
    assert "has neither true nor false in the field 'member'" in suspects.malformed[0]


@pytest.mark.parametrize(("label", "said"), [(True, "is true"), (0, "is false")])
def test_labels_of_one_class_are_no_comparison(tmp_path: Path, label: object, said: str) -> None:
    path = write(tmp_path / "a.jsonl", {"text": "a", "seen": label})
    with pytest.raises(AuditError, match=f"every label in the field 'seen' {said}"):
        split_by_label([path], label_field="seen")


def test_a_file_that_is_named_twice_or_is_a_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, table = write(tmp_path / "a.jsonl", {"text": "One."}), tmp_path / "b.CSV"
    table.write_text("text\nOne.\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AuditError, match=r"is named twice; its texts would count twice"):
        read_collection([path, "a.jsonl"])
    with pytest.raises(AuditError, match=r"b\.CSV is a table, and would be read as one text"):
        read_collection([table])


def test_what_was_left_out_stands_beside_the_refusal() -> None:
    with (
        pytest.raises(AuditError, match=r"^Too few\. 2 lines or files were left out; the first: a$"),
        naming_left_out(["a", "b"]),
    ):
        raise AuditError("Too few.")
    with pytest.raises(AuditError, match=r"^Too few\.$"), naming_left_out([]):
        raise AuditError("Too few.")
