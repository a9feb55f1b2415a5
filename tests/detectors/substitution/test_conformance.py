"""What an endpoint claims against what it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_audit.detectors.substitution import conformance
from llm_audit.endpoints.records import Ask, Position, Reply, Token
from llm_audit.results import Verdict
from tests.detectors.laws import judge

ASK = Ask("question 1", "p", "chat", 2, 0.0, 2)
PLACES = tuple(
    Position(Token(i, None, f"t{i}"), -0.1, ((Token(i, None, f"t{i}"), -0.1), (Token(9, None, "t9"), -3.0))) for i in (1, 2)
)
REPLY = Reply(ASK, "t1t2", PLACES, (), "length", "m", "fp", (3, 2), (), 0.1, 1)


def test_as_it_should_be() -> None:
    found = judge(conformance, [REPLY, replace(REPLY, ask=replace(ASK, name="question 2"))], "m", alpha=0.01)
    assert (found.verdict, found.p_value, found.n) == (Verdict.PASS, None, 2)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(REPLY, model="other"), "it says that it serves 'other'"),
        (replace(REPLY, usage=(3, 40)), "1 answers are longer than was asked for"),
        (replace(REPLY, usage=(3, 0), positions=PLACES * 2), "billed for another number of tokens"),
        (replace(REPLY, positions=(replace(PLACES[0], top=PLACES[0].top[:1]),)), "fewer alternatives"),
    ],
)
def test_what_is_wrong_is_named_and_never_a_finding(changed: Reply, said: str) -> None:
    found = judge(conformance, [changed], "m", alpha=0.01)
    assert said in found.reason and found.verdict is Verdict.INCONCLUSIVE and found.p_value is None


def answer(*gaps: float, temperature: float = 0.0, rounded: float = 0.0) -> Reply:
    """Places at which the token written lies so many nats below the likeliest."""
    places = tuple(
        Position(Token(1, None, "a"), -0.4 - gap, ((Token(2, None, "b"), -0.4), (Token(1, None, "a"), -0.4 - gap)))
        for gap in gaps
    )
    ask = replace(ASK, max_tokens=len(places), temperature=temperature)
    return replace(REPLY, ask=ask, positions=places, usage=(3, len(places)), rounded=rounded)


def test_a_temperature_that_is_ignored_shows_in_the_endpoints_own_numbers() -> None:
    found = judge(conformance, [answer(1.0, 0.0, 0.0, 2.0, 0.0)], "m", alpha=0.01)
    assert "At temperature 0, 2 of 5 tokens are not the likeliest by the endpoint's own numbers" in found.reason
    assert found.verdict is Verdict.INCONCLUSIVE and found.p_value is None


@pytest.mark.parametrize(
    "honest",
    [
        answer(*[0.005] * 40), answer(*[0.0] * 99, 1.0), answer(*[1.0] * 9, temperature=1.0),
        answer(*[0.1] * 9, rounded=0.1),
    ],
)  # fmt: skip
def test_near_ties_rounding_and_chance_are_let_pass(honest: Reply) -> None:
    assert judge(conformance, [honest], "m", alpha=0.01).verdict is Verdict.PASS


def test_answers_that_contradict_themselves_fail() -> None:
    bad = replace(PLACES[0], defects=("all log-probabilities are zero",), contradictory=True)
    found = judge(conformance, [replace(REPLY, positions=(bad,), usage=(3, 1)), REPLY], "m", alpha=0.01)
    assert found.verdict is Verdict.FINDING
    assert "1 of 2 answers hold defective log-probabilities: all log-probabilities are zero (1)" in found.reason


def test_what_was_put_right_is_counted() -> None:
    found = judge(conformance, [replace(REPLY, repairs=("Sorted.",))], "m", alpha=0.01)
    assert found.verdict is Verdict.INCONCLUSIVE and "In 1 answers harmless defects were put right" in found.reason
