"""The results as a Parquet file, written in groups of rows. Knows nothing of what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, BinaryIO, Self

ROWS = 8192
"""In a group: what is held in memory."""


def can_write() -> bool:
    """Whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


class Table:
    """A Parquet file that is being written; the p-value of each detector is a column of its own. A context manager."""

    def __init__(self, file: BinaryIO, rules: Sequence[str], complete: bool) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        text, real, whole = pa.string(), pa.float64(), pa.int64()
        kinds = {
            "position": whole, "name": text, "verdict": text, "q_value": real, "p_value": real, "p_floor": real, "n": whole,
            "tokens": whole, "characters": whole, "language": text, "encoding": text, "sha256": text, "text_digest": text,
            "reason": text, "notes": pa.list_(text), **{f"p_{rule}": real for rule in rules},
        }  # fmt: skip
        self._schema = pa.schema(kinds, metadata={"complete": str(complete).lower()})
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        """One more row, as in the JSON lines."""
        self._rows.append(row | {f"p_{rule}": p for rule, p in row["detectors"].items()})
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
