"""The probe finds what servers of known habits return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llm_audit.detectors.substitution.base import allowances
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.journal import Journal, Replay
from llm_audit.endpoints.limits import Limits
from llm_audit.endpoints.positions import NO_SHAPE
from llm_audit.endpoints.probe import UNKNOWN_MODEL, Capabilities, probe
from tests.endpoints.server import KEY, Exchange, answer, serving

Habit = Callable[[Exchange, dict[str, Any]], bool]


def probed(habit: Habit, tmp_path: Path) -> Capabilities:
    """What is found of a server that answers like llama.cpp, unless the habit has answered (True) or changed the answer."""

    def behave(exchange: Exchange) -> None:
        body = answer()
        if not habit(exchange, body):
            exchange.send(200, body)

    with serving(behave) as server:
        journal = tmp_path / "j.jsonl"
        found = probe(Endpoint(server.url, "m", KEY, Limits(timeout=5, attempts=2), Journal(journal), sleep=lambda s: None))
        assert len(server.seen) <= 25
    assert probe(Replay(journal)) == found
    assert KEY not in journal.read_text() + repr(found)
    return found


def error(exchange: Exchange, status: int, message: str) -> bool:
    exchange.send(status, {"error": {"message": message}})
    return True


def allowed(found: Capabilities) -> set[str]:
    return {test.rule.code for test in allowances(found) if not test.reason}


EVERYTHING = {*(f"AUD40{n}" for n in range(1, 10)), "AUD410"}


def test_a_server_that_serves_whatever_is_loaded(tmp_path: Path) -> None:
    found = probed(lambda exchange, body: False, tmp_path)
    for surface in (found.chat, found.completions):
        assert surface is not None
        assert (surface.logprobs, surface.top_logprobs, surface.token_ids, surface.ask_for_ids) == (True, 2, True, False)
        assert (surface.bytes, surface.echo, surface.one_token, surface.usage) == (True, False, True, True)
        assert surface.deterministic is True
    assert found.refuses_unknown_model is False
    assert found.served == ("served",)
    assert allowed(found) == EVERYTHING
    assert found.chat and found.completions
    silent = replace(found, chat=replace(found.chat, usage=False), completions=replace(found.completions, usage=False))
    assert allowed(silent) == EVERYTHING - {"AUD407"}
    facts = {fact.name: fact.value for fact in found.facts}
    assert facts["A model that does not exist"] == "answered all the same"
    assert facts["Chat: alternatives per token"] == "2"


def test_top_logprobs_capped_at_five_and_a_model_that_is_checked(tmp_path: Path) -> None:
    widths = []

    def habit(exchange: Exchange, body: dict[str, Any]) -> bool:
        if exchange.body["model"] == UNKNOWN_MODEL:
            return error(exchange, 404, "The model does not exist")
        widths.append(exchange.body.get("top_logprobs", exchange.body.get("logprobs")))
        return widths[-1] > 5 and error(exchange, 400, "top_logprobs must be at most 5")

    found = probed(habit, tmp_path)
    assert found.refuses_unknown_model is True
    assert found.chat is not None
    assert found.chat.top_logprobs == 2
    assert widths[:2] == [20, 5]
    assert found.failures == ()


def test_logprobs_that_are_dropped_in_silence_or_refused(tmp_path: Path) -> None:
    def habit(exchange: Exchange, body: dict[str, Any]) -> bool:
        body["choices"][0]["logprobs"] = None
        return (
            exchange.path.endswith("/v1/completions") and "logprobs" in exchange.body and error(exchange, 422, "Unknown field")
        )

    found = probed(habit, tmp_path)
    assert found.chat is not None
    assert not found.chat.logprobs
    assert found.chat.defects == ("Log-probabilities were asked for and not returned.",)
    assert found.completions is not None
    assert not found.completions.logprobs
    assert allowed(found) == {"AUD403", "AUD404", "AUD406", "AUD407", "AUD408", "AUD409", "AUD410"}
    assert "no alternatives" in allowances(found)[0].reason


def test_chat_only_with_long_answers_other_each_time_and_uncounted(tmp_path: Path) -> None:
    def habit(exchange: Exchange, body: dict[str, Any]) -> bool:
        if not exchange.path.endswith("/chat/completions"):
            return error(exchange, 404, "Not Found")
        body["choices"][0]["message"]["content"] = f"answer {exchange.number}"
        del body["usage"]
        return exchange.body["max_tokens"] < 16 and error(exchange, 400, "max_tokens must be at least 16")

    found = probed(habit, tmp_path)
    assert found.chat is not None
    assert (found.chat.one_token, found.chat.deterministic, found.chat.usage) == (False, False, False)
    assert found.completions is None
    assert [failure.status for failure in found.failures] == [404]


def test_vllm_ids_for_the_asking_and_echo(tmp_path: Path) -> None:
    def habit(exchange: Exchange, body: dict[str, Any]) -> bool:
        entry = body["choices"][0]["logprobs"]["content"][0]
        for token in (entry, *entry["top_logprobs"]):
            number = token.pop("id")
            if exchange.body.get("return_tokens_as_token_ids"):
                token["token"] = f"token_id:{number}"
        if exchange.body.get("prompt_logprobs"):
            body["prompt_logprobs"] = [None, {"8": {"logprob": -1.0, "decoded_token": "x"}}]
        return False

    found = probed(habit, tmp_path)
    assert found.chat is not None
    assert (found.chat.token_ids, found.chat.ask_for_ids, found.chat.echo) == (True, True, True)
    assert found.completions is not None
    assert not found.completions.echo


def test_log_probabilities_that_cannot_be_read_are_not_taken_for_hidden_ones(tmp_path: Path) -> None:
    def habit(exchange: Exchange, body: dict[str, Any]) -> bool:
        if exchange.path.endswith("/chat/completions"):
            body["choices"][0]["logprobs"] = {"content": [{"token": " yes", "logprob": "likely"}]}
        return False

    found = probed(habit, tmp_path)
    assert found.chat is not None and (found.chat.logprobs, found.chat.top_logprobs) == (True, 0)
    assert NO_SHAPE in found.chat.defects


def test_an_account_that_may_ask_no_more_is_not_asked_on_the_other_surface(tmp_path: Path) -> None:
    seen: list[str] = []
    found = probed(lambda exchange, body: seen.append(exchange.path) or error(exchange, 429, "slow down"), tmp_path)
    assert found.best is None and set(seen) == {"/v1/chat/completions"}


@pytest.mark.parametrize(("status", "words"), [(401, "does not accept the key"), (503, "Status 503")])
def test_no_answer_at_all_is_never_a_pass(status: int, words: str, tmp_path: Path) -> None:
    found = probed(lambda exchange, body: error(exchange, status, f"no {KEY}"), tmp_path)
    assert found.best is None
    assert allowed(found) == set()
    assert words in allowances(found)[0].reason
    assert found.refuses_unknown_model is None
