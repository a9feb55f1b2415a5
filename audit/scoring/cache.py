"""The score cache: TokenScores on disk, keyed by everything that they depend on.

A row that fails its checksum is a miss, never a wrong score; a cache that cannot be written makes a run slower, not fail.
Knows nothing about models or texts beyond their digests.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from llm_audit.scoring.request import Prompted, Request
from llm_audit.scoring.tokens import COLUMNS_VERSION, TokenScores

_SCHEMA = """CREATE TABLE IF NOT EXISTS scores (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, checksum BLOB NOT NULL, value BLOB NOT NULL)"""

_INSERT = "INSERT OR REPLACE INTO scores (key, checksum, value) VALUES (?, ?, {})"

LARGE = 1 << 20
"""Bytes from which a value is written in pieces, and bytes of each piece."""

PATIENCE = 5.0
"""Seconds for which a process waits for others that open the file for the first time as well."""

_WAY_OUT = "`llm-audit cache clear` removes it"


@dataclass(frozen=True)
class Scorer:
    """All that a score depends on apart from the text (model, settings). Different scorers never share a row."""

    model: str  # digest of weights, configuration and tokenizer
    dtype: str
    device: str
    request: Request
    reference: str | None = None

    def key(self, text: str | Prompted) -> bytes:
        """The key under which the scores of a text are kept: 32 bytes, a hash of the text and of all fields of this scorer."""
        content = text if isinstance(text, str) else json.dumps([text.text, text.prompt, text.token_ids])
        kind = "text" if isinstance(text, str) else "prompted"
        identity = {"columns": COLUMNS_VERSION, kind: hashlib.sha256(content.encode()).hexdigest(), **asdict(self)}
        return hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=32).digest()


def window_key(key: bytes, position: int) -> bytes:
    """The 32-byte key of the window at `position` of the text with this key; a row without tokens follows the last window."""
    return hashlib.blake2b(position.to_bytes(8, "big"), key=key, digest_size=32).digest()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Change to WAL mode, for which sqlite's own timeout does not wait while another process does the same."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.05)


@dataclass(frozen=True)
class CacheInfo:
    """Size and age of the cache, as `llm-audit cache info` prints them."""

    path: Path
    rows: int
    size: int  # bytes on disk


class ScoreCache:
    """A sqlite file in WAL mode, shared by any number of processes. A context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = False  # so badly that it is ignored as a whole
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()  # threads take turns: a transaction belongs to the connection
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            self._connection = self._read_only(error)

    def _open(self) -> sqlite3.Connection:
        _create(self.path)
        connection = sqlite3.connect(self.path, timeout=30.0, isolation_level=None, check_same_thread=False)
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(_SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _read_only(self, error: Exception) -> sqlite3.Connection | None:
        """A read-only connection to a cache that could not be opened for writing because of `error`.

        None, with a warning, if its rows cannot be read either.
        """
        if _is_damage(error):
            self.damaged = True
            warnings.warn(f"The score cache {self.path} is damaged and ignored; {_WAY_OUT}.", stacklevel=3)
            return None
        connection = None
        try:
            # immutable: in a read-only folder sqlite cannot create the files that WAL needs
            uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            connection.execute("SELECT key FROM scores LIMIT 1")
            return connection
        except sqlite3.Error:
            if connection is not None:
                connection.close()
            why = error.strerror if isinstance(error, OSError) else error
            warnings.warn(f"No score cache: {self.path} cannot be written ({why}).", stacklevel=3)
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, key: bytes) -> TokenScores | None:
        """The stored scores of a text or window by their key; None if they are absent, or do not match their checksum."""
        if self._connection is None:
            return None
        try:
            with self._lock:
                row = self._connection.execute("SELECT checksum, value FROM scores WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        return None if row is None else _decode(key, *row)

    def put(self, items: Iterable[tuple[bytes, TokenScores]]) -> None:
        """Store scores in one transaction. A full disk or a read-only file loses the cache entry, not the run."""
        if self._connection is None:
            return
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for key, scores in items:
                    self._insert(self._connection, key, scores.parts())
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                way_out = f"; {_WAY_OUT}" if _is_damage(error) else ""
                warnings.warn(f"Scores were not cached in {self.path} ({error}){way_out}.", stacklevel=2)

    @staticmethod
    def _insert(connection: sqlite3.Connection, key: bytes, parts: Sequence[bytes | memoryview]) -> None:
        """Insert one row. A large value is written in pieces, since sqlite would otherwise hold a second copy of it."""
        size = sum(len(part) for part in parts)
        if size < LARGE:
            connection.execute(_INSERT.format("?"), (key, _checksum(key, parts), b"".join(parts)))
            return
        row = connection.execute(_INSERT.format("zeroblob(?)"), (key, _checksum(key, parts), size)).lastrowid
        with connection.blobopen("scores", "value", row or 0) as blob:
            for part in parts:
                for start in range(0, len(part), LARGE):
                    blob.write(part[start : start + LARGE])

    def info(self) -> CacheInfo:
        """Number of readable rows, bytes and age of the cache."""
        files = [self.path, self.path.with_name(self.path.name + "-wal"), self.path.with_name(self.path.name + "-shm")]
        rows = 0
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                rows = self._connection.execute("SELECT count(*) FROM scores").fetchone()[0]
        return CacheInfo(self.path, rows, sum(file.stat().st_size for file in files if file.exists()))

    def verify(self) -> tuple[int, int]:
        """Check every row; return (rows, damaged rows). Rows that damage makes unreachable count as one."""
        if self._connection is None:
            return (1, 1) if self.damaged else (0, 0)
        sound = []
        try:
            for row in self._connection.execute("SELECT key, checksum, value FROM scores"):
                sound.append(_decode(*row) is not None)
        except sqlite3.Error:
            sound.append(False)
        return len(sound), sound.count(False)

    def clear(self) -> None:
        """Delete the file; also when it is damaged."""
        self.__exit__()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


_creating = threading.Lock()


def _create(path: Path) -> None:
    """Create the file if it is not there, for its owner alone: token ids are the text itself. Raises OSError.

    A file that is there is not opened: closing it would end the locks of all connections of this process to it (POSIX), other
    processes would take themselves for the last one and remove the write-ahead log, and the cache would be damaged.
    """
    with _creating, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _is_damage(error: Exception) -> bool:
    """Whether an error means that the file is damaged; operational errors come from disk, permissions or other processes."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)


def _checksum(key: bytes, parts: Iterable[bytes | memoryview]) -> bytes:
    # Over the key too: a row that ends up under another key is as wrong as a damaged one.
    digest = hashlib.blake2b(key, digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _decode(key: object, checksum: object, value: object) -> TokenScores | None:
    if not (isinstance(key, bytes) and isinstance(value, bytes)) or _checksum(key, [value]) != checksum:
        return None
    try:
        return TokenScores.from_bytes(value)
    except (ValueError, TypeError, KeyError):
        return None
