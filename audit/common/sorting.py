"""External sorting: any number of rows, ordered by a key in constant memory.

Few rows are sorted in memory and never written. More are divided at quantiles of their keys into parts, each in a file
without a name, and the parts again, until a part fits in memory or all its rows share one key. Knows nothing of what the
rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.files import Scratch

HELD = 1 << 18
"""Rows held in memory at a time; a sort needs about five times their memory."""

CUTS = 63
"""Keys at which a pile is divided: the rows equal to a cut are one part, those between two cuts another; a file each."""

PLACES, ROWS_EACH = 256, 64
"""Size of the sample from which the cuts are taken: places in the pile, and rows at each place."""

Rows = NDArray[np.void]
"""(n,) array of a structured type."""

Key = Callable[[Rows], NDArray[Any]]
"""Function from rows to the (n,) numbers that they are ordered by; none is NaN."""


class Pile:
    """A sequence of rows in the order in which they are added: the last ones in memory, those before them on the disk.

    Args:
        kind: type of a row.
        folder: any folder on the disk to use; None: the system's temporary folder.
        held: rows in memory at most.
    """

    def __init__(self, kind: np.dtype[np.void], folder: Path | None, held: int) -> None:
        self.kind, self.folder, self._held = kind, folder, held
        self._file: Scratch | None = None
        self._written = self._length = 0
        self._waiting: list[Rows] = []

    def __len__(self) -> int:
        return self._length

    def add(self, rows: Rows) -> None:
        """Append rows, which the caller must not change later. Raises OSError: they cannot be written."""
        if len(rows):
            self._waiting.append(rows)
            self._length += len(rows)
        if self._length - self._written > self._held:
            self._file = self._file or Scratch(self.folder)
            for chunk in self._waiting:
                self._file.append(_bytes(np.ascontiguousarray(chunk)))
            self._written, self._waiting = self._length, []

    def read(self, start: int, stop: int) -> Rows:
        """A copy of the rows [start, stop), all of which must exist. Raises OSError."""
        rows = np.empty(stop - start, self.kind)
        on_disk = min(max(self._written - start, 0), len(rows))
        if self._file and on_disk:
            self._file.read_into(_bytes(rows[:on_disk]), start * self.kind.itemsize)
        if on_disk < len(rows):
            rows[on_disk:] = np.concatenate(self._waiting)[start + on_disk - self._written : stop - self._written]
        return rows

    def chunks(self, size: int, *, backwards: bool = False) -> Iterator[Rows]:
        """All rows, `size` at a time; backwards: from the last to the first. Raises OSError."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield self.read(len(self) - stop, len(self) - start)[::-1] if backwards else self.read(start, stop)

    def clear(self) -> None:
        """Delete all rows, and their file."""
        if self._file:
            self._file.close()
        self._file, self._waiting, self._written, self._length = None, [], 0, 0


class Sorter:
    """Sorts rows stably: they are added in any order, and iterated once in the order of their keys.

    Args:
        kind: type of a row.
        key: function that gives the key of each row.
        folder: any folder on the disk that takes the rows beyond `held`; None: the system's temporary folder.
        held: rows in memory at a time.
    """

    def __init__(self, kind: np.dtype[np.void], key: Key, folder: Path | None, held: int = HELD) -> None:
        self._pile, self._key, self._held = Pile(kind, folder, held), key, held
        self.add = self._pile.add

    def __iter__(self) -> Iterator[Rows]:
        """The sorted rows in chunks of at most `held`. Raises OSError."""
        return self._sorted(self._pile)

    def _sorted(self, pile: Pile) -> Iterator[Rows]:
        if len(pile) <= self._held:
            rows = pile.read(0, len(pile))
            pile.clear()
            if len(rows):
                yield rows[np.argsort(self._key(rows), kind="stable")]
            return
        for number, part in enumerate(self._divided(pile)):
            if number % 2:  # one key alone
                yield from part.chunks(self._held)
                part.clear()
            else:
                yield from self._sorted(part)

    def _divided(self, pile: Pile) -> list[Pile]:
        """The parts of a pile in the order of their keys: below the first cut, equal to it, between it and the second, ..."""
        cuts = self._cuts(pile)
        parts = [Pile(pile.kind, pile.folder, self._held // (2 * CUTS)) for _ in range(2 * len(cuts) + 1)]
        for rows in pile.chunks(self._held):
            keys = self._key(rows)
            numbers = (np.searchsorted(cuts, keys, "left") + np.searchsorted(cuts, keys, "right")).astype(np.uint8)
            order = np.argsort(numbers, kind="stable")
            edges = np.searchsorted(numbers[order], np.arange(len(parts) + 1))
            for part, start, stop in zip(parts, edges[:-1], edges[1:], strict=True):
                part.add(rows[order[start:stop]])
        pile.clear()
        return parts

    def _cuts(self, pile: Pile) -> NDArray[Any]:
        """Approximate quantiles of the pile's keys: they decide how fast the sort is, not its result."""
        starts = np.linspace(0, len(pile) - min(ROWS_EACH, len(pile)), PLACES).astype(np.int64)
        sample = np.sort(np.concatenate([self._key(pile.read(i, min(i + ROWS_EACH, len(pile)))) for i in starts]))
        cuts: NDArray[Any] = np.unique(sample[len(sample) * np.arange(1, CUTS + 1) // (CUTS + 1)])
        return cuts


def _bytes(rows: Rows) -> memoryview:
    return rows.view(np.uint8).data
