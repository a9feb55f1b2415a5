"""Files of many texts: JSON lines, CSV and Parquet, one record at a time, however large the file.

Each record is a text of its own, `essays.jsonl:17`, or a reason why not; a bad one does not affect others. Knows nothing of
the use of the texts.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from llm_audit.common.errors import AuditError
from llm_audit.text import child
from llm_audit.text.decode import Unreadable, looks_binary
from llm_audit.text.lines import LONGEST_LINE, lines_of, parse
from llm_audit.text.places import Place
from llm_audit.text.read import RawText, open_file
from llm_audit.text.sources import Source

_LOOKED_AT = 100
_MISSING = object()
_SEPARATED = re.compile(r"sep=(.)[\r\n]*")  # the first line that a spreadsheet program writes and hides
_HALF = re.compile("[\ud800-\udfff]")
_DELIMITERS = (",", ";", "\t", "|")
_OPEN = "a quote that is not closed; what follows is not read"
_TOO_LONG = f"is longer than {LONGEST_LINE // 1_000_000} MB"


@dataclass(frozen=True, slots=True)
class Unread:
    """A text that could not be read, with the reason as a sentence; `nothing`: it is intact but contains no text."""

    name: str
    reason: str
    nothing: bool = False
    kept: tuple[tuple[str, str], ...] = ()


class _Fault(NamedTuple):
    """The reason why a record has no text, in words that follow its name; `fields`: its fields if the wanted one is missing."""

    reason: str
    fields: tuple[str, ...] | None = None


class _Record(NamedTuple):
    """A record: the number of its line or row, its text or the fault, and the fields to keep, as JSON."""

    number: int
    content: str | _Fault
    kept: tuple[tuple[str, str], ...] = ()


def read_records(source: Source, text_field: str = "text", keep: Sequence[str] = ()) -> Iterator[RawText | Unread]:
    """The texts of one file, in order; `source.kind` says how to read it. Holds one record at a time.

    A nested field is named `meta.text`, unless there is a field of that whole name. `keep`: fields whose values are kept with
    each text.

    `sha256` and `size` are of the text in UTF-8, so that they are the same in every format. If none of the first 100 records
    has the field, the file as a whole is unread. A file that breaks off yields the records before, and then a reason.
    """
    assert source.path is not None
    kind = source.kind
    place = "line" if kind == "jsonl" else "row"
    try:
        with open_file(source.path, source.name) as file:
            for record in _with_field(_records(source, file, text_field, keep), source.name, text_field):
                where = Place(0, f"{place} {record.number}")
                yield _checked(f"{source.name}:{record.number}", where, kind, record.content, record.kept)
    except AuditError as error:
        yield Unread(source.name, str(error))
    except OSError as error:
        yield Unread(source.name, f"{source.name} cannot be read ({error.strerror or error}): check the path.")


def _checked(name: str, place: Place, kind: str, content: str | _Fault, kept: tuple[tuple[str, str], ...]) -> RawText | Unread:
    if isinstance(content, _Fault):
        return Unread(name, f"{name} {content.reason}.", kept=kept)
    if not content.strip():
        return Unread(name, f"{name} is empty: there is no text to judge.", nothing=True, kept=kept)
    if looks_binary(content):
        return Unread(name, f"{name} holds control characters: this is binary data, not text.", kept=kept)
    data = content.encode()
    return RawText(name, hashlib.sha256(data).hexdigest(), kind, content, len(data), (place,), kept=kept)


def _with_field(records: Iterator[_Record], name: str, text_field: str) -> Iterator[_Record]:
    """The records; or one error for the file instead of one per record, if none of the first ones has the field."""
    waiting: list[_Record] = []
    fields: tuple[str, ...] | None = None
    for record in records:
        waiting.append(record)
        if isinstance(record.content, str) or len(waiting) == _LOOKED_AT:
            break
        fields = fields or record.content.fields
    if not waiting:
        raise Unreadable(f"{name} is empty: there is no text to judge.")
    if fields is not None and not isinstance(waiting[-1].content, str):
        listed = ", ".join(repr(field[:40]) for field in fields[:20]) or "records without fields"
        raise Unreadable(f"{name} has no field {text_field!r}, only {listed}: choose one with --text-field.")
    yield from waiting
    yield from records


def _records(source: Source, file: BinaryIO, text_field: str, keep: Sequence[str]) -> Iterator[_Record]:
    assert source.path is not None
    if source.kind == "parquet":
        rows = enumerate(child.rows(source.name, file, text_field, keep), start=1)
        return (_Record(number, _parquet_row(row[0]), tuple(zip(keep, row[1:], strict=True))) for number, row in rows)
    lines = lines_of(file, source.path.suffix, source.name)
    return _json_lines(lines, text_field, keep) if source.kind == "jsonl" else _table(source.name, lines, text_field, keep)


def _parquet_row(answer: str | dict[str, str] | None) -> str | _Fault:
    if isinstance(answer, str):
        return answer
    return _Fault(answer["error"] if answer else "has no text: its value is null")


def _json_lines(lines: Iterator[bytes], text_field: str, keep: Sequence[str]) -> Iterator[_Record]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = parse(line)
        if isinstance(row, str):
            yield _Record(number, _Fault(row), tuple((name, "null") for name in keep))
            continue
        kept = tuple((name, json.dumps(_value(row, name))) for name in keep)
        text = _value(row, text_field, _MISSING)
        if text is _MISSING:
            yield _Record(number, _Fault(f"has no field {text_field!r}", tuple(row)), kept)
        else:
            yield _Record(number, text if isinstance(text, str) else _Fault(f"has no text in the field {text_field!r}"), kept)


def _value(row: Any, field: str, default: object = None) -> Any:
    """The value of a field, also of a nested one."""
    if not isinstance(row, dict):
        return default
    if field in row:
        return row[field]
    for place, letter in enumerate(field):
        if letter == "." and field[:place] in row:
            value = _value(row[field[:place]], field[place + 1 :], _MISSING)
            if value is not _MISSING:
                return value
    return default


def _table(name: str, lines: Iterator[bytes], text_field: str, keep: Sequence[str]) -> Iterator[_Record]:
    """The records of a CSV file with a header, separated by commas, semicolons, tabs or bars.

    Rows are numbered as in a spreadsheet: the header is row 1, and a cell of several lines is in one row. A row of more cells
    than the header is a fault: a text that holds the delimiter, and no quotes, would be cut.
    """
    csv.field_size_limit(LONGEST_LINE)  # for the whole process: nobody else reads CSV
    size = 0  # of the record

    def decoded() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            yield line.decode(errors="surrogateescape")  # half characters then tell what was no UTF-8

    text = decoded()
    heading = next(text, "").removeprefix("\ufeff")
    if separated := _SEPARATED.fullmatch(heading):
        heading = next(text, "")
    delimiter = separated[1] if separated else _delimiter(heading, text_field)
    rows = csv.reader(itertools.chain([heading], text), delimiter=delimiter, strict=True)
    try:
        fields = tuple(field.strip() for field in next(rows, ()))
    except csv.Error as error:
        yield _Record(1, _Fault(f"is no heading of a table ({error})"))
        return
    if any(map(_HALF.search, fields)):
        raise Unreadable(f"{name} is not UTF-8: save it as CSV in UTF-8 and try again.")
    for number in itertools.count(2):
        size = 0
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if size > LONGEST_LINE:
                yield _Record(number, _Fault(f"{_TOO_LONG}, perhaps for {_OPEN}"))
                return
            yield _Record(
                number, _Fault(f"is no row of a table ({f'it has {_OPEN}' if 'end of data' in str(error) else error})")
            )
            continue
        if row:
            cells = dict(zip(fields, row, strict=False))
            kept = tuple((name, json.dumps(cells.get(name))) for name in keep)
            yield _Record(number, _Fault(_TOO_LONG) if size > LONGEST_LINE else _cell(row, fields, text_field), kept)


def _delimiter(heading: str, text_field: str) -> str:
    """The delimiter between the fields of a heading: one that makes the wanted field one of them, else the most frequent."""
    for delimiter in _DELIMITERS:
        with contextlib.suppress(csv.Error):
            if any(text_field == field.strip() for row in csv.reader([heading], delimiter=delimiter) for field in row):
                return delimiter
    return max(_DELIMITERS, key=heading.count)


def _cell(row: list[str], fields: tuple[str, ...], text_field: str) -> str | _Fault:
    if text_field not in fields:
        return _Fault(f"has no field {text_field!r}", fields)
    if len(row) > len(fields) and any(map(str.strip, row[len(fields) :])):
        return _Fault(
            f"has {len(row)} cells, and its heading {len(fields)}: a text with the delimiter in it must stand in quotes"
        )
    position = fields.index(text_field)
    if position >= len(row):
        return _Fault(f"ends before the field {text_field!r}")
    try:
        row[position].encode()
    except UnicodeEncodeError:
        return _Fault("is not UTF-8")
    return row[position]
