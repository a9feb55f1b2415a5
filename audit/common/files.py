"""Atomic and durable writing of files, append-only files of lines, and the digest of a file.

The only module of the package that writes files by itself (`tests/test_house.py` sees to it). Knows nothing of what is in
them, and leaves errors as they are: each caller says in its own sentence what could not be written.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from llm_audit.common.progress import Progress, silent

CHUNK = 1 << 20
"""Bytes read at a time."""


def atomic_write(path: Path, data: bytes, *, durable: bool = True, mode: int | None = None) -> None:
    """Replace the file `path` by one with these bytes, atomically: there is always the whole old file or the whole new one.

    Two processes may write the same path; the last one wins.

    Args:
        path: of the file; a symbolic link is replaced, not followed.
        data: the whole content.
        durable: the bytes and the name are on the disk when this returns, so that they survive a loss of power too. Without
            it only a killed process is survived, which is enough for what can be made again.
        mode: permissions; None: those of any new file.

    Raises:
        OSError: it cannot be written. The old file is then intact, and nothing else is left.
    """
    temporary = path.parent / f".llm-audit-{secrets.token_hex(8)}.tmp"
    with _replacement(path, temporary, os.O_EXCL, durable, mode) as descriptor:
        _write_all(descriptor, data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that replaces `path` once it is complete and on the disk; until then the old one stays.

    The temporary name is always the same: whoever holds the folder's lock overwrites what a killed run left.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        _replacement(path, path.with_name(f".{path.name}.new"), os.O_TRUNC, True, None) as descriptor,
        open(descriptor, "wb", closefd=False) as file,  # a descriptor, not a path
    ):
        yield file


def create(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file that must not be there yet, on the disk when this returns.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be written; then nothing is left of it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    _sync_folder(path.parent)


def scratch(path: Path) -> BinaryIO:
    """A new file to write in a temporary folder of our own: neither atomic nor durable, since nobody else looks there."""
    return path.open("xb")


class Scratch:
    """A temporary file without a name, which disappears with this object or with the process, even a killed one.

    Args:
        folder: any folder on the disk to use; None: the system's temporary folder.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, folder: Path | None) -> None:
        file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # closed by `close`
        self._descriptor = file.fileno()
        self.close = weakref.finalize(self, file.close)

    def append(self, data: memoryview) -> None:
        """Write more. Raises OSError."""
        _write_all(self._descriptor, data)

    def read_into(self, memory: memoryview, offset: int) -> None:
        """Copy bytes of the file, from `offset` on, into all of `memory`. Raises OSError: the file ends before that."""
        done = 0
        while done < len(memory):
            got = os.preadv(self._descriptor, [memory[done:]], offset + done)
            if not got:
                raise OSError("a temporary file is shorter than what was written")
            done += got


def write_in_place(path: str | os.PathLike[str], data: bytes) -> None:
    """Write to something that cannot be replaced by a new file: a device, a pipe, standard output."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)  # /dev/stdout may be a file that already holds other output
    try:
        _write_all(descriptor, data)
    finally:
        os.close(descriptor)


def move(source: Path, target: Path) -> None:
    """Rename a file or a folder within one file system; the new name is on the disk when this returns."""
    source.replace(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Bring a file's bytes, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Lines:
    r"""An append-only file of lines, as both journals are. A context manager.

    A killed run leaves a line without its end: see `torn`.

    Args:
        path: of the file, made if it is not there.
        new: it must not be there.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, *, new: bool = False) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_EXCL if new else 0)
        self._descriptor = os.open(path, flags, 0o666)
        self._folder = path.parent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    @property
    def torn(self) -> bool:
        """Whether the last line has no line end, so that appended bytes would become part of it."""
        size = os.fstat(self._descriptor).st_size
        return size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def append(self, lines: bytes, *, durable: bool = False) -> None:
        """Write whole lines, their ends included; `durable`: they are on the disk when this returns. Raises OSError."""
        _write_all(self._descriptor, lines)
        if durable:
            os.fsync(self._descriptor)

    def sync_name(self) -> None:
        """Bring the file's name in its folder to the disk, where the file system supports it."""
        _sync_folder(self._folder)

    def truncate(self, size: int) -> None:
        """Keep only the first `size` bytes. Raises OSError."""
        os.ftruncate(self._descriptor, size)


def sha256_of(path: Path, progress: Progress = silent) -> str:
    """SHA-256 of a file's bytes in hexadecimal digits, read in pieces. Raises OSError."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        total, done = os.fstat(file.fileno()).st_size, 0
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            done += len(chunk)
            progress(min(done / total, 1.0) if total else None, f"Hashing {path.name}")
    return sha256.hexdigest()


@contextmanager
def _replacement(path: Path, temporary: Path, flag: int, durable: bool, mode: int | None) -> Iterator[int]:
    """Yield the descriptor of a temporary file; at the end it replaces `path`, after an error or Ctrl-C it is removed."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, 0o666)
    try:
        try:
            yield descriptor
            if mode is not None:
                os.fchmod(descriptor, mode)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, where the file system supports it; errors are ignored, the file is in place."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of the bytes, however few the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
