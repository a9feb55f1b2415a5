"""One pass of body and head over a pack of windows, in this process or in another one (`pool.py`).

Knows nothing about texts: token ids in, columns out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.scoring.columns import Columns
from llm_audit.scoring.request import Request
from llm_audit.scoring.tokenizer import breakers
from llm_audit.scoring.tokens import STATE_BLOCK, Decoding

if TYPE_CHECKING:
    from llm_audit.scoring.lean import LeanModel
    from llm_audit.scoring.model import LanguageModel
    from llm_audit.scoring.samplers import Past


class Pack(NamedTuple):
    """The tokens of several windows end to end.

    Attributes:
        ids: (n,) int64, all tokens.
        lengths: tokens of each window, its prefix token or prompt included.
        counts: scored tokens of each window, which are its last ones.
        before: tokens of each window's prefix token or prompt.
    """

    ids: NDArray[np.int64]
    lengths: list[int]
    counts: list[int]
    before: list[int]


Computed = tuple[list[Columns], list[NDArray[np.float16]]]
"""Per decoding setting, the columns of a pack's windows end to end; and each window's blocks of states, if requested."""


class Passes:
    """Function from a pack to its columns, by one model or by a scoring and a reference model, under some decoding settings.

    Args:
        model, reference: loaded models.
        request: which columns to compute; its decoding setting is ignored.
        decodings: settings.
    """

    def __init__(
        self,
        model: LanguageModel | LeanModel,
        reference: LanguageModel | LeanModel | None,
        request: Request,
        decodings: Sequence[Decoding],
    ) -> None:
        # States are arrays or tensors, which nobody but the model's own head and itself looks into.
        self.model: Any = model
        self.reference: Any = reference
        self.request = request
        self.decodings = tuple(decodings)
        self.head: Any = model.head(decodings)
        self.reference_head: Any = reference.head() if reference else None

    def __call__(self, pack: Pack) -> Computed:
        """Run body and head on one pack."""
        ids, lengths, counts, _ = pack
        ends = np.cumsum(lengths)
        # The state at position i predicts the token at i + 1: drop each sequence's last state, keep what is scored here.
        firsts = [int(end) - 1 - count for end, count in zip(ends, counts, strict=True)]
        rows = np.concatenate([np.arange(first, first + count) for first, count in zip(firsts, counts, strict=True)])
        layers = self.request.hidden_layers
        with self.model.computing():
            hidden, taps = self.model.run(ids, lengths, layers)
            reference = None
            if self.reference is not None:
                reference = self.reference_head, self.reference.run(ids, lengths)[0][rows]
            past = self._past(pack, rows) if any(decoding.looks_back for decoding in self.decodings) else None
            by_decoding = self.head.columns(
                hidden[rows], ids[rows + 1], reference=reference, top_k=self.request.top_k, past=past
            )
            # Each scored token's own state, one position after the one that predicts it. The prefix token's state is the
            # same for every text, and a hundred times larger than the others: no text's own state is the prefix's.
            blocks = [(first + 1, count // STATE_BLOCK) for first, count in zip(firsts, counts, strict=True)]
            return by_decoding, [self.model.block_means(taps, *block) for block in blocks] if layers else []

    def release(self) -> None:
        """Free the buffers kept for the next pass, about 100 MB."""
        for model in (self.model, self.reference):
            if model is not None:
                model.release()
        for head in (self.head, self.reference_head):
            if head is not None:
                head.release()

    def _past(self, pack: Pack, rows: NDArray[np.int64]) -> Past:
        """The tokens before each scored token of a pack, within its window."""
        from llm_audit.scoring.samplers import Past

        ids, lengths, counts, before = pack
        starts, end = np.cumsum([0, *lengths[:-1]]), rows + 1
        return Past(
            tokens=ids,
            start=np.repeat(starts, counts),
            written=np.minimum(np.repeat(starts + before, counts), end),
            end=end,
            targets=ids[end],
            breakers=self._breakers if any("dry" in getattr(decoding, "order", ()) for decoding in self.decodings) else None,
        )

    @cached_property
    def _breakers(self) -> NDArray[np.bool_]:
        return breakers(self.model.tokenizer, self.model.head_weight.shape[0])
