"""Texts of one law and of two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import two_samples
from llm_audit.detectors.substitution.reference import LOCAL, TRUSTED
from llm_audit.results import Verdict
from llm_audit.results.substitution_evidence import Discrepancy, Kernel
from llm_audit.stats import kernels
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


def drawn(rng: np.random.Generator) -> list[tuple[str, str]]:
    """Five texts to each of fifteen prompts."""
    return [(f"p{i}", "".join(rng.choice(list("abcdef"), 30))) for i in range(15) for _ in range(5)]


def test_texts_that_are_always_the_same_are_no_draws() -> None:
    rng = np.random.default_rng(5)
    cached = [(prompt, text) for prompt, text in dict(drawn(rng)).items() for _ in range(5)]
    found = judge(two_samples, cached, drawn(rng), "4", LOCAL, 199, alpha=0.01)
    assert (found.verdict, found.p_value) == (Verdict.NOT_ASSESSABLE, None)
    assert "To 15 of 15 prompts all texts of the endpoint are one and the same: it ignores temperature 1" in found.reason
    assert "the trusted texts come from a cache" in judge(two_samples, drawn(rng), cached, "4", TRUSTED, 199, alpha=0.01).reason


def behind_cache(texts: list[tuple[str, str]], prompts: int, repeats: int) -> list[tuple[str, str]]:
    """The texts, of which at the first `prompts` prompts the first is there `repeats` times more, in the place of others."""
    return [texts[at - at % 5] if at < 5 * prompts and at % 5 <= repeats else text for at, text in enumerate(texts)]


@pytest.mark.parametrize(("prompts", "repeats"), [(15, 1), pytest.param(15, 2, marks=pytest.mark.slow), (5, 4)])
def test_texts_behind_a_cache_are_each_counted_once(prompts: int, repeats: int) -> None:
    """Such a server of the same law was found in most audits by its repeats alone."""
    rng = np.random.default_rng(7)
    ps, plain = [], 0
    for seed in range(30):
        endpoint, reference = behind_cache(drawn(rng), prompts, repeats), drawn(rng)
        found = judge(two_samples, endpoint, reference, str(seed), LOCAL, 199, alpha=0.01)
        assert found.p_value is not None and "the endpoint repeats its texts more than the reference" in found.reason
        ps.append(found.p_value)
        like = kernels.within_prompts(endpoint, reference, kernels.spectrum)
        plain += kernels.permuted(like, np.random.default_rng(seed), 199).p_value <= 0.05
    assert sum(p <= 0.05 for p in ps) <= 6 and plain >= 10
    other = [(prompt, text.replace("a", "g")) for prompt, text in drawn(rng)]
    seen = judge(two_samples, behind_cache(other, prompts, repeats), drawn(rng), "4", LOCAL, 199, alpha=0.01)
    assert seen.p_value == 1 / 200 and "as a cache does" in seen.reason


def test_only_trusted_texts_may_come_from_a_cache_on_either_side() -> None:
    rng = np.random.default_rng(8)
    endpoint, reference = drawn(rng), behind_cache(drawn(rng), 15, 2)
    assert "as a cache does" not in judge(two_samples, endpoint, reference, "4", LOCAL, 199, alpha=0.01).reason
    trusted = judge(two_samples, endpoint, reference, "4", TRUSTED, 199, alpha=0.01)
    assert "one endpoint repeats its texts more than the other" in trusted.reason


def test_a_p_value_of_repeats_that_was_changed_is_refused() -> None:
    rng = np.random.default_rng(9)
    measured = two_samples.measure(drawn(rng), drawn(rng), "4", LOCAL, 199)
    assert isinstance(measured.evidence, Discrepancy) and measured.evidence.repeats_p == 1
    forged = replace(measured, evidence=measured.evidence.model_copy(update={"repeats_p": 0.01}))
    with pytest.raises(ValueError, match="repeats"):
        two_samples.derive(forged, Terms(alpha=0.01))


def test_reports_from_before_repeats_were_tested_are_concluded_as_they_were() -> None:
    rng = np.random.default_rng(10)
    measured = two_samples.measure(behind_cache(drawn(rng), 15, 1), drawn(rng), "4", LOCAL, 199)
    assert isinstance(measured.evidence, Discrepancy)
    before = replace(measured, evidence=measured.evidence.model_copy(update={"repeats_p": None}))
    found = two_samples.derive(before, Terms(alpha=0.01))
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert "more often than the reference at 15 of 15 prompts, less often at 0" in found.reason


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
