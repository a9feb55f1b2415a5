"""The corrected rank is uniform where the published one is not; size, power and the bet against it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import beta, cramervonmises

from llm_audit.stats import ranks
from tests.stats.laws import assert_size

RUNS, PROMPTS = 10_000, 100
Floats = NDArray[np.float64]


def statistics(r: Floats) -> Floats:
    """(runs,) omega^2 of (runs, n) ranks."""
    n = r.shape[1]
    grid = (2 * np.arange(1, n + 1) - 1) / (2 * n)
    return 1 / (12 * n) + ((np.sort(r, axis=1) - grid) ** 2).sum(axis=1)


def p_values(r: Floats) -> Floats:
    """(runs,) of (runs, n) ranks; p falls with omega^2, so that where it is above .06 it need not be computed: 1."""
    far = statistics(r) > 0.42
    p = np.ones(len(r))
    p[far] = [ranks.uniformity(row).p_value for row in r[far]]
    return p


def test_rank_by_hand() -> None:
    class Coin:
        def random(self, shape: tuple[int, ...]) -> Floats:
            return np.full(shape, 0.5)

    coin: np.random.Generator = Coin()
    found = ranks.relative_rank([2.0, 0.0, 9.0], [[1, 2, 2, 3], [1, 2, 2, 3], [1, 2, 2, 3]], coin)
    np.testing.assert_allclose(found, [(1 + 0.5 * 3) / 5, 0.5 / 5, 4.5 / 5])


def randomised_p_value(calibration: Floats, score: float, rng: np.random.Generator) -> float:
    """(#{s_i > s} + U (1 + #{s_i = s})) / (n + 1): the randomised conformal p-value (Vovk), as its definition has it."""
    above, ties = sum(s > score for s in calibration), sum(s == score for s in calibration)
    return float((above + rng.random() * (1 + ties)) / (len(calibration) + 1))


def test_rank_is_a_randomised_conformal_p_value_of_the_other_end() -> None:
    scores = np.random.default_rng(0).integers(0, 5, 21).astype(float)
    found = ranks.relative_rank(scores[0], scores[1:], np.random.default_rng(1))
    assert found == randomised_p_value(-scores[1:], -scores[0], np.random.default_rng(1))


@pytest.mark.parametrize("m", [5, 10, 100])
def test_size_is_nominal_and_that_of_the_published_rank_is_not(m: int) -> None:
    """10,000 audits of 100 prompts: .05, .01 and .001 attained; the published (#less + U #ties) / m: .93, .18, .05."""
    rng = np.random.default_rng(m)
    corrected = np.empty((RUNS, PROMPTS))
    published = np.empty((RUNS, PROMPTS))
    for start in range(0, RUNS, 1000):
        scores, references = rng.random((1000, PROMPTS)), rng.random((1000, PROMPTS, m))
        corrected[start : start + 1000] = ranks.relative_rank(scores, references, rng)
        published[start : start + 1000] = (references < scores[..., None]).mean(axis=2)  # continuous scores never tie
    assert_size(p_values(corrected), exact=True)
    rejected = np.mean(statistics(published) > 0.4614)  # nominal .05
    assert rejected == pytest.approx({5: 0.93, 10: 0.18, 100: 0.05}[m], abs=0.015)


def test_size_with_ties_and_unequal_numbers_of_references() -> None:
    rng = np.random.default_rng(1)
    parts = [ranks.relative_rank(rng.integers(0, 4, (RUNS, 10)), rng.integers(0, 4, (RUNS, 10, m)), rng) for m in (1, 3, 8)]
    assert_size(p_values(np.concatenate(parts, axis=1)), exact=True)


@pytest.mark.parametrize("n", [2, 5, 10, 30])
def test_size_of_few_prompts(n: int) -> None:
    assert_size(p_values(np.random.default_rng(n).random((RUNS, n))))


def test_one_prompt_is_exact() -> None:
    found = ranks.uniformity([0.98])
    assert found == pytest.approx((0.98, 1 / 12 + 0.48**2, 0.04))


def test_p_agrees_with_scipy_and_has_a_tail_where_scipy_has_rounding() -> None:
    r = np.random.default_rng(2).random(50)
    assert ranks.uniformity(r).p_value == pytest.approx(cramervonmises(r, "uniform").pvalue)
    assert ranks.uniformity(r).statistic == pytest.approx(float(statistics(r[None])[0]))
    extreme = [ranks.uniformity(r**power).p_value for power in (8, 16, 32)]
    assert 1e-70 < extreme[2] < extreme[1] < extreme[0] < 1e-9
    assert ranks.uniformity(np.zeros(5000)).p_value == np.finfo(np.float64).tiny


def test_power_for_shifts_either_way_and_for_spread() -> None:
    rng = np.random.default_rng(3)
    for shift, spread in ((0.6, 1.0), (-0.6, 1.0), (0.0, 2.2)):
        scores = shift + spread * rng.standard_normal((100, PROMPTS))
        r = ranks.relative_rank(scores, rng.standard_normal((100, PROMPTS, 10)), rng)
        found = [ranks.uniformity(row) for row in r]
        assert np.mean([each.p_value <= 0.01 for each in found]) > 0.9
        assert np.sign(round(float(np.mean([each.mean for each in found])) - 0.5, 1)) == np.sign(shift)


def test_every_bet_is_fair() -> None:
    for a, b in ranks.BETS:
        assert quad(lambda r, a=a, b=b: beta.pdf(r, a, b), 0, 1)[0] == pytest.approx(1, abs=1e-6)
    increments = [np.mean([beta.pdf(r, a, b) for a, b in ranks.BETS]) for r in (0.1, 0.5)]
    assert [ranks.wealth([r]).log_e for r in (0.1, 0.5)] == pytest.approx(np.log(increments))


def test_the_bet_holds_its_level_at_any_stop() -> None:
    """10,000 audits of 100 prompts, looked at after each: E reaches 1/a at most a share a of the time."""
    rng = np.random.default_rng(4)
    r = ranks.relative_rank(rng.standard_normal((RUNS, PROMPTS)), rng.standard_normal((RUNS, PROMPTS, 5)), rng)
    p = np.array([ranks.wealth(row).p_anytime for row in r])
    assert_size(p)
    assert np.mean(p <= 0.05) > 0.01


def test_the_bet_finds_substitutes_early() -> None:
    rng = np.random.default_rng(5)
    for shift, share, most in ((3.0, 1.0, 12), (-1.0, 1.0, 50), (5.0, 0.1, 200)):
        scores = rng.standard_normal((200, 200)) + shift * (rng.random((200, 200)) < share)
        r = ranks.relative_rank(scores, rng.standard_normal((200, 200, 100)), rng)
        assert np.mean([ranks.wealth(row[:most]).p_anytime <= 0.01 for row in r]) > 0.8


def test_no_prompt_no_evidence_and_the_ends_are_no_infinity() -> None:
    assert ranks.wealth([]).p_anytime == 1
    assert np.isfinite(ranks.wealth([0.0, 1.0]).path).all()


@pytest.mark.parametrize(
    ("scores", "references"), [([1.0], [[]]), ([np.nan], [[1.0]]), ([1.0], [[np.inf]]), ([1.0, 2.0], [[1.0]]), ([1.0], [1.0])]
)
def test_ranks_of_nothing_are_refused(scores: list[float], references: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="score"):
        ranks.relative_rank(scores, references, np.random.default_rng(0))


@pytest.mark.parametrize("bad", [[], [1.5], [np.nan], [[0.5]]])
def test_what_is_no_rank_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="ranks"):
        ranks.uniformity(bad)
