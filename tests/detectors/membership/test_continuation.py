"""Canaries continued by an endpoint: what is asked, what counts, size, power, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import continuation
from llm_audit.detectors.membership.canary import LETTERS, Secret
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.endpoints.records import Ask, Failure, Reply
from llm_audit.results import Result, Verdict
from tests.detectors.laws import again
from tests.detectors.membership.readers import holds


def secret(number: int = 0, *, count: int = 99, length: int = 64, before: str = "The code is ") -> Secret:
    return Secret(f"{number}", count, length, before, "")


def reply(ask: Ask, text: str) -> Reply:
    return Reply(ask, text, (), (), "", "", "", (None, None), (), 0.0, 1)


class Writer:
    """An endpoint that has learnt some strings: with a probability it writes the next letters of one, else any letters."""

    def __init__(self, rng: np.random.Generator, learnt: Sequence[str] = (), recall: float = 0.0) -> None:
        self.rng, self.learnt, self.recall = rng, learnt, recall

    def __call__(self, ask: Ask) -> Reply:
        known = [text for text in self.learnt if text.startswith(ask.prompt)]
        if known and self.rng.random() < self.recall:
            return reply(ask, known[0][len(ask.prompt) :][:12])
        return reply(ask, "".join(self.rng.choice(list(LETTERS), 12)))


def judged(secrets: Sequence[Secret], writer: Writer, continuations: int = 8, alpha: float = 0.01) -> Result:
    outcomes = [writer(ask) for ask in continuation.questions(secrets, continuations)]
    return continuation.derive(continuation.measure(secrets, outcomes, "x"), Terms(alpha))


def test_the_prompts_are_the_beginnings_of_what_was_published_and_hold_no_sibling() -> None:
    secrets = [secret(1), secret(2, before="", length=20)]
    asks = continuation.questions(secrets, 3)
    assert len(asks) == continuation.check(secrets, 3, 0.01) == (8 + 1) * 3
    published = [each.before + each.strings()[0] for each in secrets]
    assert [ask.prompt for ask in asks[::3]] == [
        *(published[0][: len("The code is ") + letters] for letters in range(0, 64, 8)), published[1][:8],
    ]  # fmt: skip
    assert len({ask.seed for ask in asks}) == len({ask.name for ask in asks}) == len(asks)


@pytest.mark.parametrize("runs", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_size(runs: int) -> None:
    """An endpoint that writes letters by a law of its own, far from uniform, and knows none of the strings."""
    rng = np.random.default_rng(1)
    law = rng.dirichlet(np.full(26, 0.3))
    p_values = []
    for number in range(runs):
        secrets = [secret(number, count=19, length=32)]
        outcomes = [reply(ask, "".join(rng.choice(list(LETTERS), 8, p=law))) for ask in continuation.questions(secrets, 2)]
        p_values.append(continuation.derive(continuation.measure(secrets, outcomes, f"{number}"), Terms(0.01)).p_value)
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there


@pytest.mark.parametrize(("recall", "verdict"), [(0.0, Verdict.PASS), (0.2, Verdict.FINDING)])
def test_strings_that_were_learnt_are_found(recall: float, verdict: Verdict) -> None:
    secrets = [secret(number) for number in range(3)]
    writer = Writer(np.random.default_rng(2), [each.before + each.strings()[0] for each in secrets], recall)
    found = judged(secrets, writer)
    assert found.verdict is verdict and found.effect is not None
    assert (found.effect.value > 1) == (verdict is Verdict.FINDING)
    assert again(found, Terms(0.01)) == found


def test_siblings_that_were_learnt_are_no_finding() -> None:
    secrets = [secret(number) for number in range(3)]
    writer = Writer(np.random.default_rng(2), [each.before + each.strings()[1] for each in secrets], 0.9)
    assert judged(secrets, writer).verdict is Verdict.PASS


def test_what_got_no_answer_is_left_out() -> None:
    secrets, writer = [secret()], Writer(np.random.default_rng(3))
    asks = continuation.questions(secrets, 4)
    lost = [Failure(ask, "timeout", "No answer in time.", None, 1) for ask in asks]
    some = [lost[at] if at < 5 else writer(ask) for at, ask in enumerate(asks)]
    measured = continuation.measure(secrets, some, "x")
    assert measured.evidence.written == (3, 4, 4, 4, 4, 4, 4)
    with pytest.raises(AuditError, match=r"^No answer in time\.$"):
        continuation.measure(secrets, lost, "x")


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ([secret(length=8, before="")], "have 0 beginnings of 8 letters"),
        ([secret(count=3, length=8)], "longer strings or more siblings"),
        ([secret(1), secret(1)], "named twice"),
    ],
)
def test_what_cannot_decide_is_refused(secrets: list[Secret], said: str) -> None:
    with pytest.raises(AuditError, match=said):
        continuation.check(secrets, 8, 0.01)


def test_forged_ranks_are_refused() -> None:
    found = judged([secret()], Writer(np.random.default_rng(4)))
    assert found.evidence is not None
    forged = found.evidence.model_copy(update={"exceeding": (-1,) * 8})
    with pytest.raises((ValueError, NotDerivable)):
        again(found.model_copy(update={"evidence": forged}), Terms(0.01))
