"""Ranks of the endpoint's texts among the reference's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import rank_uniformity
from llm_audit.results import Verdict
from tests.detectors.laws import judge


def test_ranks_of_the_same_law_and_of_another() -> None:
    rng = np.random.default_rng(4)
    ranked = judge(rank_uniformity, rng.normal(3, 1, 40), rng.normal(0, 1, (40, 10)), "4", alpha=0.01)
    assert ranked.p_value is not None and ranked.p_value < 0.001 and ranked.effect and ranked.effect.value > 0.9
    same = judge(rank_uniformity, rng.normal(size=40), rng.normal(size=(40, 10)), "4", alpha=0.01)
    assert same.p_value is not None and same.p_value > 0.01


def test_what_is_always_the_same_is_no_draw() -> None:
    rng = np.random.default_rng(5)
    scores, references = rng.normal(3, 1, 40), rng.normal(0, 1, (40, 10))
    some = [f"prompt {at}" for at in range(40)]
    # Also a reference that ends half of its answers at once and a cache, and a cache of some prompts.
    for counted in ((some, some[:3]), (some, some[:20]), (some[:8], [])):
        greedy = judge(rank_uniformity, scores, references, "4", counted, alpha=0.01)
        assert (greedy.verdict, greedy.p_value) == (Verdict.NOT_ASSESSABLE, None) and "ignores temperature 1" in greedy.reason
    for counted in ((some[:7], []), (some[:24], some[:20]), None):  # what chance may do; a law that repeats itself
        assert judge(rank_uniformity, scores, references, "4", counted, alpha=0.01).p_value is not None


def test_a_report_that_did_not_count_prompts_of_one_side_alone_keeps_its_verdict() -> None:
    rng = np.random.default_rng(5)
    some = [f"prompt {at}" for at in range(40)]
    measured = rank_uniformity.measure(rng.normal(3, 1, 40), rng.normal(0, 1, (40, 10)), "4", (some, some[:20]))
    early = replace(measured, evidence=measured.evidence.model_copy(update={"alone": None}))
    assert rank_uniformity.derive(early, Terms(0.01)).p_value is not None
