"""Every column against the float64 oracle, within five times the error that the oracle itself makes in float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_audit.common.errors import AuditError
from llm_audit.scoring import head as head_module
from llm_audit.scoring import samplers
from llm_audit.scoring.head import Head, power_sums, power_sums_by_arrays
from llm_audit.scoring.lean_head import LeanHead
from llm_audit.scoring.team import Team
from llm_audit.scoring.tokens import Decoding
from tests.scoring import oracle

EPS = 2.0**-24  # a result cannot be asked to be better than one rounding to float32


def random_case(n: int, vocabulary: int, hidden: int = 24, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(n, hidden, generator=generator)
    weight = torch.randn(vocabulary, hidden, generator=generator)
    return states, weight, torch.randint(vocabulary, (n,), generator=generator)


def assert_within_oracle_error(
    found: dict[str, np.ndarray], exact: dict[str, np.ndarray], rounded: dict[str, np.ndarray], factor: float = 5.0
) -> None:
    for name in exact:
        if name == "rank":
            np.testing.assert_array_equal(found[name], exact[name])
            continue
        finite = np.isfinite(exact[name])
        np.testing.assert_array_equal(np.isfinite(found[name]), finite, err_msg=name)
        error = np.abs(found[name][finite] - exact[name][finite])
        own = np.abs(rounded[name][finite] - exact[name][finite])
        limit = factor * (own.max(initial=0.0) + EPS * np.maximum(1.0, np.abs(exact[name][finite])))
        assert (error <= limit).all(), f"{name}: {error.max():.3g} against the oracle's own {own.max():.3g}"


@pytest.mark.parametrize("vocabulary", [7, 2048, 2049, 50257])
@pytest.mark.parametrize("n", [1, 2, 13])
def test_columns_agree_with_the_oracle(n: int, vocabulary: int) -> None:
    states, weight, targets = random_case(n, vocabulary)
    (found,) = Head(weight, Decoding())(states, targets)
    exact = oracle.columns(states, weight, targets, torch.float64)
    rounded = oracle.columns(states, weight, targets, torch.float32)
    assert_within_oracle_error(found, exact, rounded)


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(temperature=0.7),
        Decoding(temperature=1.6),
        Decoding(top_k=5),
        Decoding(top_p=0.8),
        Decoding(min_p=0.1),
        Decoding(temperature=0.9, top_k=40, top_p=0.9, min_p=0.02),
    ],
    ids=str,
)
@pytest.mark.parametrize("vocabulary", [7, 3001])
def test_decoding_settings_are_those_of_transformers(decoding: Decoding, vocabulary: int) -> None:
    states, weight, targets = random_case(40, vocabulary, hidden=8, seed=3)
    weight *= 0.5  # flat enough for some observed tokens to be kept, and some excluded
    (found,) = Head(weight, decoding)(states, targets)
    exact = oracle.columns(states, weight, targets, torch.float64, decoding)
    rounded = oracle.columns(states, weight, targets, torch.float32, decoding)
    assert np.isinf(exact["logprob"]).any() == decoding.truncates
    assert_within_oracle_error(found, exact, rounded)


def test_a_nucleus_larger_than_looked_for_at_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    states, weight, targets = random_case(40, 3001, hidden=8, seed=3)
    weight *= 0.5
    (whole,) = Head(weight, Decoding(top_p=0.8))(states, targets)
    monkeypatch.setattr(samplers, "NUCLEUS", 7)
    (small,) = Head(weight, Decoding(top_p=0.8))(states, targets)
    for name, column in whole.items():
        np.testing.assert_array_equal(small[name], column, err_msg=name)


def test_several_settings_of_one_pass_do_not_touch_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    states, weight, targets = random_case(20, 300)
    settings = (Decoding(top_p=0.8), Decoding(), Decoding(temperature=0.7, top_k=9))
    alone = [Head(weight, decoding)(states, targets)[0] for decoding in settings]
    monkeypatch.setattr(head_module, "LOGIT_BYTES", 4 * 300 * 20)
    for found, expected in zip(Head(weight, *settings)(states, targets), alone, strict=True):
        for name, column in expected.items():
            np.testing.assert_array_equal(found[name], column, err_msg=name)


def test_ties_share_their_mass() -> None:
    # Columns in the same place of whole tiles: a processor may sum those of the last, partial tile in another order.
    states, weight, _ = random_case(6, 64)
    weight[20] = weight[4]
    weight[36] = weight[4]
    (found,) = Head(weight, Decoding())(states, torch.full((6,), 20))
    np.testing.assert_allclose(found["tie_mass"], 3 * np.exp(found["logprob"]), rtol=1e-5)
    np.testing.assert_array_equal(found["rank"], Head(weight, Decoding())(states, torch.full((6,), 4))[0]["rank"])


@pytest.mark.parametrize("shift", [-3000.0, 0.0, 3000.0])
def test_far_from_zero(shift: float) -> None:
    """All-negative and all-large logits: the verl kernel loses both."""
    states, weight, targets = random_case(5, 500)
    bias = torch.full((500,), shift)
    (found,) = Head(weight, Decoding(), bias=bias)(states, targets)
    (plain,) = Head(weight, Decoding())(states, targets)
    for name in ("logprob", "entropy", "varentropy"):
        np.testing.assert_allclose(found[name], plain[name], atol=abs(shift) * 1e-6 + 1e-6)


def test_a_certain_prediction_has_no_entropy() -> None:
    weight = torch.zeros(9, 1)
    weight[3] = 400.0
    (found,) = Head(weight, Decoding())(torch.ones(1, 1), torch.tensor([3]))
    for name in ("logprob", "entropy", "varentropy"):
        assert found[name][0] == pytest.approx(0, abs=1e-30)
    assert found["rank"][0] == 1


def test_rows_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    states, weight, targets = random_case(50, 777)
    (whole,) = Head(weight, Decoding())(states, targets)
    monkeypatch.setattr(head_module, "LOGIT_BYTES", 4 * 777 * 7)
    small = Head(weight, Decoding())
    assert small.n_rows == 7
    for name, column in small(states, targets)[0].items():
        np.testing.assert_allclose(column, whole[name], atol=2e-5, err_msg=name)


def test_logits_for_more_than_one_block_never_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "LOGIT_BYTES", 4 * 1000 * 8)
    states, weight, targets = random_case(100, 1000)
    head = Head(weight, Decoding())
    head(states, targets)
    assert head._block.numel() == 8 * 1000


def test_kernel_and_arrays_agree() -> None:
    states, weight, targets = random_case(64, 4099)
    logits = states @ weight.T
    by_kernel, ranks, peaks = power_sums(logits, targets)
    by_arrays, other_ranks, other_peaks = power_sums_by_arrays(logits, targets)
    np.testing.assert_allclose(by_kernel, by_arrays, rtol=3e-5, atol=1e-30)
    np.testing.assert_array_equal(ranks, other_ranks)
    np.testing.assert_array_equal(peaks, other_peaks)


@pytest.mark.parametrize("wrong", [np.nan, -np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_no_peak(wrong: float) -> None:
    logits = torch.randn(3, 5000, generator=torch.Generator().manual_seed(0)) - 9
    logits[1, 4321] = wrong
    _, _, peaks = power_sums(logits, torch.zeros(3, dtype=torch.int64))
    assert np.isnan(peaks).tolist() == [False, True, False]
    np.testing.assert_array_equal(peaks[[0, 2]], logits[[0, 2]].amax(1))


@pytest.mark.parametrize("top_k", [0, 3])
@pytest.mark.parametrize("decodings", [(Decoding(),), (Decoding(temperature=0.7), Decoding())], ids=str)
def test_the_head_without_torch_is_the_same(decodings: tuple[Decoding, ...], top_k: int) -> None:
    states, weight, targets = random_case(40, 777)
    with_torch = Head(weight, *decodings)(states, targets, top_k=top_k)
    without = LeanHead(weight.numpy(), Team(1), *decodings).columns(states.numpy(), targets.numpy(), top_k=top_k)
    for found, expected in zip(without, with_torch, strict=True):
        assert found.keys() == expected.keys()
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=2e-5, err_msg=name)


def test_cross_columns_agree_with_the_oracle() -> None:
    states, weight, targets = random_case(9, 1234)
    other_states, other_weight, _ = random_case(9, 1234, seed=5)
    (found,) = Head(weight, Decoding())(states, targets, reference=(Head(other_weight, Decoding()), other_states))
    exact, rounded = (
        oracle.columns(states, weight, targets, dtype, reference=(other_states, other_weight))
        for dtype in (torch.float64, torch.float32)
    )
    assert_within_oracle_error(found, exact, rounded)


def test_a_model_as_its_own_reference_gives_its_own_entropy() -> None:
    states, weight, targets = random_case(9, 1234)
    (found,) = Head(weight, Decoding())(states, targets, reference=(Head(weight, Decoding()), states))
    np.testing.assert_allclose(found["cross_entropy"], found["entropy"], rtol=1e-5)
    np.testing.assert_allclose(found["cross_varentropy"], found["varentropy"], rtol=1e-4)


def test_top_k_tokens_come_with_their_log_probabilities() -> None:
    states, weight, targets = random_case(4, 60)
    (found,) = Head(weight, Decoding())(states, targets, top_k=3)
    log_p = torch.log_softmax(states.double() @ weight.double().T, 1)
    values, ids = log_p.topk(3, dim=1)
    np.testing.assert_array_equal(found["top_ids"], ids.numpy())
    np.testing.assert_allclose(found["top_logprobs"], values.numpy(), atol=1e-5)


def test_bfloat16_weights_give_float32_statistics_of_their_own_logits() -> None:
    states, weight, targets = random_case(20, 900)
    states, weight = states.bfloat16(), weight.bfloat16()
    (found,) = Head(weight, Decoding())(states, targets)
    exact, rounded = (oracle.columns(states, weight, targets, dtype) for dtype in (torch.float64, torch.float32))
    assert_within_oracle_error(found, exact, rounded)


def test_damaged_weights_are_named() -> None:
    states, weight, targets = random_case(3, 50)
    weight[7, 7] = torch.nan
    with pytest.raises(AuditError, match="not finite"):
        Head(weight, Decoding())(states, targets)
