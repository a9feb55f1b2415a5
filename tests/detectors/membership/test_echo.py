"""A model behind an endpoint that echoes prompts: its numbers are the model's own, in every dialect, or are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from fixtures.servers.completions import serve
from fixtures.servers.echoing import Dialect, Echoing
from llm_audit.common.errors import NotAvailable
from llm_audit.detectors.membership import canary
from llm_audit.detectors.membership.echo import EchoingEndpoint
from llm_audit.detectors.membership.target import Target
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.limits import Limits
from llm_audit.endpoints.records import Ask, Position, Reply, Token
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from tests.detectors.laws import judge
from tests.detectors.membership.readers import holds

MODEL = Path(__file__).parents[3] / "fixtures" / "membership" / "model"
TEXTS = ["Abby of York wrote 40 letters.", "naïve café, 10 €: ½", "a", "Tom and Ida met\nin 1999.", "a"]


@pytest.fixture(scope="module")
def echoing() -> Echoing:
    return Echoing(MODEL)


@pytest.fixture
def asked(echoing: Echoing) -> Iterator[Callable[..., EchoingEndpoint]]:
    """Makes an endpoint of that server; `answer`: takes the place of the server's own."""
    running: list[Any] = []

    def made(answer: Callable[[dict[str, Any]], dict[str, Any]] | None = None, **changes: Any) -> EchoingEndpoint:
        vars(echoing).update({"dialect": "legacy", "longest": 1024, "digits": 12} | changes)
        echoing.prompts.clear()
        running.append(serve(answer or echoing.answer))
        url = running[-1].__enter__()
        return EchoingEndpoint(Endpoint(url, "echoing", limits=Limits(attempts=1)), url)

    yield made
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def local() -> Target:
    return Target(Session(Store().resolve(str(MODEL), offline=True)))


@pytest.mark.parametrize("dialect", [dialect for dialect in get_args(Dialect) if dialect != "shifted"])
def test_the_numbers_are_those_of_the_model_itself(
    asked: Callable[..., EchoingEndpoint], local: Target, dialect: Dialect
) -> None:
    totals = asked(dialect=dialect).totals(TEXTS)
    first = np.array([scores.logprob[0] for scores in local.beginnings(TEXTS)])
    # Without a start token the first token of a text has no log-probability, and is the start of what follows.
    expected = local.totals(TEXTS) - (0 if dialect == "start token" else first)
    if dialect == "start token":
        np.testing.assert_allclose(totals, expected, atol=1e-3)
    else:  # the model was trained with a start token, so that its numbers differ without one
        assert totals[2] == totals[4] == 0 and np.corrcoef(totals, expected)[0, 1] > 0.95


def test_neither_order_nor_name_of_a_request_depends_on_the_place_of_a_text(
    asked: Callable[..., EchoingEndpoint], echoing: Echoing
) -> None:
    texts = [f"{number} men" for number in range(12)]
    endpoint = asked()
    totals = endpoint.totals(texts)
    first = [prompt for prompt in echoing.prompts if prompt in texts]
    assert sorted(first) == sorted(texts) and first != texts
    echoing.prompts.clear()
    np.testing.assert_array_equal(endpoint.totals(texts[::-1]), totals[::-1])
    assert echoing.prompts == []  # the same requests, which the journal has answered
    again = asked(longest=1000)
    again = replace(again, source=Endpoint(again.address, "echoing", limits=Limits(concurrency=1)))
    again.totals(texts[::-1])
    second = echoing.prompts.copy()
    echoing.prompts.clear()
    replace(again, source=Endpoint(again.address, "echoing", limits=Limits(concurrency=1))).totals(texts)
    assert echoing.prompts == second


def test_numbers_of_the_next_place_are_refused(asked: Callable[..., EchoingEndpoint]) -> None:
    """As llama-cpp-python has them: each token's probability behind itself. They would rank a known text last."""
    with pytest.raises(NotAvailable, match=r"another log-probability in a prompt than as an answer.*\d of 5 tokens"):
        asked(dialect="shifted").totals(TEXTS)


def test_rounded_numbers_are_numbers(asked: Callable[..., EchoingEndpoint]) -> None:
    fine, coarse = asked().totals(TEXTS), asked(digits=2).totals(TEXTS)
    assert np.abs(fine - coarse).max() < 0.2 and len(set(coarse)) == 4


def spoiled(echoing: Echoing, change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def answer(question: dict[str, Any]) -> dict[str, Any]:
        said = echoing.answer(question)
        if question.get("echo"):
            change(said["choices"][0])
        return said

    return answer


def _cut(choice: dict[str, Any]) -> None:
    choice["logprobs"] = {name: values[2:] for name, values in choice["logprobs"].items()}
    choice["logprobs"]["token_logprobs"][0] = None


def _without(choice: dict[str, Any]) -> None:
    choice["logprobs"] = {name: values[-1:] for name, values in choice["logprobs"].items()}
    choice["text"] = "."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without, "does not return the log-probabilities of a prompt"),
        (lambda choice: choice.pop("logprobs"), "does not return the log-probabilities of a prompt"),
        (_cut, "of another text than the prompt, or of a part of it"),
        (lambda choice: choice["logprobs"]["token_logprobs"].__setitem__(2, None), "the token has no log-probability"),
        (lambda choice: choice["logprobs"]["token_logprobs"].__setitem__(2, -9999.0), "defective"),
        (lambda choice: choice["logprobs"]["token_logprobs"].__setitem__(2, 0.5), "defective"),
    ],
)
def test_what_is_not_the_log_probability_of_the_whole_text_is_refused(
    asked: Callable[..., EchoingEndpoint], echoing: Echoing, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(NotAvailable, match=said):
        asked(spoiled(echoing, change)).totals(TEXTS[:1])
    assert TEXTS[0] not in echoing.prompts  # an endpoint that is of no use learns no secret string


def test_a_text_that_is_too_long_is_said_in_the_servers_words(asked: Callable[..., EchoingEndpoint]) -> None:
    with pytest.raises(NotAvailable, match=r"1 of 5 texts got no answer.*maximum context length is 60 tokens"):
        asked(longest=60).totals([*TEXTS, "an endless text " * 20])


class Drifting:
    """An endpoint that has seen nothing, and whose numbers fall from request to request: a source of answers."""

    model = "drifting"

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def ask(self, asks: Sequence[Ask], progress: object = None) -> list[Reply]:
        return [self.reply(ask, -20.0 - 0.1 * at + float(self.rng.normal(0, 0.2))) for at, ask in enumerate(asks)]

    @staticmethod
    def reply(ask: Ask, total: float) -> Reply:
        positions = (Position(Token(None, None, ask.prompt), total),)
        return Reply(ask, "", (), positions, "", "", "", (None, None), (), 0.0, 1)


@pytest.mark.parametrize("runs", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_drift_during_the_test_does_not_prefer_the_published_string(runs: int) -> None:
    rng = np.random.default_rng(4)
    p_values = []
    for number in range(runs):
        secret = canary.Secret(f"{number}", 99, 16, "", "")
        endpoint = EchoingEndpoint(Drifting(rng), "here")  # type: ignore[arg-type]  # of a source, only what is asked is needed
        p_values.append(judge(canary, endpoint, [secret], alpha=0.01).p_value)
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there
