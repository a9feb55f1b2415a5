"""Block features of labelled texts, which heads read: one scoring pass, cached like every other. Knows no training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidInput, NotAvailable
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.origin.classifier import STATISTICS, block_features
from llm_audit.detectors.populations import MINIMUM_TOKENS
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import STATE_BLOCK, TokenScores

WINDOW = 256
"""Tokens at the beginning of a text that are scored. Judged windows of the shipped population are shorter."""

MEMORY_PER_TEXT = 600_000
"""Bytes that training needs at its peak: 16 blocks of some 2,300 float32 features, four times over."""

MINIMUM_BLOCKS = MINIMUM_TOKENS // STATE_BLOCK
"""Shorter texts are not judged, so they do not train either."""


def request_for(layers: tuple[int, ...], window: int = WINDOW) -> Request:
    """Request to the engine for training, and for benchmarks, whose population may judge longer windows."""
    return Request(Windowing(max(window, WINDOW), first_only=True), hidden_layers=layers)


def default_layers(n_layers: int) -> tuple[int, ...]:
    """The layers at one, two, three and four fifths of the depth: 6, 12, 18 and 24 of the embedded model's 30."""
    return tuple(sorted({max(1, round(n_layers * fifth / 5)) for fifth in (1, 2, 3, 4)}))


@dataclass(frozen=True, eq=False)
class Blocks:
    """Block features of n texts, padded to the longest.

    Attributes:
        features: (n, most blocks, d) float32, zero beyond a text's own blocks.
        counts: (n,), blocks of each text.
    """

    features: NDArray[np.float32]
    counts: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64]) -> Blocks:
        return Blocks(self.features[rows], self.counts[rows])

    def inside(self) -> NDArray[np.bool_]:
        """(n, most blocks) mask of the blocks that are no padding."""
        return np.arange(self.features.shape[1])[None, :] < self.counts[:, None]

    def means(self) -> NDArray[np.float32]:
        """(n, d) means over each text's blocks."""
        counts = np.maximum(self.counts, 1)[:, None].astype(np.float32)
        return np.asarray(self.features.sum(1) / counts, dtype=np.float32)

    def beginnings(self, blocks: int) -> Blocks:
        """Every text, cut after its first `blocks` blocks."""
        return Blocks(self.features[:, :blocks], np.minimum(self.counts, blocks))


def collect(scores: Iterable[TokenScores]) -> Blocks:
    """Pad the texts' block features to one array.

    Raises:
        AuditError: a feature is NaN or infinite.
    """
    rows = [block_features(token_scores, tuple(STATISTICS)) for token_scores in scores]
    for number, row in enumerate(rows):
        if not np.isfinite(row).all():
            raise InvalidInput(
                f"The model gives NaN or infinite features for text {number + 1}; no classifier can be trained on it."
            )
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    features = np.zeros((len(rows), max(counts, default=0), rows[0].shape[1] if rows else 0), np.float32)
    for number, row in enumerate(rows):
        features[number, : len(row)] = row
    return Blocks(features, counts)


def without_statistics(blocks: Blocks) -> Blocks:
    """The block features without those of the statistics: the hidden states alone."""
    return Blocks(blocks.features[:, :, : -len(STATISTICS)], blocks.counts)


def extract(session: Session, texts: Sequence[str], layers: tuple[int, ...], progress: Progress = silent) -> Blocks:
    """Score the beginnings of normalised texts and collect their block features.

    Raises:
        AuditError: training on so many texts would not fit into memory.
    """
    need, have = MEMORY_PER_TEXT * len(texts), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > have:
        raise NotAvailable(
            f"Training on {len(texts):,} texts needs about {need / 1e9:.0f} GB of memory, and here are {have / 1e9:.0f} GB; "
            f"train on a sample of {int(0.8 * have / MEMORY_PER_TEXT):,}."
        )
    return collect(session.score(texts, request_for(layers), progress))
