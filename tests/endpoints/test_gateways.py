"""Interfaces as they are now, before a real llama.cpp server: the answers are those that it gives by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.servers.gateways import azure, insisting, newer_names, streaming
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.headers import read_headers
from llm_audit.endpoints.journal import Journal, Replay
from llm_audit.endpoints.limits import Limits
from llm_audit.endpoints.records import Ask, Failure, Reply, Surface
from tests.endpoints.server import KEY
from tests.servers.ask import PROMPTS
from tests.servers.conftest import honest, ladder, model

__all__ = ["honest", "ladder", "model"]

ALONE = Limits(concurrency=1)
"""Requests in company change the last digits of a real server's numbers."""

DEPLOYMENT = "/openai/deployments/big?api-version=2024-10-21"


def asks(surface: Surface) -> list[Ask]:
    return [Ask(f"question {number}", prompt, surface, 6, 0.0, 5) for number, prompt in enumerate(PROMPTS[:3], start=1)]


def comparable(outcomes: list[Reply | Failure]) -> list[Reply]:
    """Without what differs from one run to the next."""
    assert all(isinstance(outcome, Reply) for outcome in outcomes), outcomes
    return [replace(each, seconds=0.0, attempts=1, fingerprint="") for each in outcomes if isinstance(each, Reply)]


@pytest.fixture(params=["chat", "completions"])
def questions(request: pytest.FixtureRequest) -> list[Ask]:
    return asks(request.param)


def test_azure_takes_the_key_in_its_own_header_and_the_version_in_the_address(honest: str, questions: list[Ask]) -> None:
    with azure(honest, "big", KEY) as proxy:
        found = Endpoint(proxy.url + DEPLOYMENT, "big", KEY, limits=ALONE).ask(questions)
        assert all("authorization" not in exchange.headers for exchange in proxy.seen)
    assert comparable(found) == comparable(Endpoint(honest, "big", limits=ALONE).ask(questions))


def test_a_deployment_that_is_not_there_and_a_wrong_key_end_the_run(honest: str) -> None:
    with azure(honest, "big", KEY) as proxy:
        missing = Endpoint(proxy.url + DEPLOYMENT.replace("big", "none"), "none", KEY, limits=ALONE).ask(asks("chat")[:1])[0]
        refused = Endpoint(proxy.url + DEPLOYMENT, "big", "sk-another-key").ask(asks("chat")[:1])[0]
    assert isinstance(missing, Failure) and missing.kind == "model" and "deployment" in missing.reason
    assert isinstance(refused, Failure) and refused.kind == "key" and "sk-another-key" not in refused.reason


def test_a_gateway_that_insists_on_a_header_gets_it_and_its_refusal_does_not_tell_it(
    honest: str, questions: list[Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY", "token-of-the-gateway")
    with insisting(honest, "X-Gateway", "token-of-the-gateway") as proxy:
        found = Endpoint(proxy.url, "m", headers=read_headers([], ["X-Gateway: GATEWAY"]), limits=ALONE).ask(questions)
        other = Endpoint(proxy.url, "m", headers=read_headers(["X-Gateway: another-secret"], [])).ask(questions[:1])[0]
    assert comparable(found) == comparable(Endpoint(honest, "m", limits=ALONE).ask(questions))
    assert isinstance(other, Failure) and other.kind == "key"
    assert "No entry with these headers" in other.reason and "another-secret" not in other.reason


def test_a_stream_of_a_real_server_is_the_answer_that_it_gives_at_once(honest: str, questions: list[Ask]) -> None:
    with streaming(honest) as proxy:
        streamed = comparable(Endpoint(proxy.url, "m", limits=ALONE).ask(questions))
    whole = comparable(Endpoint(honest, "m", limits=ALONE).ask(questions))
    assert [reply.positions for reply in whole] and all(reply.positions for reply in whole)
    assert streamed == whole


def test_a_server_that_wants_the_newer_name_gets_it_after_one_refusal(honest: str) -> None:
    with newer_names(honest) as proxy:
        found = Endpoint(proxy.url, "m", limits=ALONE).ask(asks("chat"))
        assert len(proxy.seen) == len(found) + 1
    assert comparable(found) == comparable(Endpoint(honest, "m", limits=ALONE).ask(asks("chat")))


def test_the_responses_api_of_a_real_server(honest: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    journal = tmp_path_factory.mktemp("responses") / "journal.jsonl"
    endpoint = Endpoint(f"{honest}/v1/responses", "m", limits=ALONE, journal=Journal(journal))
    plain = [replace(ask, top_logprobs=None) for ask in asks("chat")]  # that of llama.cpp has no log-probabilities
    found = comparable(endpoint.ask(plain))
    assert [reply.text for reply in found] == [
        reply.text for reply in comparable(Endpoint(honest, "m", limits=ALONE).ask(asks("chat")))
    ]
    assert all(reply.usage[1] == 6 for reply in found)
    assert comparable(Replay(journal).ask(plain)) == found
    assert next(fact.value for fact in endpoint.facts if fact.name == "Endpoint").endswith("/v1/responses")
