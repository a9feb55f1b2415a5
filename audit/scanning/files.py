"""I/O errors in the folder of a scan, turned into one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from llm_audit.common import files
from llm_audit.common.errors import NotAvailable


@contextmanager
def failing(verb: str, path: Path) -> Iterator[None]:
    """Turn I/O errors of the block into an AuditError such as "Cannot write DIR/journal: no space left on device."."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise NotAvailable(f"Cannot {verb} {path}: {why}; what was judged so far is kept.") from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """`files.replacing`, for the holder of the scan folder's lock. Raises NotAvailable: it cannot be written."""
    with failing("write", path), files.replacing(path) as file:
        yield file
