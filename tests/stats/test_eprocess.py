"""Mean one, size under plain and contaminated nulls, power, and the path against a slow loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_audit.scoring.tokens import RENYI_ORDERS
from llm_audit.stats import eprocess
from tests.stats.laws import Laws, assert_size, random_laws

RUNS, N, EPSILON = 10_000, 40, 0.05


def contaminated(
    laws: Laws, truncated: tuple[Laws, NDArray[np.float64]], contexts: NDArray[np.int64], tokens: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Increments of one text for the null "truncated, or with probability epsilon not"."""
    kept, log_kept = truncated
    return eprocess.contaminated_increments(
        kept.log_p[contexts, tokens],
        kept.renyi[contexts],
        laws.log_p[contexts, tokens],
        laws.renyi[contexts],
        log_kept[contexts],
        RENYI_ORDERS,
        EPSILON,
    )


def every_token(laws: Laws) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(C * K,) contexts and tokens: each token once after each context."""
    pool, vocabulary = laws.p.shape
    return np.repeat(np.arange(pool), vocabulary), np.tile(np.arange(vocabulary), pool)


def plain(laws: Laws, runs: int, writer: Laws, seed: int) -> list[eprocess.EProcess]:
    text = laws.columns(writer.write(np.random.default_rng(seed), runs, N))
    return [
        eprocess.mixture(eprocess.tempering_increments(logprob, renyi, RENYI_ORDERS))
        for logprob, renyi in zip(text.logprob, text.renyi, strict=True)
    ]


@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_mean_one_for_every_lambda(top_p: float) -> None:
    """sum_v A(v) e(v) = 1."""
    laws, _ = random_laws(np.random.default_rng(0)).truncated(top_p)
    contexts, tokens = every_token(laws)
    e = np.exp(eprocess.tempering_increments(laws.log_p[contexts, tokens], laws.renyi[contexts], RENYI_ORDERS))
    inside = np.isfinite(e)
    assert (inside[:, 0] == (laws.p.ravel() > 0)).all()
    means = (laws.p.ravel()[:, None] * np.where(inside, e, 0)).reshape(*laws.p.shape, -1).sum(axis=1)
    np.testing.assert_allclose(means, 1, atol=1e-12)


@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_mean_at_most_one_for_every_contamination(top_p: float) -> None:
    """At w = 0 and w = epsilon, hence between; and one of the two is 1, so that nothing is given away."""
    laws = random_laws(np.random.default_rng(1))
    kept, log_kept = laws.truncated(top_p)
    e = np.exp(contaminated(laws, (kept, log_kept), *every_token(laws)))
    assert np.isfinite(e).all()
    means = np.stack(
        [(kept.mixed(laws, w).p.ravel()[:, None] * e).reshape(*laws.p.shape, -1).sum(axis=1) for w in (0, EPSILON / 2, EPSILON)]
    )
    assert means.max() <= 1 + 1e-12
    np.testing.assert_allclose(means.max(axis=0), 1, atol=1e-12)
    assert (means[2] > means[0]).any() or top_p == 1


def test_contamination_without_truncation_changes_nothing() -> None:
    laws = random_laws(np.random.default_rng(2))
    contexts, tokens = every_token(laws)
    expected = eprocess.tempering_increments(laws.log_p[contexts, tokens], laws.renyi[contexts], RENYI_ORDERS)
    np.testing.assert_allclose(contaminated(laws, laws.truncated(1.0), contexts, tokens), expected, atol=1e-12)
    # Columns in float32: the mass outside may come out below zero.
    rounded = Laws(laws.log_p.astype(np.float32)), laws.renyi.astype(np.float32)
    noisy = eprocess.contaminated_increments(
        rounded[0].log_p[contexts, tokens],
        rounded[1][contexts] * np.float32(1 + 1e-6),
        rounded[0].log_p[contexts, tokens],
        rounded[1][contexts],
        np.full(len(contexts), 1e-7, np.float32),
        RENYI_ORDERS,
        EPSILON,
    )
    np.testing.assert_allclose(noisy, expected, atol=1e-4)


def test_one_lambda_is_a_likelihood_ratio_of_temperatures() -> None:
    laws = random_laws(np.random.default_rng(3))
    text = laws.write(np.random.default_rng(4), 1, N)
    increments = eprocess.tempering_increments(laws.logprob(text)[0], laws.columns(text).renyi[0], RENYI_ORDERS)
    for order, column in zip(RENYI_ORDERS, increments.T, strict=True):
        np.testing.assert_allclose(column, (laws.tempered(1 / order).logprob(text) - laws.logprob(text))[0], atol=1e-12)


def test_size_at_a_fixed_length_and_at_any() -> None:
    laws = random_laws(np.random.default_rng(5))
    processes = plain(laws, RUNS, laws, 6)
    assert_size(np.array([process.p_fixed for process in processes]))
    assert_size(anytime := np.array([process.p_anytime for process in processes]))
    assert np.mean(anytime <= 0.05) > 0.005


@pytest.mark.parametrize("temperature", [0.5, 1.7])
def test_power(temperature: float) -> None:
    laws = random_laws(np.random.default_rng(7))
    processes = plain(laws, 500, laws.tempered(temperature), 8)
    assert np.mean([process.p_fixed < 0.01 for process in processes]) > 0.6
    assert np.mean([process.p_anytime < 0.01 for process in processes]) > 0.6


@pytest.mark.parametrize("share", [0, EPSILON / 2, EPSILON])
def test_size_under_contamination(share: float) -> None:
    laws, rng = random_laws(np.random.default_rng(9)), np.random.default_rng(10)
    kept, log_kept = laws.truncated(0.8)
    texts = kept.mixed(laws, share).write(rng, RUNS, N)
    assert np.isneginf(kept.logprob(texts)).any() == (share > 0)
    increments = contaminated(laws, (kept, log_kept), texts.contexts.ravel(), texts.tokens.ravel())
    processes = [eprocess.mixture(steps) for steps in increments.reshape(RUNS, N, -1)]
    assert_size(np.array([process.p_fixed for process in processes]))
    assert_size(np.array([process.p_anytime for process in processes]))


def test_power_against_more_contamination_and_against_other_temperatures() -> None:
    laws, rng = random_laws(np.random.default_rng(11)), np.random.default_rng(12)
    kept, log_kept = laws.truncated(0.8)
    for writer in (laws, kept.tempered(0.4)):
        texts = writer.write(rng, 300, 2 * N)
        processes = [eprocess.mixture(contaminated(laws, (kept, log_kept), *row)) for row in zip(*texts, strict=True)]
        assert np.mean([process.p_anytime < 0.01 for process in processes]) > 0.8


def test_the_path_against_a_loop() -> None:
    steps = np.random.default_rng(13).normal(0.05, 1, (40, len(RENYI_ORDERS)))
    process = eprocess.mixture(steps)
    products, path = [1.0] * steps.shape[1], []
    for row in steps:
        products = [product * math.exp(step) for product, step in zip(products, row, strict=True)]
        path.append(math.log(sum(products) / len(products)))
    np.testing.assert_allclose(process.path, path, atol=1e-12)
    assert process.log_e == process.path[-1]
    assert process.log_peak == max(0.0, *process.path)
    assert process.p_fixed == min(1.0, math.exp(-process.log_e))
    assert process.p_anytime == math.exp(-process.log_peak)
    risen = steps[: int(process.path.argmax()) + 1]
    left_out = [eprocess.mixture(np.delete(risen, t, axis=0)).log_e for t in range(len(risen))]
    assert process.dominant == np.argmin(left_out)
    assert process.log_peak_without == pytest.approx(min(left_out))


def test_one_token_that_carries_everything_is_named() -> None:
    steps = np.zeros((50, 3))
    steps[17] = 20.0
    steps[18:] = -1.0  # it fades, but its peak is what counts
    process = eprocess.mixture(steps)
    assert (process.dominant, process.log_peak, process.log_peak_without) == pytest.approx((17, 20, 0), abs=1e-12)
    even = eprocess.mixture(np.full((50, 3), 0.4))
    assert even.log_peak_without == pytest.approx(49 * 0.4)
    falling = eprocess.mixture(-np.ones((50, 3)))
    assert (falling.dominant, falling.log_peak, falling.log_peak_without) == (-1, 0, 0)


def test_an_impossible_token_refutes_the_null() -> None:
    laws = random_laws(np.random.default_rng(14))
    logprob, renyi = np.full(5, -1.0), np.tile(laws.renyi[:1], (5, 1))
    logprob[2] = -np.inf
    increments = eprocess.tempering_increments(logprob, renyi, RENYI_ORDERS)
    assert (increments[2] == np.inf).all()
    process = eprocess.mixture(increments)
    assert process.log_e == process.log_peak == np.inf
    assert process.p_fixed == process.p_anytime == 0
    assert process.dominant == 2
    assert process.log_peak_without == pytest.approx(eprocess.mixture(increments[:2]).log_e)
    logprob[4] = -np.inf
    process = eprocess.mixture(eprocess.tempering_increments(logprob, renyi, RENYI_ORDERS))
    assert process.log_peak_without == pytest.approx(eprocess.mixture(increments[:2]).log_e)  # the first one is the peak


def test_a_token_that_the_untruncated_law_excludes_refutes_the_contaminated_null_too() -> None:
    renyi = np.zeros((1, len(RENYI_ORDERS)))
    increments = eprocess.contaminated_increments([-np.inf], renyi, [-np.inf], renyi, [0.0], RENYI_ORDERS, EPSILON)
    assert (increments == np.inf).all()


def test_no_tokens_no_evidence() -> None:
    process = eprocess.mixture(np.empty((0, 3)))
    assert (process.log_e, process.log_peak, process.log_peak_without, process.dominant) == (0, 0, 0, -1)
    assert process.p_fixed == process.p_anytime == 1


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_increments_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="above -inf"):
        eprocess.mixture([[0.0, 1.0], [bad, 0.0]])
    with pytest.raises(ValueError, match="above -inf"):
        eprocess.mixture(eprocess.tempering_increments([np.nan], np.zeros((1, 2)), (0.5, 2.0)))


@pytest.mark.parametrize("epsilon", [0.0, 1.0, -0.1])
def test_an_epsilon_that_is_no_share_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon"):
        eprocess.contaminated_increments([-1.0], np.zeros((1, 1)), [-1.0], np.zeros((1, 1)), [0.0], (2.0,), epsilon)
