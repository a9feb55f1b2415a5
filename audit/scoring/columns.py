"""The columns of `TokenScores`, computed from sums over rows of logits. Uses numpy only, no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import NotAvailable
from llm_audit.scoring.tokens import RENYI_ORDERS

Columns = dict[str, NDArray[np.generic]]

Sums = tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float32]]
"""Sums, ranks and peaks of rows of logits, as `kernel.row_sums` computes them."""

EXCLUDED = 200.0
"""Logit of excluded tokens, in nats relative to the maximum: e^-200 is zero in every sum, and u^2 still fits float32."""


def columns_of(
    sums: NDArray[np.float64],
    ranks: NDArray[np.int32],
    peaks: NDArray[np.floating],
    observed: NDArray[np.floating],
    *,
    truncated: bool = False,
) -> tuple[Columns, NDArray[np.float64]]:
    """The columns of some rows, and log sum_v exp(logit), (n,) float64.

    Args:
        sums: (n, N_SUMS), see `kernel.row_sums`.
        ranks: (n,).
        peaks: (n,), the largest logit of each row.
        observed: (n,), the logit of the observed token.
        truncated: whether the decoding transform excludes some tokens.

    Raises:
        NotAvailable: a logit is not finite.
    """
    peak, logit, total = peaks.astype(np.float64), observed.astype(np.float64), sums[:, 0]
    if not (np.isfinite(total).all() and np.isfinite(peak).all()):
        raise NotAvailable(
            "The model produced numbers that are not finite; its weights are damaged or unsuitable for this dtype."
        )
    log_total = np.log(total)
    logprob = logit - peak - log_total
    if truncated:
        logprob[logit < peak - EXCLUDED / 2] = -np.inf
    mean = sums[:, 1] / total
    columns = {
        "logprob": logprob,
        "entropy": np.maximum(log_total - mean, 0.0),
        "varentropy": np.maximum(sums[:, 2] / total - mean**2, 0.0),
        "max_logprob": -log_total,
        "mass_above": np.minimum(sums[:, 3] / total, 1.0),
        "tie_mass": np.minimum(sums[:, 4] / total, 1.0),
        "renyi": np.log(sums[:, 5:]) - np.asarray(RENYI_ORDERS) * log_total[:, None],
    }
    narrow: Columns = {name: column.astype(np.float32) for name, column in columns.items()}
    return narrow | {"rank": ranks}, log_total + peak


def sums_of_rows(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> Sums:
    """Sums, ranks and peaks of a block of logits, computed by `kernel.row_sums`."""
    from llm_audit.scoring import kernel  # llvmlite comes with it, which stored reports do not need

    n = len(targets)
    sums, ranks, peaks = np.empty((n, kernel.N_SUMS)), np.empty(n, np.int32), np.empty(n, np.float32)
    kernel.row_sums(np.ascontiguousarray(logits), logits[np.arange(n), targets], peaks, sums, ranks)
    return sums, ranks, peaks


def sums_of_tiles(sums: NDArray[np.float64], ranks: NDArray[np.int32], peaks: NDArray[np.float32]) -> Sums:
    """The sums, ranks and peaks of rows from those of tiles of their columns, (tiles, n) each, (tiles, n, N_SUMS) the sums.

    A sum of a tile holds powers of exp(z - the tile's peak); these are lowered to the row's peak.
    """
    peak = peaks.max(0)  # NaN if that of a tile is
    down = peaks.astype(np.float64) - peak
    total = np.empty(sums.shape[1:])
    e, ue, uue = np.moveaxis(sums[:, :, :3], 2, 0)
    factor = np.exp(down)
    total[:, 0] = (factor * e).sum(0)
    total[:, 1] = (factor * (ue + down * e)).sum(0)
    total[:, 2] = (factor * (uue + 2 * down * ue + down**2 * e)).sum(0)
    for column, order in enumerate((1.0, 1.0, *RENYI_ORDERS), start=3):
        total[:, column] = (np.exp(order * down) * sums[:, :, column]).sum(0)
    return total, 1 + (ranks - 1).sum(0, dtype=np.int32), peak


def joined(blocks: list[Columns]) -> Columns:
    """The columns of successive blocks of rows, concatenated."""
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]} if blocks else {}
