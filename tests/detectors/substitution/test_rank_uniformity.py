"""Ranks of the endpoint's texts among the reference's own."""

from __future__ import annotations

import numpy as np

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
    greedy = judge(rank_uniformity, scores, references, "4", (40, 3), alpha=0.01)
    assert (greedy.verdict, greedy.p_value) == (Verdict.NOT_ASSESSABLE, None) and "ignores temperature 1" in greedy.reason
    for counted in ((20, 0), (40, 20), None):  # half of the prompts; a law that repeats itself; not counted
        assert judge(rank_uniformity, scores, references, "4", counted, alpha=0.01).p_value is not None
