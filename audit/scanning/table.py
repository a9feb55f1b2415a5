"""The results of a scan as a Parquet file, written in groups of rows. Knows nothing of their meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, BinaryIO, Self

ROWS = 8192
"""Rows in a group, which are held in memory."""


def can_write() -> bool:
    """Whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def columns(rules: Sequence[str], tampering: Sequence[str], kept: Sequence[str], *, named: bool) -> dict[str, str]:
    """Column -> type of its values, in the order of the results; the same in every format.

    Args:
        rules: of single detectors: a column `p_CODE` each.
        tampering: rules of integrity: a column `CODE` each, with the number of odd characters of a finding, else 0.
        kept: fields of the records: a column `field_NAME` each, as JSON.
        named: whether records have an `id` of their own.
    """
    return {
        "position": "whole", "name": "text", **({"id": "text"} if named else {}), "verdict": "text", "q_value": "real",
        "sha256": "text", "text_digest": "text", "encoding": "text", "language": "text", "characters": "whole",
        "tokens": "whole", "reason": "text", "reason_code": "text", "p_value": "real", "p_floor": "real", "n": "whole",
        "doubt": "text", "omitted": "real",
        **{f"p_{rule}": "real" for rule in rules}, **dict.fromkeys(tampering, "whole"),
        **{f"field_{name}": "text" for name in kept}, "notes": "texts",
    }  # fmt: skip


class Table:
    """Writer of a Parquet file with the columns of `columns`. A context manager."""

    def __init__(self, file: BinaryIO, columns: Mapping[str, str], complete: bool) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        kinds = {"text": pa.string(), "real": pa.float64(), "whole": pa.int64(), "texts": pa.list_(pa.string())}
        schema = {name: kinds[kind] for name, kind in columns.items()}
        self._schema = pa.schema(schema, metadata={"complete": str(complete).lower()})
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        """Append a row, as in the JSON lines."""
        self._rows.append(row)
        if len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if self._rows and not failed:
            self._flush()
        self._writer.close()
