"""One text, two tokenisations: the ratio moves where both break, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_audit.stats.alignment import GUARD, align
from llm_audit.stats.combination import e_to_p
from tests.stats.laws import Laws, Texts, assert_size, random_laws

#      the cat|sat down|      null:  the| cat| sat| down       rival: the c|at| sat down
ENDS, OTHER_ENDS, WORDS = [3, 7, 11, 16], [5, 7, 16], [3, 7, 11]
OWN, OTHER = [-1.0, -2.0, -3.0, -4.0], [-2.5, -1.5, -9.0]


def test_the_ratio_moves_at_common_word_ends_only() -> None:
    ratio = np.cumsum(align(OWN, ENDS, OTHER, OTHER_ENDS, WORDS, guard=0.0)) - np.cumsum(OWN)
    np.testing.assert_allclose(ratio, [0.0, -1.0, -1.0, -1.0])  # -4 against -3 at "the cat"; the cut-off end never counts


def test_at_a_common_place_the_sum_is_the_rivals_likelihood_less_the_guard() -> None:
    total = np.cumsum(align(OWN, ENDS, OTHER, OTHER_ENDS, [*WORDS, 16], guard=0.005))
    assert total[1] == pytest.approx(-4.0 - 0.005 * 3.0)
    assert total[3] == pytest.approx(-13.0 - 0.005 * 10.0)


def test_the_same_tokens_are_left_as_they_are() -> None:
    rng = np.random.default_rng(0)
    own, rival = rng.normal(-3, 1, 20), rng.normal(-3, 1, 20)
    np.testing.assert_allclose(align(own, np.arange(1, 21), rival, np.arange(1, 21), np.arange(1, 21), guard=0.0), rival)


def test_tokens_of_one_character_end_together() -> None:
    increments = align([-1, -1, -1, -1], [1, 2, 2, 2], [-5, -7], [1, 2], [1, 2], guard=0.0)
    assert np.cumsum(increments)[-1] == pytest.approx(-12)


def test_text_beyond_the_rivals_reach_is_no_evidence() -> None:
    increments = align([-1, -2, -3], [4, 8, 12], [-1.5], [4], [4, 8, 12], guard=0.0)
    np.testing.assert_allclose(increments, [-1.5, -2, -3])


def test_the_guard_keeps_the_size_where_the_null_is_underestimated() -> None:
    """The null's one tokenisation misses .5 % of the log-likelihood of the text."""
    base, n = random_laws(np.random.default_rng(0)), 400
    a, b = (base.mixed(random_laws(np.random.default_rng(seed)), 0.1) for seed in (1, 2))
    ends = np.arange(1, n + 1)

    def anytime(rival: Laws, texts: Texts, guard: float) -> NDArray[np.float64]:
        rows = zip(1.005 * a.logprob(texts), rival.logprob(texts), strict=True)
        ratios = (align(own, ends, other, ends, ends[9::10], guard) - own for own, other in rows)
        return np.array([e_to_p(max(0.0, float(np.cumsum(ratio).max()))) for ratio in ratios])

    texts = a.write(np.random.default_rng(10), 10_000, n)
    near = a.mixed(b, 0.02)
    assert_size(anytime(near, texts, GUARD))
    assert np.mean(anytime(near, texts, 0.0) <= 0.05) > 0.1
    assert np.mean(anytime(b, b.write(np.random.default_rng(11), 500, n), GUARD) <= 0.01) > 0.8
