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
