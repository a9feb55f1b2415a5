"""Parquet files: one column of texts, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from llm_audit.extract.draft import LONGEST_TEXT, Refused

_ROWS, _BUFFER = 64, 1 << 20


def read(stream: BinaryIO, field: str) -> Iterator[list[str | dict[str, str] | None]]:
    """The texts of a column, some rows at a time: None where there is none, {"error": ...} where it cannot be read."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    table = parquet.ParquetFile(stream, memory_map=False, buffer_size=_BUFFER, pre_buffer=False)
    kind = _kind(table.schema_arrow, field)
    for batch in table.iter_batches(batch_size=_ROWS, columns=[field], use_threads=False):
        column = batch.column(0)
        column = column.dictionary_decode() if pa.types.is_dictionary(kind) else column
        yield [_text(scalar.as_buffer()) if scalar.is_valid else None for scalar in column]


def _kind(schema: pa.Schema, field: str) -> pa.DataType:
    if schema.names.count(field) != 1:
        raise Refused(f"has no column {field!r}, only {', '.join(map(repr, schema.names[:20]))}: choose one with --text-field")
    kind = schema.field(field).type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)):
        raise Refused(f"holds no text in the column {field!r} (type {kind}): choose another with --text-field")
    return kind


def _text(value: pa.Buffer) -> str | dict[str, str]:
    if value.size > LONGEST_TEXT:
        return {"error": f"is longer than {LONGEST_TEXT // 1_000_000} MB"}
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return {"error": "is not UTF-8"}
