"""Test whether the columns of a table differ, under the null that cells are exchangeable within each row.

Null: within each row the cells could as well have stood in any other order, independently of the other rows. A column that
moves all rows alike breaks that; a row that is odd by itself does not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats.permutation import Outcome, monte_carlo

Floats = NDArray[np.float64]

PORTION = 256
"""Draws in memory at a time."""


def common_shift(cells: Floats) -> Floats:
    """(...,) sum of squared column effects in cells (..., R, C, W): means over rows after centring within each row."""
    centred = cells - cells.mean(axis=-2, keepdims=True)
    shift: Floats = (centred.mean(axis=-3) ** 2).sum(axis=(-2, -1))
    return shift


def within_rows(cells: ArrayLike, statistic: Callable[[Floats], Floats], generator: np.random.Generator, draws: int) -> Outcome:
    """The rank of a statistic of the table among those of tables whose columns are exchanged within each row.

    Args:
        cells: (R, C, W) values.
        statistic: from (..., R, C, W) to (...,); higher where columns matter.
        generator: of the exchanges.
        draws: how many.
    """
    table = np.asarray(cells, dtype=np.float64)
    if table.ndim != 3:
        raise ValueError("a table has rows, columns and values in each cell")
    rows = np.arange(table.shape[0])[:, None]
    null = []
    for done in range(0, draws, PORTION):
        orders = np.argsort(generator.random((min(PORTION, draws - done), *table.shape[:2])), axis=-1)
        null.append(statistic(table[rows, orders]))
    observed = float(statistic(table[None])[0])
    # Sums of equal numbers in another order must stay tied.
    return monte_carlo(observed - 1e-9 * max(1.0, abs(observed)), np.concatenate(null))
