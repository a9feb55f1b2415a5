"""The journal: one line per judged document, each with a checksum, appended in groups that reach the disk together.

A line that was torn by a kill, damaged on disk, or written by another scan fails its checksum: it counts as missing, and its
document is judged again. Knows nothing of what a record says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from llm_audit.common.files import Lines
from llm_audit.scanning.files import failing

_DIGITS = 16


class Line(NamedTuple):
    """A line of a journal; `payload` is None if it fails its checksum."""

    offset: int
    payload: bytes | None


class Journal:
    """An append-only file of lines with checksums. A context manager.

    Args:
        path: of the file.
        key: at most 64 bytes, the identity of the scan: part of every checksum.

    Raises:
        AuditError: it cannot be written.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path, self.key = path, key
        with failing("write", path):
            self._lines = Lines(path)
            if self._lines.torn:  # a torn line must not swallow the next
                self._lines.append(b"\n")
            self._lines.sync_name()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def append(self, payloads: Sequence[bytes]) -> None:
        """Write lines; they are on the disk when this returns. No payload has a line break.

        Raises:
            AuditError: they are not; what there is of them does no harm.
        """
        with failing("write", self.path):
            lines = b"".join(_checksum(payload, self.key) + b" " + payload + b"\n" for payload in payloads)
            self._lines.append(lines, durable=True)


def read(path: Path, key: bytes) -> Iterator[Line]:
    """Every line, in order.

    Raises:
        AuditError: the file cannot be read.
    """
    with failing("read", path), path.open("rb") as file:
        offset = 0
        for line in file:
            yield Line(offset, _payload(line, key))
            offset += len(line)


def _payload(line: bytes, key: bytes) -> bytes | None:
    checksum, _, payload = line.removesuffix(b"\n").partition(b" ")
    return payload if line.endswith(b"\n") and checksum == _checksum(payload, key) else None


def _checksum(payload: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(payload, key=key, digest_size=_DIGITS // 2).hexdigest().encode()
