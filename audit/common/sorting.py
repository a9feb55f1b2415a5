"""Rows in the order of a key, of any number, in constant memory.

Few rows are sorted in memory and never written. More are divided by quantiles of their own keys into parts, each in a file
without a name, and the parts again, until each is few rows or has one key alone, however many rows have it. Knows nothing of
what the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.files import Scratch

HELD = 1 << 18
"""Rows that are held in memory at a time; the memory of a sort is some five times theirs."""

CUTS = 63
"""Keys that divide many rows: the rows with such a key are a part, and those between two of them. A file each."""

PLACES, ROWS_EACH = 256, 64
"""Places of the sample that the cuts come from, and rows at each."""

Rows = NDArray[np.void]
"""(n,) of a structured type."""

Key = Callable[[Rows], NDArray[Any]]
"""Gives the (n,) numbers that rows are ordered by; none is NaN."""


class Pile:
    """Rows in the order in which they are added: the last ones in memory, those before them on the disk.

    Args:
        kind: type of a row.
        folder: on whose disk; None: that of the system's temporary files.
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
        """Put more rows on it, which nobody changes any more. Raises OSError: they cannot be written."""
        if len(rows):
            self._waiting.append(rows)
            self._length += len(rows)
        if self._length - self._written > self._held:
            self._file = self._file or Scratch(self.folder)
            for each in self._waiting:
                self._file.append(_bytes(np.ascontiguousarray(each)))
            self._written, self._waiting = self._length, []

    def read(self, start: int, stop: int) -> Rows:
        """A copy of the rows from one number to another, which are there. Raises OSError."""
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
        """Take all rows away, and their file."""
        if self._file:
            self._file.close()
        self._file, self._waiting, self._written, self._length = None, [], 0, 0


class Sorter:
    """Rows that are added in any order and come back once, in that of a key; of equal keys as they were added.

    Args:
        kind: type of a row.
        key: of rows.
        folder: on whose disk what memory does not hold is kept; None: that of the system's temporary files.
        held: rows in memory at a time.
    """

    def __init__(self, kind: np.dtype[np.void], key: Key, folder: Path | None, held: int = HELD) -> None:
        self._pile, self._key, self._held = Pile(kind, folder, held), key, held
        self.add = self._pile.add

    def __iter__(self) -> Iterator[Rows]:
        """Some rows at a time, `held` at most. Raises OSError."""
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
        """Some keys of the pile, about as far apart in its order: they decide how fast this is, not what it gives."""
        starts = np.linspace(0, len(pile) - min(ROWS_EACH, len(pile)), PLACES).astype(np.int64)
        sample = np.sort(np.concatenate([self._key(pile.read(i, min(i + ROWS_EACH, len(pile)))) for i in starts]))
        cuts: NDArray[Any] = np.unique(sample[len(sample) * np.arange(1, CUTS + 1) // (CUTS + 1)])
        return cuts


def _bytes(rows: Rows) -> memoryview:
    return rows.view(np.uint8).data
