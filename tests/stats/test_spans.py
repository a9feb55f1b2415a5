"""Windows: what they cover, their size, and that a marked part is found where the whole text hides it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_audit.stats import spans
from llm_audit.stats.laws import Bernoulli, Exponential


def test_the_cover_by_hand() -> None:
    assert spans.cover(40, 32).tolist() == [[0, 40], [0, 32], [8, 40]]
    assert spans.cover(10, 32).tolist() == [[0, 10]] and len(spans.cover(0)) == 0
    assert [0, 64] in spans.cover(200).tolist() and [136, 200] in spans.cover(200).tolist()


@pytest.mark.parametrize("n", [48, 100, 333])
def test_every_part_has_a_window_of_a_third_inside(n: int) -> None:
    windows = spans.cover(n)
    for start in range(0, n - 48 + 1, 7):
        for stop in range(start + 48, n + 1, 7):
            inside = windows[(windows[:, 0] >= start) & (windows[:, 1] <= stop)]
            assert (inside[:, 1] - inside[:, 0]).max() >= (stop - start) / 3


@pytest.mark.parametrize("law", [Bernoulli(0.25), Exponential()], ids=lambda law: law.kind)
def test_size_of_both_p_values(law: Bernoulli | Exponential) -> None:
    rng, runs = np.random.default_rng(3), 1000
    found = [spans.scan(law.draw(rng, (1, 150))[0], law, rng, draws=99) for _ in range(runs)]
    for alpha in (0.05, 0.01):
        for p in ([scan.p_simulated for scan in found], [math.exp(scan.log_p_cover) for scan in found]):
            assert binomtest(sum(value <= alpha for value in p), runs, alpha, alternative="greater").pvalue > 1e-4
    assert sum(scan.p_simulated <= 0.05 for scan in found) > 25  # it is not idle


def test_a_marked_part_is_found_where_the_whole_text_hides_it() -> None:
    rng, law = np.random.default_rng(5), Exponential()
    whole, windows, hits = 0, 0, 0
    for _ in range(60):
        scores = law.draw(rng, (1, 1000))[0]
        scores[400:500] += 0.6 * rng.standard_exponential(100)
        scan = spans.scan(scores, law, rng, draws=999)
        whole += law.log_tail(scores.sum(), 1000) <= math.log(0.001)
        windows += scan.p_simulated <= 0.001
        chosen = scan.windows[spans.disjoint(scan, 0.001)]
        hits += bool(len(chosen)) and bool(((chosen[:, 0] < 500) & (chosen[:, 1] > 400)).all())
    assert whole < 20 < 40 < windows and hits > 35, (whole, windows, hits)


def test_disjoint_windows_do_not_overlap_and_all_reject() -> None:
    rng = np.random.default_rng(6)
    scores = (rng.random(600) < 0.25).astype(float)
    scores[100:180] = scores[400:500] = 1
    scan = spans.scan(scores, Bernoulli(0.25), rng, draws=99)
    chosen = spans.disjoint(scan, 0.01)
    assert len(chosen) >= 2
    for first, second in pairwise(chosen):
        assert scan.windows[first, 1] <= scan.windows[second, 0]
    assert (scan.log_p[chosen] <= math.log(0.01 / len(scan.windows))).all()


def test_a_scan_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        spans.scan([], Exponential(), np.random.default_rng(0))
