"""The score cache: TokenScores on disk, keyed by everything that they depend on.

A row that does not check out is a miss, never a wrong score; a cache that cannot be written is a slower run, never a
failed one. Knows nothing about models or texts beyond their digests.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from llm_audit.scoring.request import Request
from llm_audit.scoring.tokens import COLUMNS_VERSION, TokenScores

_SCHEMA = """CREATE TABLE IF NOT EXISTS scores (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, checksum BLOB NOT NULL, value BLOB NOT NULL)"""


@dataclass(frozen=True)
class Scorer:
    """What produced a score, apart from the text. Two scorers that differ in anything never share a row."""

    model: str  # digest of weights, configuration and tokenizer
    dtype: str
    device: str
    request: Request
    reference: str | None = None

    def key(self, text: str) -> bytes:
        """The 32-byte key of a text's scores."""
        identity = {"columns": COLUMNS_VERSION, "text": hashlib.sha256(text.encode()).hexdigest(), **asdict(self)}
        return hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=32).digest()


@dataclass(frozen=True)
class CacheInfo:
    """What `llm-audit cache info` shows."""

    path: Path
    rows: int
    size: int  # bytes on disk


class ScoreCache:
    """A sqlite file in WAL mode, shared by any number of processes. A context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            self._connection = self._read_only(error)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(_SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _read_only(self, error: Exception) -> sqlite3.Connection | None:
        """What can still be had: the existing rows, or nothing."""
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            warnings.warn(
                f"The score cache {self.path} is damaged and ignored; `llm-audit cache clear` removes it.", stacklevel=3
            )
            return None
        try:
            # immutable: in a read-only folder sqlite cannot create the files that WAL needs
            connection = sqlite3.connect(f"file:{self.path}?mode=ro&immutable=1", uri=True, isolation_level=None)
            connection.execute("SELECT count(*) FROM scores")
            return connection
        except sqlite3.Error:
            warnings.warn(f"No score cache: {self.path} cannot be written ({error}).", stacklevel=3)
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, key: bytes) -> TokenScores | None:
        """The stored scores, or None if they are absent or do not match their checksum."""
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT checksum, value FROM scores WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        return None if row is None else _decode(key, *row)

    def put(self, items: Iterable[tuple[bytes, TokenScores]]) -> None:
        """Store scores in one transaction. A full disk or a read-only file loses the cache entry, not the run."""
        if self._connection is None:
            return
        rows = [(key, _checksum(key, value), value) for key, value in ((key, scores.to_bytes()) for key, scores in items)]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO scores (key, checksum, value) VALUES (?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            warnings.warn(f"Scores were not cached in {self.path}: {error}.", stacklevel=2)

    def info(self) -> CacheInfo:
        """Rows and bytes."""
        files = [self.path, self.path.with_name(self.path.name + "-wal"), self.path.with_name(self.path.name + "-shm")]
        rows = 0 if self._connection is None else self._connection.execute("SELECT count(*) FROM scores").fetchone()[0]
        return CacheInfo(self.path, rows, sum(file.stat().st_size for file in files if file.exists()))

    def verify(self) -> tuple[int, int]:
        """Check every row; (rows, rows that would be a miss)."""
        if self._connection is None:
            return 0, 0
        rows = self._connection.execute("SELECT key, checksum, value FROM scores")
        sound = [_decode(*row) is not None for row in rows]
        return len(sound), sound.count(False)

    def clear(self) -> None:
        """Delete the file; also when it is damaged."""
        self.__exit__()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _checksum(key: bytes, value: bytes) -> bytes:
    # Over the key too: a row that ends up under another key is as wrong as a damaged one.
    return hashlib.blake2b(key + value, digest_size=16).digest()


def _decode(key: object, checksum: object, value: object) -> TokenScores | None:
    if not (isinstance(key, bytes) and isinstance(value, bytes)) or _checksum(key, value) != checksum:
        return None
    try:
        return TokenScores.from_bytes(value)
    except (ValueError, TypeError, KeyError):
        return None
