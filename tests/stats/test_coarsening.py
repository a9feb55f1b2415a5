"""The coarsened law against brute force, and the tests on its columns: same size, less power."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_audit.scoring.tokens import RENYI_ORDERS
from llm_audit.stats import concentration, eprocess, pit
from llm_audit.stats.coarsening import Coarsened, coarsen
from tests.stats.laws import Laws, assert_size, random_laws

RUNS, N, K = 10_000, 50, 10
LAWS = random_laws(np.random.default_rng(0))


def listed(laws: Laws, contexts: NDArray[np.int64], tokens: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What an API would return: the K likeliest, and where the token stands among them."""
    top = np.argsort(-laws.log_p, axis=1, kind="stable")[:, :K][contexts]
    found = top == tokens[:, None]
    return np.take_along_axis(laws.log_p[contexts], top, axis=1), np.where(found.any(axis=1), found.argmax(axis=1), K)


def coarsened_texts(writer: Laws, runs: int, seed: int, n: int = N) -> list[Coarsened]:
    texts = writer.write(np.random.default_rng(seed), runs, n)
    flat = coarsen(*listed(LAWS, texts.contexts.ravel(), texts.tokens.ravel()), RENYI_ORDERS)
    return [Coarsened(*(column[i * n : (i + 1) * n] for column in flat)) for i in range(runs)]


def p_values(texts: list[Coarsened]) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    e = [eprocess.mixture(eprocess.tempering_increments(text.logprob, text.renyi, RENYI_ORDERS)) for text in texts]
    return {
        "z": np.array([concentration.martingale_z(text.logprob, text.entropy, text.varentropy).p_value for text in texts]),
        "fixed": np.array([process.p_fixed for process in e]),
        "anytime": np.array([process.p_anytime for process in e]),
        "pit": np.array([pit.fisher(pit.randomised(text.mass_above, text.tie_mass, rng)) for text in texts]),
    }


def test_against_brute_force() -> None:
    rng = np.random.default_rng(2)
    contexts, tokens = rng.integers(96, size=200), rng.integers(30, size=200)
    top, index = listed(LAWS, contexts, tokens)
    columns = coarsen(top, index, (0.5, 2.0))
    assert (index == K).any()
    for i in range(200):
        p = np.r_[np.exp(top[i]), 1 - np.exp(top[i]).sum()]
        entropy = -sum(p * np.log(p))
        assert columns.logprob[i] == pytest.approx(np.log(p[index[i]]))
        assert columns.entropy[i] == pytest.approx(entropy)
        assert columns.varentropy[i] == pytest.approx(sum(p * np.log(p) ** 2) - entropy**2)
        assert columns.rank[i] == 1 + sum(q > p[index[i]] for q in p)
        assert columns.mass_above[i] == pytest.approx(sum(q for q in p if q > p[index[i]]))
        assert columns.tie_mass[i] == pytest.approx(sum(q for q in p if q == p[index[i]]))
        assert columns.renyi[i] == pytest.approx([np.log(sum(p**0.5)), np.log(sum(p**2))])


def test_other_can_be_the_likeliest_symbol() -> None:
    columns = coarsen(np.log([[0.2, 0.1], [0.2, 0.1]]), [0, 2], (2.0,))
    assert columns.rank.tolist() == [2, 1]
    np.testing.assert_allclose(columns.mass_above, [0.7, 0])
    np.testing.assert_allclose(columns.tie_mass, [0.2, 0.7])


def test_mean_one() -> None:
    contexts, symbols = np.repeat(np.arange(96), K + 1), np.tile(np.arange(K + 1), 96)
    top = -np.sort(-LAWS.log_p, axis=1)[:, :K][contexts]
    columns = coarsen(top, symbols, RENYI_ORDERS)
    e = np.exp(eprocess.tempering_increments(columns.logprob, columns.renyi, RENYI_ORDERS))
    np.testing.assert_allclose((np.exp(columns.logprob)[:, None] * e).reshape(96, K + 1, -1).sum(axis=1), 1, atol=1e-12)


def test_size() -> None:
    p = p_values(coarsened_texts(LAWS, RUNS, 3))
    assert_size(p["fixed"])
    assert_size(p["anytime"])
    assert_size(p["pit"], exact=True)
    assert abs(np.mean(p["z"] <= 0.05) - 0.05) < 0.01
    assert 0.005 < np.mean(p["z"] <= 0.01) < 0.02


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_power(temperature: float) -> None:
    for name, p in p_values(coarsened_texts(LAWS.tempered(temperature), 300, 4, n=2 * N)).items():
        assert np.mean(p <= 0.01) > 0.6, name


def test_nothing_left_over() -> None:
    """The list covers everything, or a little more by rounding: "other" stays barely possible."""
    for top in ([0.5, 0.5], [0.5003, 0.5002]):
        columns = coarsen(np.log([top, top]), [0, 2], (0.5,))
        assert columns.logprob[0] == pytest.approx(np.log(0.5), abs=1e-3)
        assert columns.logprob[1] == pytest.approx(np.log(1e-6), abs=1e-3)
        assert np.isfinite(columns.renyi).all()
        assert columns.tie_mass[1] > 0


def test_a_listed_token_of_probability_zero_is_impossible() -> None:
    columns = coarsen([[0.0, -np.inf]], [1], (0.5,))
    assert columns.logprob == -np.inf
    assert columns.tie_mass == 0
    assert np.isfinite([columns.entropy, columns.varentropy, columns.renyi[:, 0]]).all()


def test_no_tokens() -> None:
    columns = coarsen(np.empty((0, 5)), np.empty(0, np.int64), (0.5, 2.0))
    assert columns.renyi.shape == (0, 2)


@pytest.mark.parametrize(
    ("top", "index", "message"),
    [
        ([[-1.0, np.nan]], [0], "NaN"),
        ([[-2.0, -1.0]], [0], "do not fall"),
        ([[-0.1, -0.2]], [0], "more than 1"),
        ([[800.0, -0.2]], [0], "more than 1"),
        ([[-1.0, -2.0]], [3], "from 0 to 2"),
        ([[-1.0, -2.0]], [-1], "from 0 to 2"),
        ([[-1.0, -2.0]], [0, 1], "from 0 to 2"),
    ],
)
def test_what_is_no_list_of_top_tokens_is_refused(top: list[list[float]], index: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coarsen(top, index, (0.5,))
