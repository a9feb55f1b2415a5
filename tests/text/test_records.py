"""Files of many texts: each record a text of its own, each fault one record's, however large the file."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fixtures.documents import RECORDS, write_csv, write_jsonl, write_parquet
from llm_audit.text import Map, RawText, Source, Unread, discover, read_records
from llm_audit.text.lines import LONGEST_LINE

TEXTS = ["The first text.", "Second, with a comma\nand a second line.", 'A third: "quoted" — and é, ü, 漢.', "=1+1"]


def records(path: Path, text_field: str = "text") -> list[RawText | Unread]:
    (source,) = discover([str(path)])
    return list(read_records(source, text_field))


def written(tmp_path: Path, name: str, data: bytes, text_field: str = "text") -> list[RawText | Unread]:
    (tmp_path / name).write_bytes(data)
    return records(tmp_path / name, text_field)


def texts(found: list[RawText | Unread]) -> list[str]:
    return [entry.text for entry in found if isinstance(entry, RawText)]


def faults(found: list[RawText | Unread]) -> dict[str, str]:
    """Short name -> what is wrong with it, without its name in front."""
    unread = [entry for entry in found if isinstance(entry, Unread)]
    assert all(entry.reason.endswith(".") and "\n" not in entry.reason for entry in unread)
    return {Path(entry.name).name: entry.reason.removeprefix(entry.name).strip() for entry in unread}


@pytest.mark.parametrize("kind", RECORDS)
def test_the_same_records_come_back_from_every_format(tmp_path: Path, kind: str) -> None:
    found = written(tmp_path, f"a.{kind}", RECORDS[kind](TEXTS))
    assert texts(found) == TEXTS
    numbers = {"jsonl": [1, 2, 3, 4], "csv": [2, 3, 4, 5], "parquet": [1, 2, 3, 4]}[kind]
    assert [entry.name for entry in found] == [f"{tmp_path}/a.{kind}:{number}" for number in numbers]
    first = found[0]
    assert isinstance(first, RawText)
    assert first.sha256 == hashlib.sha256(TEXTS[0].encode()).hexdigest()
    assert (first.encoding, first.size) == (kind, len(TEXTS[0]))
    assert Map(first.text, first.places).of(4, 9) == f"{'line' if kind == 'jsonl' else 'row'} {numbers[0]}"


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_packed_files_are_unpacked(tmp_path: Path, kind: str, suffix: str) -> None:
    pack = {".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstd.compress}[suffix]
    assert texts(written(tmp_path, f"A.{kind.upper()}{suffix}", pack(RECORDS[kind](TEXTS)))) == TEXTS


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_what_came_before_the_damage_is_read(tmp_path: Path, suffix: str) -> None:
    pack = {".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstd.compress}[suffix]
    packed = pack(write_jsonl([hashlib.sha256(b"%d" % number).hexdigest() for number in range(20_000)]))
    found = written(tmp_path, f"a.jsonl{suffix}", packed[: len(packed) * 9 // 10])
    assert len(texts(found)) > 10_000
    assert list(faults(found)) == [f"a.jsonl{suffix}"]
    assert "is damaged" in faults(found)[f"a.jsonl{suffix}"]


# One field among others


@pytest.mark.parametrize("kind", RECORDS)
def test_the_field_can_be_chosen_and_a_wrong_one_names_those_there_are(tmp_path: Path, kind: str) -> None:
    writer: Callable[..., bytes] = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}[kind]
    data = writer(TEXTS, "body")
    assert texts(written(tmp_path, f"a.{kind}", data, "body")) == TEXTS
    (fault,) = faults(records(tmp_path / f"a.{kind}")).values()
    assert fault in (
        "has no field 'text', only 'id', 'body': choose one with --text-field.",
        "has no column 'text', only 'id', 'body': choose one with --text-field.",
    )


def test_a_wrong_field_of_a_long_file_is_one_error_without_reading_it_all(tmp_path: Path) -> None:
    found = written(tmp_path, "a.jsonl", write_jsonl(["text"] * 99, "body") + b"\xff\n" * 5000)
    assert list(faults(found)) == ["a.jsonl"]


def test_a_field_that_only_some_records_lack_costs_those(tmp_path: Path) -> None:
    found = written(tmp_path, "a.jsonl", b'{"b": 1}\n{"text": null}\n{"text": "Yes."}\n{"text": ["no"]}\n{}\n')
    assert texts(found) == ["Yes."]
    assert [entry.name[-1] for entry in found] == ["1", "2", "3", "4", "5"]
    assert faults(found) == {
        "a.jsonl:1": "has no field 'text'.",
        "a.jsonl:2": "has no text in the field 'text'.",
        "a.jsonl:4": "has no text in the field 'text'.",
        "a.jsonl:5": "has no field 'text'.",
    }


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_an_empty_file_is_one_sentence(tmp_path: Path, kind: str) -> None:
    for data in (b"", b"\n\n"):
        assert faults(written(tmp_path, f"a.{kind}", data)) == {f"a.{kind}": "is empty: there is no text to judge."}


# T21: JSON lines


def test_t21_a_bad_line_500_of_1000_costs_that_line_only(tmp_path: Path) -> None:
    lines = write_jsonl([f"Text number {number}." for number in range(1000)]).splitlines(keepends=True)
    lines[499] = b'{"text": "cut\n'
    found = written(tmp_path, "a.jsonl", b"".join(lines))
    assert len(texts(found)) == 999
    assert list(faults(found)) == ["a.jsonl:500"]


def test_t21_faults_of_json_lines_are_told_apart(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"text": "After a byte order mark."}',
        b'{"text": "a\\u0000b"}',
        b'{"text": "half \\ud83d"}',
        b'{"text": "\xff"}',
        b'{"text": "' + b"a" * LONGEST_LINE + b'"}',
        b"",
        b'{"text": "one", "text": "two"}',
        b'{"text": " \\n"}',
        b"[]",
        b'{"text": "last"}',
    ]
    found = written(tmp_path, "a.jsonl", b"\n".join(lines))
    assert texts(found) == ["After a byte order mark.", "two", "last"]
    assert faults(found) == {
        "a.jsonl:2": "holds control characters: this is binary data, not text.",
        "a.jsonl:3": "has half a character (a lone surrogate).",
        "a.jsonl:4": "is not UTF-8.",
        "a.jsonl:5": "is longer than 20 MB.",
        "a.jsonl:8": "is empty: there is no text to judge.",
        "a.jsonl:9": "is not a JSON object.",
    }


# CSV


def test_csv_may_be_divided_by_other_signs(tmp_path: Path) -> None:
    for name, sign in (("a.csv", ";"), ("a.tsv", "\t"), ("b.csv", ",")):
        data = f'\ufeffid{sign}text\r\n1{sign}"One{sign} two."\r\n\r\n2{sign}Three.\r\n'.encode()
        found = written(tmp_path, name, data)
        assert texts(found) == [f"One{sign} two.", "Three."]
        assert [entry.name.rpartition(":")[2] for entry in found] == ["2", "4"]


def test_rows_have_the_numbers_of_a_spreadsheet_whatever_lines_are_in_their_cells(tmp_path: Path) -> None:
    found = written(tmp_path, "a.csv", b'id,text\n1,"One\n\nof three."\n2,\n3,"Two\nlines."\n')
    assert [Path(entry.name).name for entry in found] == ["a.csv:2", "a.csv:3", "a.csv:4"]
    assert [Map(entry.text, entry.places).of(5, 7) for entry in found if isinstance(entry, RawText)] == ["row 2", "row 4"]


def test_csv_faults_cost_their_record(tmp_path: Path) -> None:
    rows = [
        b"id,text",
        b"1,good",
        b"2",
        b"3,caf\xe9",
        b"4,a\0b",
        b'5,"a ""quoted"" one"',
        b'6,odd "quote',
        b"7,",
        b"8,too,many",
    ]
    found = written(tmp_path, "a.csv", b"\n".join(rows))
    assert texts(found) == ["good", 'a "quoted" one', 'odd "quote']
    assert faults(found) == {
        "a.csv:3": "ends before the field 'text'.",
        "a.csv:4": "is not UTF-8.",
        "a.csv:5": "holds control characters: this is binary data, not text.",
        "a.csv:8": "is empty: there is no text to judge.",
        "a.csv:9": "has 3 cells, and its heading 2: a text with the delimiter in it must stand in quotes.",
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"sep=;\r\nid;text\r\n1;one\r\n", "one"),
        (b"id|text\n1|one\n", "one"),
        (b"id, text\n1, one\n", " one"),
        (b'"id,a,b";text\n1;"one, two"\n', "one, two"),
        (b"\xef\xbb\xbfid\ttext\n1\tone, two\n", "one, two"),
        (b'"id","a\nb",text\n1,2,one\n', "one"),
        (b"id,text,\n1,one,,\n", "one"),
    ],
)
def test_tables_as_programs_write_them(data: bytes, text: str, tmp_path: Path) -> None:
    assert texts(written(tmp_path, "a.csv", data)) == [text]


def test_a_heading_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    assert faults(written(tmp_path, "a.csv", b"\x80,b\n1,2\n")) == {
        "a.csv": "is not UTF-8: save it as CSV in UTF-8 and try again."
    }
    assert "is not UTF-8" in faults(written(tmp_path, "a.csv", "id,text\n1,one\n".encode("utf-16")))["a.csv"]
    assert "is no heading of a table" in faults(written(tmp_path, "a.csv", b"text\rone\rtwo"))["a.csv:1"]


def test_a_quote_that_is_not_closed_ends_with_the_file_or_with_the_limit(tmp_path: Path) -> None:
    found = written(tmp_path, "a.csv", b'text\ngood\n"open\nto the end\n')
    assert (texts(found), list(faults(found))) == (["good"], ["a.csv:3"])
    assert "a quote that is not closed; what follows is not read" in faults(found)["a.csv:3"]
    found = written(tmp_path, "b.csv", b'text\ngood\n"' + (b"open" * 1000 + b"\n") * (LONGEST_LINE // 4000))
    assert texts(found) == ["good"]
    assert "a quote that is not closed" in faults(found)["b.csv:3"]


# T22: Parquet


def test_t22_parquet_nulls_cost_their_row(tmp_path: Path) -> None:
    found = written(tmp_path, "a.parquet", write_parquet(["one", None, "three", "", "five"], rows=2))
    assert texts(found) == ["one", "three", "five"]
    assert faults(found) == {
        "a.parquet:2": "has no text: its value is null.",
        "a.parquet:4": "is empty: there is no text to judge.",
    }


def test_t22_parquet_columns_of_text_of_every_kind(tmp_path: Path) -> None:
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        parquet.write_table(pa.table({"text": pa.array(["one", "two", "one"]).cast(kind)}), tmp_path / "a.parquet")
        assert texts(records(tmp_path / "a.parquet")) == ["one", "two", "one"]


def test_t22_a_column_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(write_parquet(TEXTS))
    assert faults(records(tmp_path / "a.parquet", "id")) == {
        "a.parquet": "holds no text in the column 'id' (type int64): choose another with --text-field."
    }


def test_t22_bytes_that_are_no_text_cost_their_row(tmp_path: Path) -> None:
    column = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary()).view(pa.string())
    parquet.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    found = records(tmp_path / "a.parquet")
    assert texts(found) == ["good", "fine"]
    assert faults(found) == {"a.parquet:2": "is not UTF-8."}


def test_t22_a_page_damaged_in_the_middle_gives_what_came_before(tmp_path: Path) -> None:
    data = bytearray(write_parquet([f"Text number {number * number}." for number in range(3000)], rows=1000))
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    found = written(tmp_path, "a.parquet", bytes(data))
    assert 900 < len(texts(found)) < 3000
    assert found[-1].name.endswith("a.parquet")
    assert isinstance(found[-1], Unread)


def test_parquet_without_its_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(name='pyarrow')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (fault,) = faults(written(tmp_path, "a.parquet", write_parquet(TEXTS))).values()
    assert fault == "needs the package pyarrow: run `pip install 'llm-audit[formats]'`."


# Bounded, lazy and never anything but a text or a reason


@pytest.mark.parametrize("kind", RECORDS)
def test_records_are_read_when_they_are_asked_for(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"a.{kind}").write_bytes(RECORDS[kind](TEXTS * 1000))
    (source,) = discover([str(tmp_path / f"a.{kind}")])
    found = read_records(source)
    assert next(found).name.endswith((":1", ":2"))
    found.close()  # type: ignore[attr-defined]  # a generator: closing it ends the child


MEMORY = """
import sys
from llm_audit.text import discover, read_records
peak = lambda: next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
(source,) = discover(sys.argv[1:])
print(sum(len(entry.text) for entry in read_records(source)), peak() - before)
"""


def grown(path: Path) -> tuple[int, int]:
    """Characters read by a process of its own, and the kB that its memory grew by."""
    done = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True)
    characters, kilobytes = map(int, done.stdout.split())
    return characters, kilobytes


def large_jsonl(path: Path, megabytes: int) -> Path:
    line = write_jsonl(["A sentence of some length, " * 38])
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(line * (1_000_000 // len(line)))
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of its memory")
def test_t5_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    characters, kilobytes = grown(large_jsonl(tmp_path / "a.jsonl", 100))
    assert characters > 90_000_000
    assert kilobytes < 20_000


@pytest.mark.slow
def test_t5_one_gigabyte_of_json_lines(tmp_path: Path) -> None:
    characters, kilobytes = grown(large_jsonl(tmp_path / "a.jsonl", 1000))
    print(f"{characters:,} characters, memory grew by {kilobytes / 1000:.1f} MB")
    assert characters > 900_000_000
    assert kilobytes < 20_000


def test_t23_a_file_that_goes_away_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(write_jsonl(TEXTS))
    sources = discover([str(tmp_path)])
    (tmp_path / "a.jsonl").unlink()
    assert faults(list(read_records(sources[0])))["a.jsonl"] == f"No such file: {tmp_path}/a.jsonl. Check the path."


LINES = st.lists(
    st.binary(max_size=30)
    | st.text(max_size=20).map(lambda text: json.dumps({"text": text}).encode())
    | st.sampled_from([b'{"text": "\\ud800"}', b"\xef\xbb\xbf", b'"', b"a,b", b'x,"y', b"text,id", b"\0", b"text;a\t"]),
    max_size=8,
)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@given(lines=LINES, end=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_lines_give_texts_or_reasons(
    tmp_path_factory: pytest.TempPathFactory, kind: str, lines: list[bytes], end: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes(end.join(lines))
    for entry in read_records(Source("any", path)):
        shown = entry.text if isinstance(entry, RawText) else entry.reason
        assert shown.encode().strip()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=40).filter(str.strip)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@given(given_texts=st.lists(TEXT, min_size=1, max_size=6))
def test_any_texts_come_back(tmp_path_factory: pytest.TempPathFactory, kind: str, given_texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / f"back.{kind}"
    path.write_bytes(RECORDS[kind](given_texts))
    assert texts(list(read_records(Source("back", path)))) == given_texts
