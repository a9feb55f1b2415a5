"""The output projection and its statistics on numpy arrays, without torch; `lean.py` has the layers before it.

Logits that nobody reads but the statistics are computed tile by tile and summed while they lie in a cache: all of them, 49,152
a token, would go to memory and back (docs/performance.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import local_packages
from llm_audit.scoring import kernel
from llm_audit.scoring.columns import Columns, columns_of, joined, sums_of_tiles
from llm_audit.scoring.team import Meet, Team
from llm_audit.scoring.tokens import Decoding
from llm_audit.scoring.weights import Matrix

if TYPE_CHECKING:
    from llm_audit.scoring.samplers import Past

LOGIT_BYTES = 50_000_000
"""Most bytes of logits at a time, in all threads together: of one block of whole rows (see `head.LOGIT_BYTES`), or of tiles."""

ROWS = 1024
"""Most rows of states that are multiplied with a tile of the vocabulary at a time."""

COLUMNS = 2048
"""Tokens of the vocabulary in a tile; with 1,024 rows a thread's logits take 8 MB."""

PAIRS = 64
"""Rows and tokens of the products from which the observed logits are taken: their diagonal."""


class LeanHead:
    """The output projection and the statistics of what it predicts, on numpy arrays; the counterpart of `head.Head`.

    Args:
        weight: (vocabulary, hidden).
        team: the threads that share the vocabulary.
        decodings: each applied to the logits before its statistics are taken. Their transforms, the most likely tokens and
            the comparison of two models use torch.
    """

    def __init__(self, weight: Matrix, team: Team, *decodings: Decoding) -> None:
        self.weight = weight
        self.team = team
        self.decodings = decodings or (Decoding(),)
        self.n_rows = max(1, LOGIT_BYTES // (4 * weight.shape[0]))
        self._block = np.empty(0, np.float32)

    def _room(self, *shape: int) -> NDArray[np.float32]:
        """An uninitialised array; its memory is reused by the next call."""
        size = int(np.prod(shape))
        if len(self._block) < size:
            self._block = np.empty(size, np.float32)
        return self._block[:size].reshape(shape)

    def logits(self, hidden: Matrix) -> Matrix:
        """(n_rows, vocabulary) before the decoding transform. The memory is reused by the next call."""
        block = self._room(len(hidden), len(self.weight))

        def multiply(part: int, tokens: slice, meet: Meet) -> None:
            np.matmul(hidden, self.weight[tokens].T, out=block[:, tokens])

        self.team.share(len(self.weight), multiply)
        return block

    def release(self) -> None:
        """Forget the logits."""
        self._block = np.empty(0, np.float32)

    def columns(
        self,
        hidden: Matrix,
        targets: NDArray[np.int64],
        *,
        reference: tuple[LeanHead, Matrix] | None = None,
        top_k: int = 0,
        past: Past | None = None,
    ) -> list[Columns]:
        """Statistics of the predicted distributions at the observed tokens; see `head.Head.__call__`."""
        if self.decodings == (Decoding(),) and not reference and not top_k:
            n = min(ROWS, max(PAIRS, LOGIT_BYTES // (4 * COLUMNS * self.team.size)))
            starts = range(0, len(targets), n)
            return [joined([self._plain(hidden[start : start + n], targets[start : start + n]) for start in starts])]
        with local_packages():
            import torch

            from llm_audit.scoring.head import columns_each

        blocks: list[list[Columns]] = [[] for _ in self.decodings]
        for start in range(0, len(targets), self.n_rows):
            rows = slice(start, start + self.n_rows)
            others = torch.from_numpy(reference[0].logits(reference[1][rows])) if reference else None
            tensors = torch.from_numpy(self.logits(hidden[rows])), torch.from_numpy(targets[rows])
            by_decoding = columns_each(*tensors, self.decodings, others, top_k, past and past[rows])
            for block, columns in zip(blocks, by_decoding, strict=True):
                block.append(columns)
        return [joined(block) for block in blocks]

    def _plain(self, hidden: Matrix, targets: NDArray[np.int64]) -> Columns:
        """The columns of some rows, from the model's own distribution.

        Each tile is computed by one thread, so that the number of threads changes no bit.
        """
        n, starts = len(targets), range(0, len(self.weight), COLUMNS)
        sums = np.empty((len(starts), n, kernel.N_SUMS))
        ranks, peaks = np.empty((len(starts), n), np.int32), np.empty((len(starts), n), np.float32)
        observed, parts = np.empty(n, np.float32), self.team.parts(len(starts), least=1)
        rooms = self._room(parts, n * COLUMNS)

        def add(part: int, tiles: slice, meet: Meet) -> None:
            self._observe(hidden, targets, observed, range(part * PAIRS, n, parts * PAIRS))
            meet()
            for tile in range(tiles.start, tiles.stop):
                weight = self.weight[starts[tile] : starts[tile] + COLUMNS]
                logits = rooms[part, : n * len(weight)].reshape(n, len(weight))
                np.matmul(hidden, weight.T, out=logits)
                within = targets - starts[tile]
                here = np.flatnonzero((within >= 0) & (within < len(weight)))
                logits[here, within[here]] = observed[here]
                kernel.row_sums(logits, observed, peaks[tile], sums[tile], ranks[tile])

        self.team.share(len(starts), add, least=1)
        return columns_of(*sums_of_tiles(sums, ranks, peaks), observed)[0]

    def _observe(self, hidden: Matrix, targets: NDArray[np.int64], observed: NDArray[np.float32], starts: range) -> None:
        """Fill in logits of observed tokens, for `PAIRS` rows from each start on; tokens of equal weights get equal bits."""
        for start in starts:
            rows = np.minimum(np.arange(start, start + PAIRS), len(targets) - 1)
            observed[rows] = np.diagonal(hidden[rows] @ self.weight[targets[rows]].T)
