"""The law of rounded distances to fixed places, against simulation and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llm_audit.stats import deviation_tail


def test_one_distance_by_hand() -> None:
    half = deviation_tail.STEPS // 2
    assert math.exp(deviation_tail.log_tail(half - 1, [0.0])) == pytest.approx(0.5)  # |u - 0| < 1/2
    assert math.exp(deviation_tail.log_tail(half // 2 - 1, [0.5])) == pytest.approx(0.5)  # |u - 1/2| < 1/4
    assert deviation_tail.log_tail(deviation_tail.STEPS - 1, [0.3]) == 0.0


def test_sums_are_as_simulated() -> None:
    rng = np.random.default_rng(4)
    places = np.append(rng.random(18), [0.5, 0.5])
    sums = deviation_tail.rounded(np.abs(places - rng.random((200_000, 20)))).sum(axis=1)
    for share in (0.001, 0.01, 0.3):
        total = int(np.quantile(sums, share))
        p = math.exp(deviation_tail.log_tail(total, places))
        assert (sums <= total).mean() == pytest.approx(p, abs=5 * math.sqrt(p / 200_000))


def test_far_out_it_is_the_volume_of_a_simplex() -> None:
    """P(sum of n uniforms <= s) = s^n / n! for s <= 1, with the rounding's n half steps."""
    n, total = 12, deviation_tail.STEPS // 2
    p = deviation_tail.log_tail(total, np.zeros(n))
    volume = n * math.log((total + n / 2 + 0.5) / deviation_tail.STEPS) - math.lgamma(n + 1)
    assert p == pytest.approx(volume, abs=0.02)
