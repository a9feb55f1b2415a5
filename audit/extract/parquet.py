"""Parquet files: one column of texts, a few rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from llm_audit.extract.draft import LONGEST_TEXT, Refused

_ROWS, _BUFFER = 64, 1 << 20


def read(stream: BinaryIO, field: str, *keep: str) -> Iterator[list[list[str | dict[str, str] | None]]]:
    """Rows of a table, a batch at a time: the text of column `field`, None where it is null, {"error": ...} where it cannot be
    read; then the values of the columns to keep, as JSON. A nested column is named "outer.inner".
    """
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    table = parquet.ParquetFile(stream, memory_map=False, buffer_size=_BUFFER, pre_buffer=False)
    schema = table.schema_arrow
    path = _path(schema, field)
    if path is None:
        listed = ", ".join(map(repr, schema.names[:20]))
        raise Refused(f"has no column {field!r}, only {listed}: choose one with --text-field")
    others = [_path(schema, name) for name in keep]
    # One batch has one set of columns, each once, those within others by their whole names.
    columns = list(dict.fromkeys(".".join(names) for names in [path, *others] if names))
    for batch in table.iter_batches(batch_size=_ROWS, columns=columns, use_threads=False):
        column = _column(batch, path)
        if not _is_text(column.type):
            raise Refused(f"holds no text in the column {field!r} (type {column.type}): choose another with --text-field")
        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        texts = [_text(scalar.as_buffer()) if scalar.is_valid else None for scalar in column]
        kept = [_column(batch, other).to_pylist() if other else [None] * len(texts) for other in others]
        yield [
            [text, *(json.dumps(value, default=str) for value in values)] for text, *values in zip(texts, *kept, strict=True)
        ]


def _path(schema: pa.Schema, field: str) -> tuple[str, ...] | None:
    """Names of the columns from the outermost one to a field such as "meta.text"; None: there is no such field, or several."""
    if schema.names.count(field) == 1:
        return (field,)
    for place, letter in enumerate(field):
        if letter == "." and schema.names.count(field[:place]) == 1:
            kind = schema.field(field[:place]).type
            if pa.types.is_struct(kind) and (rest := _path(pa.schema(list(kind)), field[place + 1 :])):
                return (field[:place], *rest)
    return None


def _column(batch: pa.RecordBatch, path: tuple[str, ...]) -> pa.Array:
    column = batch.column(batch.schema.names.index(path[0]))
    for name in path[1:]:
        column = pc.struct_field(column, name)
    return column


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))


def _text(value: pa.Buffer) -> str | dict[str, str]:
    if value.size > LONGEST_TEXT:
        return {"error": f"is longer than {LONGEST_TEXT // 1_000_000} MB"}
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return {"error": "is not UTF-8"}
