"""Every announced detector passes the public contract, and the contract catches what breaks it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors import find, registry, statistic_rule
from llm_audit.detectors.attribution import pit
from llm_audit.detectors.attribution.base import Outcome
from llm_audit.detectors.attribution.run import find_rules as find_candidate_rules
from llm_audit.detectors.integrity.base import IntegrityRule, Oddities, find_rules
from llm_audit.detectors.membership.likelihood import loss
from llm_audit.detectors.origin import curvature, log_rank, lrr, perplexity_ratio
from llm_audit.results import Result
from llm_audit.scoring.tokens import TokenScores
from llm_audit.testing import certain_scores, check_rule, sample_scores
from llm_audit.testing.statistic import CLAUSES

PROVENANCE = {"gap": "AUD201", "e-process": "AUD202", "pit": "AUD203", "likelihood-ratio": "AUD204"}
SCORES = sample_scores(90, np.random.default_rng(0))
PAIR = sample_scores(90, np.random.default_rng(0), two_models=True)


ODD = {
    "AUD901": "Thе quiсk brоwn fох",
    "AUD902": "th\u200be qu\u200bick br\u2060own fox",
    "AUD903": "if access \u202eresu\u202c: grant",
}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=f"{rule.code} {rule.name}") for rule in registry.every_rule()])
def test_every_rule_keeps_the_contract(rule: registry.AnyRule) -> None:
    check_rule(rule, *([ODD[rule.code]] if rule.code in ODD else []))


def test_codes_and_names_are_those_of_one_rule() -> None:
    rules = list(registry.every_rule())
    names = [rule.name for rule in rules]
    assert len(names) == len(set(names))
    several = {rule.code for rule in rules if sum(other.code == rule.code for other in rules) > 1}
    assert several == {"AUD302", "AUD303"}  # scores of one kind
    assert all(rule.code == registry.explain(rule.code).code and registry.explain(rule.name) is rule for rule in rules)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"method": " "}, "has no method"),
        ({"statistic": lambda passes: float(np.log(-passes.scores.logprob.mean()))}, "not finite"),
        ({"statistic": lambda passes: -float(passes.scores.logprob.mean())}, "not higher"),
        ({"statistic": lambda passes: passes.scores.logprob.mean()}, "not float"),
        ({"saturation": lambda passes: 2.0}, "no share"),
        ({"variants": (("x", lambda passes: float("nan")),)}, "loss x is not finite"),
    ],
)
def test_the_contract_catches_a_broken_membership_score(broken: dict[str, object], said: str) -> None:
    with pytest.raises(AssertionError, match=said), np.errstate(divide="ignore"):
        check_rule(dataclasses.replace(loss, **broken))  # type: ignore[arg-type]  # broken on purpose


def test_ours_are_announced_under_their_codes() -> None:
    rules = {rule.code: rule.name for rule in find(())}
    zero_shot = {"AUD101": "curvature", "AUD102": "perplexity-ratio", "AUD103": "log-rank", "AUD104": "lrr"}
    assert rules == zero_shot | {"AUD110": "classifier"}


def test_a_statistic_of_another_type_is_said_so_by_every_clause_that_needs_a_number() -> None:
    """An array gives no "truth value of an array is ambiguous", which tells its writer nothing."""
    rule = dataclasses.replace(find(["lrr"])[0], statistic=lambda scores: scores.rank)
    for clause in ("gives the same number for the same scores", "reads nothing but the scores"):
        with pytest.raises(AssertionError, match="returns ndarray, not float"):
            CLAUSES[clause](rule)


def test_those_against_a_model_are_apart() -> None:
    assert {rule.name: rule.code for rule in find_candidate_rules()} == PROVENANCE
    with pytest.raises(AuditError, match="it is for `llm-audit attribute`"):
        find(["pit"])
    with pytest.raises(AuditError, match="it is for `llm-audit detect`"):
        find(["lrr"], family="attribution")
    with pytest.raises(AuditError, match="There is no detector 'generated'; choose from classifier, "):
        find(["generated"])


BROKEN = {
    "is not finite": lambda scores: float(scores.logprob.mean() / np.log(scores.rank).mean()),
    "not float": lambda scores: np.float32(1),
    "changes the scores": lambda scores: float(scores.logprob.__setitem__(0, -1.0) or -scores.logprob.mean()),
    "where the text stands": lambda scores: float(scores.char_start[0]),
    "not higher": lambda scores: float(-scores.logprob.mean()),
    "two numbers": lambda scores, state=[0]: float(state.append(0) or len(state)),  # the shared state is the defect
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_the_contract_catches(complaint: str) -> None:
    broken = dataclasses.replace(curvature.rule, statistic=BROKEN[complaint])
    with pytest.raises(AssertionError, match=complaint), np.errstate(all="ignore"):
        check_rule(broken)


def said(result: Result, reason: str) -> Result:
    return result.model_copy(update={"reason": reason})


CALLS = iter(range(100))
BROKEN_TESTS = {
    "refutes 400 of 400": {"outcome": lambda evidence, level: Outcome(0.01, None, 0.0)},
    "gives p = 2": {"outcome": lambda evidence, level: Outcome(2.0, None, 0.0)},
    "derives what it did not measure": {"outcome": lambda evidence, level: Outcome(0.5, None, 0.0)},
    "derives two results": {"derive": lambda measured, terms: said(pit.rule.derive(measured, terms), str(next(CALLS)))},
    "gives no reason": {"derive": lambda measured, terms: said(pit.rule.derive(measured, terms), " ")},
    "from what is stored": {"derive": lambda measured, terms: said(pit.rule.derive(measured, terms), str(measured.null))},
    "finds unlikelier": {"statistic": lambda scores: float(scores.logprob.mean())},
}


@pytest.mark.parametrize("complaint", BROKEN_TESTS)
def test_the_contract_catches_a_broken_exact_test(complaint: str) -> None:
    broken = dataclasses.replace(pit.rule, **BROKEN_TESTS[complaint])  # type: ignore[arg-type]  # broken on purpose
    with pytest.raises(AssertionError, match=complaint):
        check_rule(broken)


def test_unknown_detector_lists_the_known() -> None:
    with pytest.raises(
        AuditError,
        match="no detector 'curvatur'; choose from classifier, curvature, log-rank, lrr, perplexity-ratio",
    ):
        find(["curvatur"])


def test_a_rule_has_three_digits() -> None:
    with pytest.raises(ValueError, match="three digits"):
        statistic_rule(lambda scores: 0.0, code="AUD1", name="a", title="b", unit="c", method="d")


def test_curvature_is_the_published_discrepancy_over_root_n() -> None:
    """Fast-DetectGPT's own formula, restated: (sum log p - sum mu) / sqrt(sum var)."""
    for scores, mean, variance in (
        (SCORES, -SCORES.entropy, SCORES.varentropy),
        (PAIR, -PAIR.cross_entropy, PAIR.cross_varentropy),
    ):
        published = (scores.logprob.sum() - mean.sum()) / np.sqrt(variance.sum())
        assert curvature.curvature(scores) * np.sqrt(len(scores)) == pytest.approx(published, rel=1e-4)


