"""Batches with a fixed share of each class, which ranking losses need. Knows nothing about features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class DualSampler:
    """Endless shuffled passes over each class; one epoch goes once over the class that takes more batches.

    LibAUC's DualSampler; without cells every index of the larger class is used exactly once an epoch up to the batch size.

    Args:
        labels: (n,), 1 for machine and 0 for human.
        batch_size: samples per batch.
        machine_share: of the batch; at least one sample of each class is drawn.
        cells: (n,), groups of samples (a domain, a generator); with them every group of a class is drawn equally often, so that
            small ones count as much as large ones (group-balanced sampling, Idrissi et al. 2022). None: every sample is.
        generator: source of the random order.

    Raises:
        ValueError: one class is empty, or the batch too small for two classes.
    """

    def __init__(
        self,
        labels: NDArray[np.int64],
        batch_size: int,
        generator: np.random.Generator,
        machine_share: float = 0.5,
        cells: NDArray[np.int64] | None = None,
    ) -> None:
        self._classes = [np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)]
        if batch_size < 2 or not all(map(len, self._classes)):
            raise ValueError("a batch needs samples of both classes")
        machine = min(max(1, round(machine_share * batch_size)), batch_size - 1)
        self._sizes = [machine, batch_size - machine]
        self._generator, self._cells = generator, cells
        self._queues = [np.empty(0, np.int64), np.empty(0, np.int64)]

    def __len__(self) -> int:
        return max(-(-len(members) // size) for members, size in zip(self._classes, self._sizes, strict=True))

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        for _ in range(len(self)):
            yield np.concatenate([self._draw(0), self._draw(1)])

    def _draw(self, which: int) -> NDArray[np.int64]:
        while len(self._queues[which]) < self._sizes[which]:
            self._queues[which] = np.concatenate([self._queues[which], self._pass(self._classes[which])])
        drawn, self._queues[which] = np.split(self._queues[which], [self._sizes[which]])
        return drawn

    def _pass(self, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """One shuffled pass over a class, as many draws as it has members."""
        if self._cells is None:
            return self._generator.permutation(members)
        cells = [members[self._cells[members] == cell] for cell in np.unique(self._cells[members])]
        quota = -(-len(members) // len(cells))
        # A small cell is gone through several times, a large one in part, another part in the next pass.
        drawn = [
            np.concatenate([self._generator.permutation(cell) for _ in range(-(-quota // len(cell)))])[:quota] for cell in cells
        ]
        return self._generator.permutation(np.concatenate(drawn))
