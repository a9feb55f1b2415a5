"""Alignment costs against the definition, block by block and shift by shift."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.stats import key_alignment


def levenshtein(costs: np.ndarray, gap: float) -> float:
    """Of k tokens against k keys, by the recursion."""
    k = len(costs)
    table = np.empty((k + 1, k + 1))
    for i in range(k + 1):
        for j in range(k + 1):
            if i == 0 or j == 0:
                table[i, j] = (i + j) * gap
            else:
                steps = (table[i - 1, j] + gap, table[i, j - 1] + gap, table[i - 1, j - 1] + costs[i - 1, j - 1])
                table[i, j] = min(steps)
    return float(table[k, k])


@pytest.mark.parametrize(("m", "n", "block"), [(7, 5, 7), (7, 5, 3), (6, 11, 6), (6, 11, 1)])
@pytest.mark.parametrize("gap", [0.0, 0.4, 1.0])
def test_every_block_and_shift_is_that_of_the_definition(m: int, n: int, block: int, gap: float) -> None:
    costs = np.random.default_rng(m + n).normal(size=(m, n))
    simple, edit = key_alignment.simple(costs, block), key_alignment.edit(costs, block, gap)
    assert simple.shape == edit.shape == (m - block + 1, n)
    for i in range(m - block + 1):
        for s in range(n):
            met = costs[i : i + block][:, (s + np.arange(block)) % n]
            assert simple[i, s] == pytest.approx(np.trace(met))
            assert edit[i, s] == pytest.approx(levenshtein(met, gap))


def test_edits_recover_what_a_deletion_moves() -> None:
    rng = np.random.default_rng(0)
    costs = rng.random((40, 64))
    costs[np.arange(20), np.arange(20)] = 0
    costs[np.arange(20, 40), np.arange(21, 41)] = 0  # one key was skipped: a token was deleted
    assert key_alignment.edit(costs, 40, 0.4).min() < 2 < key_alignment.simple(costs, 40).min()