def test_perplexity_ratio_is_minus_binoculars() -> None:
    assert perplexity_ratio.perplexity_ratio(PAIR) == pytest.approx(PAIR.logprob.mean() / PAIR.cross_entropy.mean(), rel=1e-5)
    assert perplexity_ratio.perplexity_ratio(SCORES) == pytest.approx(SCORES.logprob.mean() / SCORES.entropy.mean(), rel=1e-5)


def test_text_of_the_model_itself_scores_minus_one() -> None:
    scores = sample_scores(20_000, np.random.default_rng(1))
    assert perplexity_ratio.perplexity_ratio(scores) == pytest.approx(-1, abs=0.03)
    assert curvature.curvature(scores) == pytest.approx(0, abs=0.03)


def test_log_rank_and_lrr_by_hand() -> None:
    scores = dataclasses.replace(SCORES[:2], rank=np.array([1, 8], np.int32), logprob=np.array([-1, -3], np.float32))
    assert log_rank.log_rank(scores) == pytest.approx(-np.log(8) / 2)
    assert lrr.lrr(scores) == pytest.approx(2 / (np.log(8) / 2))


def test_lrr_stays_finite_and_large_where_every_rank_is_one() -> None:
    first_choices = dataclasses.replace(certain_scores(64), logprob=np.full(64, -0.5, np.float32))
    one_second_choice = dataclasses.replace(first_choices, rank=np.array([2] + [1] * 63, np.int32))
    value: TokenScores = first_choices
    assert lrr.lrr(value) == pytest.approx(lrr.lrr(one_second_choice)) == pytest.approx(0.5 * 64 / np.log(2))


ODD = {
    "AUD901": "Thе quiсk brоwn fох",
    "AUD902": "th\u200be qu\u200bick br\u2060own fox",
    "AUD903": "if access \u202eresu\u202c: grant",
    "AUD905": "It was so turn0search3 and not otherwise.",
}
RULES = {rule.code: rule for rule in find_rules()}


def test_every_integrity_rule_is_announced_under_its_code() -> None:
    assert {code: rule.name for code, rule in RULES.items()} == {
        "AUD901": "look-alikes",
        "AUD902": "invisible",
        "AUD903": "direction",
        "AUD904": "hidden",
        "AUD905": "chatbot",
    }


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"null": " "}, "has no null"),
        ({"noun": ""}, "has no noun"),
        ({"look": lambda text: Oddities(tuple(range(len(text))))}, "in plain prose"),
        ({"look": lambda text: Oddities(())}, "finds nothing odd"),
        ({"look": lambda text: Oddities((2, 0) if "\u200b" in text else ())}, "out of order"),
        ({"look": lambda text: Oddities((99,) if "\u200b" in text else ())}, "outside of the text"),
        ({"look": lambda text: Oddities((2,) if "\u2060" in text else ())}, "finds more"),
    ],
)
def test_the_contract_catches_a_broken_integrity_rule(broken: dict[str, object], said: str) -> None:
    rule: IntegrityRule = dataclasses.replace(RULES["AUD902"], **broken)  # type: ignore[arg-type]  # broken on purpose
    with pytest.raises(AssertionError, match=said):
        check_rule(rule, ODD["AUD902"])
