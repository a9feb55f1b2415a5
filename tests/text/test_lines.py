from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.common.errors import AuditError
from llm_audit.text.lines import open_lines, parse

LINES = [b'{"text": "One."}\r\n', b"\n", '{"text": "\u2028\x85"}\n'.encode(), b"no newline"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.xz", "A.JSONL.GZ"])
def test_lines_are_the_same_however_they_are_packed(tmp_path: Path, name: str) -> None:
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(Path(name).suffix.lower(), bytes)
    (tmp_path / name).write_bytes(pack(b"".join(LINES)))
    assert list(open_lines(tmp_path / name)) == LINES


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    content = b"".join(b"%d\n" % i for i in range(50_000))
    packed = bytearray({".gz": gzip.compress, ".xz": lzma.compress}[suffix](content))
    path = tmp_path / f"a.jsonl{suffix}"
    cut, flipped, other = packed[: len(packed) // 2], bytearray(packed), b"no archive"
    flipped[len(flipped) // 2] ^= 0xFF
    for damaged in (cut, flipped, other):
        path.write_bytes(damaged)
        with pytest.raises(AuditError, match=r"a\.jsonl.* is damaged .*; fetch it again\.$"):
            list(open_lines(path))


def test_what_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    for path, complaint in ((tmp_path / "missing", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(AuditError, match=f"cannot be read: {complaint}"):
            list(open_lines(path))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff", "is not UTF-8"),
        ('{"text": "é"}'.encode("utf-16"), "is not UTF-8"),
        (b"not json", "is not a JSON object (Expecting value at character 1)"),
        (b'{"text": "cut', "is not a JSON object (Unterminated string starting at at character 10)"),
        (b"", "is not a JSON object (Expecting value at character 1)"),
        (b"[1]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"[" * 100_000, "is not a JSON object that can be read (a number too long, or nested too deeply)"),
        (b'{"n": ' + b"1" * 5000 + b"}", "is not a JSON object that can be read (a number too long, or nested too deeply)"),
        (b'{"other": ["\\uD83D"]}', "has half a character (a lone surrogate)"),
        (b'{"\\udc00": 1}', "has half a character (a lone surrogate)"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: bytes, reason: str) -> None:
    assert parse(line) == reason


def test_whole_characters_and_byte_order_marks_are_fine() -> None:
    assert parse(b'\xef\xbb\xbf{"text": "\\ud83e\\ude9a \\\\ud800"}\r\n') == {"text": "🪚 \\ud800"}


@given(st.binary() | st.text().map(lambda text: json.dumps({"text": text}).encode()))
def test_no_line_raises_and_no_object_holds_half_a_character(line: bytes) -> None:
    found = parse(line)
    if isinstance(found, dict):
        json.dumps(found, ensure_ascii=False).encode()
    else:
        assert found
