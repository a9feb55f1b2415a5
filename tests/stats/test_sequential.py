"""Early stopping: by hand, its size, and that it saves draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_audit.stats.sequential import besag_clifford


def test_by_hand() -> None:
    draws = iter([0.0, 2.0, 0.0, 3.0, 9.0])
    assert besag_clifford(1.0, lambda: next(draws), 5, stop=2)[:3] == (2 / 4, 4, 2)
    draws = iter([0.0, 2.0, 0.0])
    assert besag_clifford(1.0, lambda: next(draws), 3, stop=2) == (2 / 4, 3, 1, 1 / 4)
    assert besag_clifford(1.0, lambda: 1.0, 9, stop=1)[:2] == (1.0, 1)  # a tie counts against the finding


def test_size_is_at_most_the_level() -> None:
    rng, runs = np.random.default_rng(2), 10_000
    found = [besag_clifford(rng.random(), rng.random, 199, stop=5) for _ in range(runs)]
    for alpha in (0.05, 0.01):
        rejected = sum(one.p_value <= alpha for one in found)
        assert binomtest(rejected, runs, alpha, alternative="greater").pvalue > 1e-4
    assert np.mean([one.draws for one in found]) < 60


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one draw"):
        besag_clifford(1.0, lambda: 0.0, 0)
