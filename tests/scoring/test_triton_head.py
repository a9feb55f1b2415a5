"""The kernel for GPUs in Triton's interpreter, on this CPU: every column against the float64 oracle."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch

from llm_audit.common.errors import NotAvailable
from llm_audit.scoring.head import Head
from tests.processors import sums_hang_on_no_place
from tests.scoring import oracle
from tests.scoring.test_head import assert_within_oracle_error, random_case

pytestmark = pytest.mark.skipif(
    find_spec("triton") is None, reason="triton is not installed: `pip install triton` on Linux runs these in its interpreter"
)


@pytest.fixture(scope="module")
def triton_head() -> Iterator[ModuleType]:
    """In Triton's interpreter (tests/conftest.py asks for it); in small tiles and parts."""
    with pytest.MonkeyPatch.context() as patch:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from llm_audit.scoring import triton_head as module
        for name, size in {"ROWS": 16, "VOCABULARY": 32, "DEPTH": 16, "PART": 96}.items():
            patch.setattr(module, name, size)
        yield module


@pytest.mark.parametrize(("n", "vocabulary", "hidden"), [(1, 7, 16), (5, 32, 24), (19, 97, 24), (16, 401, 40)])
def test_columns_agree_with_the_oracle(triton_head: ModuleType, n: int, vocabulary: int, hidden: int) -> None:
    """Vocabularies of one part and of several, none of them a multiple of the tile."""
    states, weight, targets = random_case(n, vocabulary, hidden)
    found = triton_head.statistics(states, weight, targets)
    exact, rounded = (oracle.columns(states, weight, targets, dtype) for dtype in (torch.float64, torch.float32))
    assert_within_oracle_error(found, exact, rounded, factor=10)  # of few rows, the oracle's own error is small by luck


def test_two_models_agree_with_the_oracle(triton_head: ModuleType) -> None:
    states, weight, targets = random_case(9, 230)
    other_states, other_weight, _ = random_case(9, 230, hidden=40, seed=5)
    found = triton_head.statistics(states, weight, targets, (other_weight, other_states))
    exact = oracle.columns(states, weight, targets, torch.float64, reference=(other_states, other_weight))
    for name in oracle.CROSS:
        np.testing.assert_allclose(found[name], exact[name], rtol=2e-5, err_msg=name)
    alone = triton_head.statistics(states, weight, targets)
    for name, column in alone.items():
        np.testing.assert_array_equal(found[name], column, err_msg=name)


@pytest.mark.parametrize("rounded", [False, True])
def test_ties_are_exact(triton_head: ModuleType, rounded: bool) -> None:
    states, weight, _ = random_case(6, 120)
    if rounded:  # so that every order of the same products has the same sum
        states, weight = (16 * states).round() / 16, (16 * weight).round() / 16
    weight[11] = weight[4]  # of one tile
    weight[119] = weight[4]  # of another part
    found = [triton_head.statistics(states, weight, torch.full((6,), target)) for target in (4, 11, 119)]
    if not rounded and not sums_hang_on_no_place():
        pytest.skip("numpy's product, in which the interpreter computes, hangs on the place of a column on this processor")
    for each in found:
        np.testing.assert_allclose(each["tie_mass"], 3 * np.exp(each["logprob"]), rtol=1e-5)
        np.testing.assert_array_equal(each["rank"], Head(weight)(states, torch.full((6,), 4))[0]["rank"])


@pytest.mark.parametrize("order", ["rising", "falling"])
def test_a_peak_that_moves_in_every_tile(triton_head: ModuleType, order: str) -> None:
    """Logits from -60 to 60 in order: everything is rescaled time and again, or never."""
    levels = torch.linspace(-60, 60, 200) * (1 if order == "rising" else -1)
    states, weight = torch.zeros(3, 16), levels[:, None].expand(200, 16).contiguous()
    states[:, 3] = 1.0  # so that the product is exact
    targets = torch.tensor([0, 100, 199])
    found = triton_head.statistics(states, weight, targets)
    exact, rounded = (oracle.columns(states, weight, targets, dtype) for dtype in (torch.float64, torch.float32))
    assert_within_oracle_error(found, exact, rounded, factor=8)


@pytest.mark.parametrize("level", [-3000.0, 3000.0])
def test_far_from_zero(triton_head: ModuleType, level: float) -> None:
    states, weight, targets = random_case(4, 90, hidden=15)
    ones = torch.ones(4, 1)
    far = torch.cat([weight, torch.full((90, 1), level)], 1)
    found = triton_head.statistics(torch.cat([states, ones], 1), far, targets)
    (plain,) = Head(weight)(states, targets)
    for name in ("logprob", "entropy"):
        np.testing.assert_allclose(found[name], plain[name], atol=2e-3)


def test_a_row_does_not_depend_on_its_batch_mates(triton_head: ModuleType) -> None:
    rtol = 0 if sums_hang_on_no_place() else 3e-6  # the interpreter computes in numpy
    states, weight, targets = random_case(40, 150)
    whole = triton_head.statistics(states, weight, targets)
    for row in (0, 17, 39):
        alone = triton_head.statistics(states[row : row + 1].contiguous(), weight, targets[row : row + 1].contiguous())
        for name, column in alone.items():
            np.testing.assert_allclose(column[0], whole[name][row], rtol=rtol, err_msg=name)


def test_half_precision_is_summed_in_float32(triton_head: ModuleType) -> None:
    states, weight, targets = random_case(5, 100)
    half = triton_head.statistics(states.half(), weight.half(), targets)
    exact = oracle.columns(states.half(), weight.half(), targets, torch.float64)
    np.testing.assert_allclose(half["logprob"], exact["logprob"], atol=1e-4)
    np.testing.assert_array_equal(half["rank"], exact["rank"])


def test_numbers_that_are_not_finite_are_refused(triton_head: ModuleType) -> None:
    states, weight, targets = random_case(3, 50)
    states[1, 0] = float("nan")
    with warnings.catch_warnings(), pytest.raises(NotAvailable, match="not finite"):
        warnings.simplefilter("ignore")  # numpy's, inside the interpreter
        triton_head.statistics(states, weight, targets)
