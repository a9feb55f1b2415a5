"""Real generations: the exact tests keep their size under the true settings, and tell two models apart."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from benchmarks.attribution_real import ALPHAS, pair_cells, settings_cells

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("as_drawn", [True, False], ids=["as drawn", "read anew"])
def test_size_and_power_under_the_settings(as_drawn: bool) -> None:
    for drawn, tested, tokens, p in settings_cells(as_drawn=as_drawn):
        if drawn == tested:
            for rule, column in zip(("AUD202", "AUD203", "AUD204", "all"), p.T[1:], strict=True):
                for alpha in ALPHAS:
                    rejected = int((column <= alpha).sum())
                    assert rejected <= binom.isf(1e-3, len(column), alpha), (drawn, tokens, rule, alpha, rejected)
        elif tokens >= 200 and {drawn, tested} == {"t1", "t08"}:
            assert (p[:, 4] <= 0.01).mean() > 0.8


def test_two_models_are_told_apart() -> None:
    for name, words, n, right, wrong in pair_cells():
        assert wrong <= binom.isf(1e-3, n, 0.01), name
        if words >= 40:
            assert right / n > 0.9
