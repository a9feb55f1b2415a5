"""The compiled kernels against plain numpy, and what they make of numbers that are not finite."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_audit.scoring import kernel


def softmax(scores: NDArray[np.float32], first: int, scale: float) -> NDArray[np.float64]:
    """Causal softmax in float64, row by row."""
    out = np.zeros(scores.shape)
    for head, row in np.ndindex(scores.shape[:2]):
        seen = scores[head, row, : first + row + 1].astype(np.float64) * scale
        powers = np.exp(seen - seen.max())
        out[head, row, : len(seen)] = powers / powers.sum()
    return out


@pytest.mark.parametrize(("first", "rows", "columns"), [(0, 1, 1), (0, 128, 128), (128, 40, 168), (5, 3, 77)])
def test_the_softmax_of_attention_is_that_of_numpy(first: int, rows: int, columns: int) -> None:
    scores = np.random.default_rng(0).normal(0, 30, (3, rows, columns)).astype(np.float32)
    expected = softmax(scores, first, 0.125)
    kernel.causal_softmax(scores, first, np.float32(0.125))
    np.testing.assert_allclose(scores, expected, rtol=3e-6, atol=1e-7)
    assert not scores[expected == 0].any()
    np.testing.assert_allclose(scores.sum(2), 1, rtol=1e-6)


def test_the_softmax_of_negative_scores_only_does_not_vanish() -> None:
    scores = np.full((1, 4, 4), -1e30, np.float32)
    kernel.causal_softmax(scores, 0, np.float32(1))
    np.testing.assert_allclose(scores[0, 3], 0.25)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_rows_that_see_a_number_that_is_not_finite_become_nan_and_no_others(wrong: float) -> None:
    scores = np.random.default_rng(0).normal(size=(2, 30, 40)).astype(np.float32)
    scores[1, :, 15] = wrong
    kernel.causal_softmax(scores, 10, np.float32(1))
    lost = np.zeros(scores.shape, bool)
    for row in range(5, 30):
        lost[1, row, : row + 11] = True
    np.testing.assert_array_equal(np.isnan(scores), lost)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 7), (3, kernel.TILE + 1), (5, 3 * kernel.TILE)])
def test_the_peak_of_each_row_is_found_while_the_row_before_is_summed(rows: int, columns: int) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(-3, 2, (rows, columns)).astype(np.float32)
    targets = rng.integers(0, columns, rows)
    peaks, sums, ranks = row_sums(logits, targets)
    np.testing.assert_array_equal(peaks, logits.max(1))
    observed = logits[np.arange(rows), targets][:, None]
    np.testing.assert_array_equal(ranks, 1 + (logits > observed).sum(1))
    total = np.exp(logits.astype(np.float64) - peaks[:, None]).sum(1)
    np.testing.assert_allclose(sums[:, 0], total, rtol=2e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 2, 4])
def test_a_row_with_a_number_that_is_not_finite_has_no_peak_and_the_others_keep_theirs(wrong: float, row: int) -> None:
    logits = np.random.default_rng(2).normal(-3, 2, (5, 2 * kernel.TILE)).astype(np.float32)
    expected = logits.max(1)
    logits[row, kernel.TILE + 3], expected[row] = wrong, np.nan
    peaks, sums, _ = row_sums(logits, np.zeros(5, np.int64))
    np.testing.assert_array_equal(peaks, expected)
    assert np.isfinite(sums[np.arange(5) != row]).all()


def row_sums(
    logits: NDArray[np.float32], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int32]]:
    n = len(logits)
    peaks, sums, ranks = np.empty(n, np.float32), np.empty((n, kernel.N_SUMS)), np.empty(n, np.int32)
    kernel.row_sums(logits, logits[np.arange(n), targets], peaks, sums, ranks)
    return peaks, sums, ranks


GATED = """
import sys
import numpy as np
from llm_audit.scoring import kernel
out = np.empty((1, 3), np.float32)
kernel.gated(np.ones((1, 6), np.float32), out)
print("numba" in sys.modules, *out[0])
"""


def compiled(folder: Path) -> bool:
    """Whether a new process had to compile the kernels; what they compute there is checked."""
    done = subprocess.run(
        [sys.executable, "-c", GATED],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder)},
    )
    with_numba, *values = done.stdout.split()
    np.testing.assert_allclose([float(value) for value in values], 1 / (1 + np.exp(-1)), rtol=1e-6)
    return with_numba == "True"


@pytest.mark.slow
def test_kernels_are_compiled_once_and_again_where_their_code_is_damaged(tmp_path: Path) -> None:
    assert compiled(tmp_path)
    (kept,) = tmp_path.glob("*.o")
    assert not compiled(tmp_path)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-100])
    assert compiled(tmp_path)
    assert len(kept.read_bytes()) == len(whole)
    assert not compiled(tmp_path)


def test_kernels_are_computed_where_their_code_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert compiled(tmp_path / "file")


def test_an_array_of_another_kind_is_refused_before_its_address_is_used() -> None:
    good, out = np.ones((2, 6), np.float32), np.empty((2, 3), np.float32)
    fixed = out.copy()
    fixed.flags.writeable = False
    for gate_up, gated in ((good.astype(np.float64), out), (np.ones((2, 12), np.float32)[:, ::2], out), (good, fixed)):
        with pytest.raises(ctypes.ArgumentError):
            kernel.gated(gate_up, gated)
