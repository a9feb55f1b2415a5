"""The columns of `TokenScores`, computed from sums over rows of logits. Uses numpy only, no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import NotAvailable
from llm_audit.scoring.team import Meet, Team
from llm_audit.scoring.tokens import RENYI_ORDERS

Columns = dict[str, NDArray[np.generic]]

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


def sums_of_rows(
    logits: NDArray[np.float32], targets: NDArray[np.int64], team: Team | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float32]]:
    """Sums, ranks and peaks of a block of logits, computed by `kernel.row_sums` on the threads of a team."""
    from llm_audit.scoring import kernel  # llvmlite comes with it, which stored reports do not need

    n, logits = len(targets), np.ascontiguousarray(logits)
    sums, ranks, peaks = np.empty((n, kernel.N_SUMS)), np.empty(n, np.int32), np.empty(n, np.float32)

    def add(part: int, rows: slice, meet: Meet) -> None:
        kernel.row_sums(logits[rows], targets[rows], peaks[rows], sums[rows], ranks[rows])

    if team:
        team.share(n, add, least=8)
    else:
        add(0, slice(0, n), lambda: None)
    return sums, ranks, peaks


def joined(blocks: list[Columns]) -> Columns:
    """The columns of successive blocks of rows, concatenated."""
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]} if blocks else {}
