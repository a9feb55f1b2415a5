"""Files that are whole or absent, and one sentence for a disk that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from llm_audit.errors import AuditError


@contextmanager
def failing(verb: str, path: Path) -> Iterator[None]:
    """An I/O error as an AuditError about the path: "Cannot write DIR/journal: no space left on device."."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise AuditError(f"Cannot {verb} {path}: {why}; what was judged so far is kept.") from error


def write_all(descriptor: int, data: bytes) -> None:
    """All of the bytes, however few the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once it is whole and on the disk; until then the old one stays.

    The temporary name is always the same: whoever holds the folder's lock overwrites what a killed run left.

    Raises:
        AuditError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.new")
    with failing("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Names in a folder reach the disk, where the file system knows how."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
