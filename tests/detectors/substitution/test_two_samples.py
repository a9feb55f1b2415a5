"""Texts of one law and of two."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.substitution import two_samples
from llm_audit.detectors.substitution.reference import LOCAL, TRUSTED
from llm_audit.results import Verdict
from llm_audit.results.substitution_evidence import Discrepancy, Kernel
from tests.detectors.laws import judge


def test_texts_of_the_same_law_and_of_another() -> None:
    rng = np.random.default_rng(4)

    def texts(letters: str) -> list[tuple[str, str]]:
        return [(f"p{i}", "".join(rng.choice(list(letters), 30))) for i in range(15) for _ in range(5)]

    same = judge(two_samples, texts("abcdef"), texts("abcdef"), "4", LOCAL, 199, alpha=0.01)
    other = judge(two_samples, texts("abcdefgh"), texts("abcdef"), "4", TRUSTED, 199, alpha=0.01)
    assert same.p_value is not None and same.p_value > 0.01 and other.p_value == other.p_floor == 1 / 200
    assert "between 75 and 75 texts, white space aside" in same.reason
    assert (same.null, other.null) == (LOCAL.null, TRUSTED.null)


def test_texts_that_repeat_themselves_are_no_draws() -> None:
    rng = np.random.default_rng(5)

    def texts() -> list[tuple[str, str]]:
        return [(f"p{i}", "".join(rng.choice(list("abcdef"), 30))) for i in range(15) for _ in range(5)]

    cached = [(prompt, text) for prompt, text in dict(texts()).items() for _ in range(5)]
    found = judge(two_samples, cached, texts(), "4", LOCAL, 199, alpha=0.01)
    assert (found.verdict, found.p_value) == (Verdict.NOT_ASSESSABLE, None)
    assert "more often than the reference at 15 of 15 prompts, less often at 0: it ignores temperature 1" in found.reason
    assert "the trusted texts come from a cache" in judge(two_samples, texts(), cached, "4", TRUSTED, 199, alpha=0.01).reason


def test_honest_draws_are_seldom_taken_for_a_cache() -> None:
    """Of a law that repeats itself: the sign test keeps its level."""
    rng = np.random.default_rng(6)

    def draws() -> list[tuple[str, str]]:
        return [(f"p{i}", str(rng.geometric(0.4 + 0.02 * i))) for i in range(20) for _ in range(5)]

    taken = 0
    for _ in range(2000):
        first, second = two_samples.distinct(draws()), two_samples.distinct(draws())
        kernels = tuple(Kernel(first=5, size=10, above=(0.0,) * 45) for _ in first)
        counted = tuple((first[prompt][0], second[prompt][0]) for prompt in first)
        taken += bool(two_samples.cached(Discrepancy(yardstick="local", seed="", prompts=kernels, distinct=counted)))
    assert taken <= 0.01 * 2000 + 3 * np.sqrt(0.01 * 2000)
