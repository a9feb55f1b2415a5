"""The folder of a scan: its header, inputs, journals and results, and the lock on it.

- scan.json: the header, written before the first document is judged
- inputs.jsonl: every file with its digest
- blocks.bin: how many documents each block has, once a shard has counted them
- journal.jsonl: the judged documents; of shards journal-2-of-3.jsonl
- results.jsonl, results.parquet, report.html, summary.json: once all documents are judged; summary.json is written last
- partial/: the same files, until all documents are judged
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.scanning.corpus import Input
from llm_audit.scanning.files import failing, replacing
from llm_audit.scanning.header import Header, differences
from llm_audit.scanning.journal import Journal, read


class Shard(NamedTuple):
    """Part `number`, counted from 1, of a corpus divided into `parts` as equal as blocks allow."""

    number: int
    parts: int

    def takes(self, blocks: int) -> slice:
        """The shard's blocks, out of `blocks`: consecutive ones, so that it need not read the files of other shards."""
        return slice(blocks * (self.number - 1) // self.parts, blocks * self.number // self.parts)


class Folder:
    """A folder that one scan at a time writes to, or several shards of it. A context manager.

    Args:
        path: created if it is not there.
        shard: whose journal is written; None for the scan that collects all of them.

    Raises:
        InvalidConfiguration: it cannot be written, or another scan is at work there.
    """

    def __init__(self, path: Path, shard: Shard | None = None) -> None:
        self.path = path
        self._journal = path / (f"journal-{shard.number}-of-{shard.parts}.jsonl" if shard else "journal.jsonl")
        self._held = ExitStack()
        with failing("write", path):
            path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(_lock(path / ".lock", fcntl.LOCK_SH if shard else fcntl.LOCK_EX, path))
            if shard:
                stack.enter_context(_lock(self._journal, fcntl.LOCK_EX, path))
            self._held = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def known_inputs(self) -> list[Input]:
        """The files as listed when the scan began; none if it has not begun, or if the list fails its checksum."""
        with suppress(OSError, ValueError, TypeError):
            *lines, checksum = (self.path / "inputs.jsonl").read_bytes().splitlines()
            if checksum == _sum(lines):
                return [Input(**json.loads(line)) for line in lines]
        return []

    def block_sizes(self, key: bytes) -> NDArray[np.uint16] | None:
        """(blocks,) number of documents in each block of the scan with that key; None: not counted yet, or damaged."""
        with suppress(OSError):
            content = (self.path / "blocks.bin").read_bytes()
            sizes, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
            if checksum == _keyed(sizes, key):
                return np.frombuffer(sizes, "<u2")
        return None

    def keep_block_sizes(self, sizes: NDArray[np.uint16], key: bytes) -> None:
        """Store the sizes of the blocks for the other shards."""
        content = sizes.astype("<u2").tobytes()
        with replacing(self.path / "blocks.bin") as file:
            file.write(content + _keyed(content, key))

    def begin(self, header: Header, inputs: Sequence[Input]) -> Header:
        """Write the header, or check it against the one of an earlier run; return the stored one.

        Raises:
            InvalidConfiguration: the folder holds a different scan; the message says how it differs.
        """
        path = self.path / "scan.json"
        with _lock(self.path, fcntl.LOCK_EX, self.path, wait=True):  # shards may begin at the same moment
            old = self._header(path)
            if old is None:
                self._write_inputs(inputs)
                with replacing(path) as file:
                    file.write(header.model_dump_json(indent=2).encode() + b"\n")
                return header
        if old.key() != header.key():
            changed = "; ".join(differences(old, header, self.known_inputs(), inputs))
            raise InvalidConfiguration(f"{self.path} holds another scan ({changed}): restore that, or name another folder.")
        return old

    def _header(self, path: Path) -> Header | None:
        try:
            with failing("read", path):
                return Header.model_validate_json(path.read_bytes()) if path.exists() else None
        except ValidationError:
            raise InvalidConfiguration(f"{path} is damaged or of another version of llm-audit: name another folder.") from None

    def _write_inputs(self, inputs: Sequence[Input]) -> None:
        lines = [json.dumps(file._asdict()).encode() for file in inputs]
        with replacing(self.path / "inputs.jsonl") as file:
            file.write(b"".join(line + b"\n" for line in [*lines, _sum(lines)]))

    def open_journal(self, key: bytes) -> Journal:
        """The journal of this scan or shard, to append to."""
        return Journal(self._journal, key)

    def journals(self) -> list[Path]:
        """Every journal there is, sorted."""
        return sorted(self.path.glob("journal*.jsonl"))

    def tidy(self, complete: bool) -> None:
        """Remove the partial results if the results are complete."""
        if complete:
            shutil.rmtree(self.path / "partial", ignore_errors=True)

    def judged(self, key: bytes) -> Iterator[tuple[Path, int, bytes | None]]:
        """Every line of every journal, as (file, offset, payload); the payload is None if the line fails its checksum."""
        for path in self.journals():
            for line in read(path, key):
                yield path, line.offset, line.payload


@contextmanager
def _lock(path: Path, kind: int, folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the kernel's lock on a file or folder; it ends with this process, however that ends."""
    with failing("write", folder):
        flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise InvalidConfiguration(f"Another scan is at work in {folder}: wait for it, or name another folder.") from None
    try:
        yield
    finally:
        os.close(descriptor)


_CHECKSUM = 32


def _keyed(content: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(content, key=key, digest_size=_CHECKSUM).digest()


def _sum(lines: Sequence[bytes]) -> bytes:
    return hashlib.sha256(b"\n".join(lines)).hexdigest().encode()
