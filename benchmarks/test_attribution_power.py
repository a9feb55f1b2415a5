"""The table of sizes and powers, against the research note's."""

from __future__ import annotations

import pytest

from benchmarks.attribution_power import ALPHAS, NOTE_SKEW, TESTS, power, shares, skew, tails
from tests.stats.laws import assert_size

BANDS = {"z": 0.08, "e fixed": 0.16, "e anytime": 0.12, "LR": 0.1, "KS": 0.1, "Fisher": 0.08}
"""How far a power may lie from the note's: other conditionals of the same kind, 600 texts each (standard error up to .02),
and for the e-process another grid of lambda."""


@pytest.mark.bench
def test_size_and_power() -> None:
    found = {(cell.writer, cell.n): (cell, p) for cell, p in power()}
    for (writer, n), (cell, p) in found.items():
        for name, note in cell.note.items():
            for ours, expected in zip(shares(p[name])[:2], note[:2], strict=True):
                assert expected is None or abs(ours - expected) <= BANDS[name], (writer, n, name, ours, expected)
        assert shares(p["certificate"])[0] <= 0.02  # vacuous at these lengths
    null = found["A itself", 400][1]
    for name in TESTS:
        assert_size(null[name], exact=name in {"KS", "Fisher", "AD"})
    blind = found["another model", 400][1]
    assert shares(blind["LR"])[1] > 0.98
    assert max(shares(blind[name])[1] for name in TESTS if name != "LR") < 0.15


@pytest.mark.bench
def test_skew_of_z() -> None:
    for n, z in skew():
        for ours, note in zip(tails(z), NOTE_SKEW[n], strict=True):
            assert ours[:2] == pytest.approx(note[:2], rel=0.15), n
        (above, below) = tails(z)
        for i, alpha in enumerate(ALPHAS):
            assert above[i] > alpha > below[i]
