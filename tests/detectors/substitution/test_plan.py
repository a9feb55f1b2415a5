"""Plans from measured effects: more requests for less, and what cannot be found."""

from __future__ import annotations

from functools import cache

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.substitution.plan import effects, measured_size, plan, sequential_requests

USUAL = {"alpha": 0.01, "power": 0.9, "tokens": 8}


def test_the_shipped_effects_are_shares() -> None:
    known = effects()
    assert set(known) == {"q8", "q5", "q4"}
    assert all(len(effect.ranks) >= 40 and ((effect.ranks > 0) & (effect.ranks <= 1)).all() for effect in known.values())


def test_a_cruder_substitute_and_a_larger_share_take_fewer_requests() -> None:
    @cache
    def first(effect: str, rate: float) -> int:
        return sequential_requests(effects()[effect].ranks, rate, 0.005, 0.9, measured_size()) or 10**6

    assert first("q4", 1.0) <= first("q5", 1.0) <= first("q8", 1.0) < 60
    assert first("q4", 1.0) < first("q4", 0.3) < first("q4", 0.1)
    assert first("q8", 1.0) < first("q8", 0.1)


def test_a_plan_in_tokens_and_without_an_end() -> None:
    (first, second, third, fourth, fifth, sixth) = plan("q4", rate=1.0, **USUAL)
    enough = sequential_requests(effects()["q4"].ranks, 1.0, 0.005, 0.9, measured_size())
    assert enough and enough < 10 and (first.requests, second.requests) == (10, 10)  # no audit asks fewer
    assert first.tokens == 8 * (first.requests or 0) and second.rule == "AUD402"
    assert (third.rule, third.requests, third.tokens) == ("AUD407", 16, 128)
    assert (fourth.rule, fourth.requests, fourth.tokens) == ("AUD408", 400, 400)
    assert (fifth.rule, fifth.requests, fifth.tokens) == ("AUD409", 400, 400) and "after a baseline of " in fifth.note
    assert (sixth.rule, sixth.requests, sixth.tokens) == ("AUD410", 285, 285) and "finds it in 100% of audits" in sixth.note
    assert plan("q8", rate=0.001, **USUAL)[0].requests is None


def test_an_effect_that_nobody_measured() -> None:
    with pytest.raises(AuditError, match="there are q8, q5, q4"):
        plan("q2", rate=1.0, **USUAL)
