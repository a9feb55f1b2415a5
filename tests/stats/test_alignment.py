"""One text, two tokenisations: the ratio moves where both break, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_audit.stats.alignment import CAP, ESCAPE, align
from llm_audit.stats.combination import e_to_p
from tests.stats.laws import Laws, Texts, assert_size, random_laws

#      the cat|sat down|      null:  the| cat| sat| down       rival: the c|at| sat down
ENDS, OTHER_ENDS, WORDS = [3, 7, 11, 16], [5, 7, 16], [3, 7, 11]
OWN, OTHER = [-1.0, -2.0, -3.0, -4.0], [-2.5, -1.5, -9.0]


CHARGE = math.log1p(ESCAPE * CAP)


def ratio(*args: object) -> NDArray[np.float64]:
    """Log of the capped and charged ratio after each token."""
    path: NDArray[np.float64] = np.cumsum(align(*args) - np.asarray(args[0]))
    return path


def test_the_ratio_moves_at_common_word_ends_only() -> None:
    found = ratio(OWN, ENDS, OTHER, OTHER_ENDS, WORDS)
    np.testing.assert_allclose(found, [0, -1 - CHARGE, -1 - CHARGE, -1 - CHARGE])  # -4 against -3; the cut-off end never counts


def test_one_word_counts_at_most_the_cap() -> None:
    found = ratio([-30, -30, -1], [3, 7, 11], [-2, -1, -9], [3, 7, 11], [3, 7, 11])
    np.testing.assert_allclose(np.diff(found, prepend=0), [math.log(CAP) - CHARGE, math.log(CAP) - CHARGE, -8 - CHARGE])


def test_the_same_tokens_are_compared_one_by_one() -> None:
    rng = np.random.default_rng(0)
    own, rival, ends = rng.normal(-3, 0.5, 20), rng.normal(-3, 0.5, 20), np.arange(1, 21)
    np.testing.assert_allclose(align(own, ends, rival, ends, ends), rival - CHARGE)


def test_tokens_of_one_character_end_together() -> None:
    found = ratio([-1, -1, -1, -1], [1, 2, 2, 2], [-5, -7], [1, 2], [1, 2])
    assert found[-1] == pytest.approx(-12 + 4 - 2 * CHARGE)


def test_text_beyond_the_rivals_reach_is_no_evidence() -> None:
    np.testing.assert_allclose(align([-1, -2, -3], [4, 8, 12], [-1.5], [4], [4, 8, 12]), [-1.5 - CHARGE, -2, -3])


def test_size_where_one_word_in_a_hundred_is_not_canonical_and_power() -> None:
    """Such a word loses ten nats when it is read anew; the rival, nearby, reads it as it is."""
    base, n = random_laws(np.random.default_rng(0)), 200
    a, b = (base.mixed(random_laws(np.random.default_rng(seed)), 0.1) for seed in (1, 2))
    ends, rng = np.arange(1, n + 1), np.random.default_rng(3)

    def anytime(rival: Laws, texts: Texts, escape: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        own = a.logprob(texts) - 10 * (rng.random(texts.tokens.shape) < escape)
        other = rival.logprob(texts)
        paths = [ratio(x, ends, y, ends, ends) for x, y in zip(own, other, strict=True)]
        plain = np.cumsum(other - own, axis=1).max(axis=1)
        return (
            np.array([e_to_p(max(0.0, float(path.max()))) for path in paths]),
            np.array([e_to_p(max(0.0, float(peak))) for peak in plain]),
        )

    capped, plain = anytime(a.mixed(b, 0.05), a.write(rng, 10_000, n), ESCAPE)
    assert_size(capped)
    assert np.mean(plain <= 0.05) > 0.5  # without the cap, most texts would be taken from their author
    far = random_laws(np.random.default_rng(9))
    assert np.mean(anytime(far, far.write(rng, 300, n), 0.0)[0] <= 0.01) > 0.9
