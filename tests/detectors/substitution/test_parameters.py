"""Parameters that an endpoint ignores give themselves away, and those that it honours never do: on a real server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fixtures.servers.chaos import chaos
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import conformance, parameters
from llm_audit.detectors.substitution.questions import questions
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.limits import Limits
from llm_audit.endpoints.probe import SurfaceCapabilities
from llm_audit.endpoints.records import Ask, Failure, Reply
from llm_audit.results import Result, Verdict
from llm_audit.results.substitution_evidence import Conformance
from tests.servers.ask import PROMPTS
from tests.servers.conftest import honest, ladder, model

__all__ = ["honest", "ladder", "model"]

SURFACE = SurfaceCapabilities("completions", True, 20, True, False, True, False, True, True, True, ())
ALL = [("stop", parameters.STOPS), ("seed", parameters.PAIRS), ("n", 1)]


def audited(url: str, behaviour: str) -> Result:
    """What AUD406 says of a server whose every answer meets a behaviour."""
    with chaos(url, behaviour, range(10**6) if behaviour != "none" else ()) as proxy:
        endpoint = Endpoint(proxy.url, "fixture", limits=Limits(attempts=1))
        replies = endpoint.ask(questions(PROMPTS, SURFACE, 8, 5))
        trials = endpoint.ask(parameters.trials([reply for reply in replies if isinstance(reply, Reply)]))
    return conformance.derive(conformance.measure(replies, "fixture", trials), Terms(0.01))


def told(found: Result) -> list[tuple[str, int, int]]:
    assert isinstance(found.evidence, Conformance)
    return [(each.name, each.tried, each.ignored) for each in found.evidence.parameters or ()]


def test_a_real_server_that_honours_them_is_as_it_should_be(honest: str) -> None:
    found = audited(honest, "none")
    assert told(found) == [(name, tried, 0) for name, tried in ALL]
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize("name", ["stop", "seed", "n"])
def test_each_that_is_ignored_is_named_and_no_other(honest: str, name: str) -> None:
    found = audited(honest, f"{name}-ignored")
    ignored = {which: count for which, _, count in told(found)}
    assert {which for which, count in ignored.items() if count} == {name}
    assert ignored[name] >= dict(ALL)[name] * 0.75
    assert f"{name} is ignored: " in found.reason and found.verdict is Verdict.INCONCLUSIVE and found.p_value is None


def test_answers_longer_than_asked_for_are_counted(honest: str) -> None:
    assert "answers are longer than was asked for" in audited(honest, "max-tokens-ignored").reason


def test_log_probabilities_that_are_not_returned_are_counted(honest: str) -> None:
    assert "6 of 6 answers lack the log-probabilities that were asked for" in audited(honest, "logprobs-dropped").reason


def test_a_parameter_that_is_refused_is_not_ignored(honest: str) -> None:
    with chaos(honest, "404", range(6, 10**6)) as proxy:
        endpoint = Endpoint(proxy.url, "fixture", limits=Limits(attempts=1))
        replies = endpoint.ask(questions(PROMPTS, SURFACE, 8, 5))
        trials = endpoint.ask(parameters.trials([reply for reply in replies if isinstance(reply, Reply)]))
    assert all(isinstance(outcome, Failure) for outcome in trials)
    assert parameters.counted(trials) == ()
    assert conformance.derive(conformance.measure(replies, "fixture", trials), Terms(0.01)).verdict is Verdict.PASS


# Stop strings

ASK = Ask("question 1", "p", "chat", 8, 0.0, 5)


def reply(text: str, ask: Ask = ASK) -> Reply:
    return Reply(ask, text, (), (), "length", "m", "", (3, 8), (), 0.1, 1)


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        ("one two three", "two"),
        ("ha ha ha", ""),  # each stands for the first time elsewhere, or is the last
        ("a cat concatenates", "cat"),
        ("one two", ""),
        ("...", ""),
    ],
)
def test_a_stop_string_is_a_word_that_first_stands_inside_the_answer(text: str, stop: str) -> None:
    assert [ask.stop for ask in parameters.trials([reply(text)]) if ask.stop] == [stop] * bool(stop)


def test_the_token_that_holds_the_stop_string_may_stay_in_the_text() -> None:
    """TGI leaves the stop string in; whoever stops by tokens may leave what follows it in the same token."""
    asked = replace(ASK, stop="two")
    kept = [reply(text, asked) for text in ("one ", "one two", "one two.", "one twofold", "other words")]
    assert [each.ignored for each in parameters.counted(kept)] == [0]
    assert [each.ignored for each in parameters.counted([reply("one two three", asked)])] == [1]


def test_nothing_is_tried_where_nothing_was_answered() -> None:
    assert parameters.trials([]) == parameters.trials([reply("")]) == []
    assert parameters.trials([reply("a b c", replace(ASK, temperature=1.0))]) == []


# Seeds


def drawn(differ: Sequence[bool]) -> list[Reply]:
    asks = [ask for ask in parameters.trials([reply("a b c")]) if ask.seed is not None]
    texts = [text for each in differ for text in ("x", "y" if each else "x")]
    return [reply(text, ask) for text, ask in zip(texts, asks, strict=True)]


def test_the_size_of_the_seeds_test_is_that_of_its_allowance() -> None:
    """Servers whose arithmetic changes a quarter of the answers, the most that is allowed: called ignoring in <= alpha."""
    rng = np.random.default_rng(1)
    counts = (rng.random((10_000, parameters.PAIRS)) < conformance.REPEATS_THAT_DIFFER).sum(axis=1)
    for alpha in (0.05, 0.01, 0.001):
        said = [
            "seed is ignored" in conformance.derive(conformance.measure([reply("a")], "m", drawn(differ)), Terms(alpha)).reason
            for differ in (np.arange(parameters.PAIRS) < count for count in range(parameters.PAIRS + 1))
        ]
        assert np.mean(np.array(said)[counts]) <= alpha + 3 * (alpha * (1 - alpha) / 10_000) ** 0.5


def test_answers_without_a_text_say_nothing_about_seeds() -> None:
    empty = [replace(each, text="") for each in drawn([False] * parameters.PAIRS)]
    assert parameters.counted(empty) == ()
