"""Waiting, limits, stopping and continuing."""

from __future__ import annotations

import json
import logging
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.headers import read_headers
from llm_audit.endpoints.journal import Journal, Replay
from llm_audit.endpoints.limits import IN_VAIN, Limits
from llm_audit.endpoints.records import Ask, Failure, Reply
from tests.endpoints.server import KEY, Exchange, answer, fine, serving

NOW = 1_800_000_000.0


def asks(count: int, **changes: int) -> list[Ask]:
    return [Ask(f"q{i}", f"question {i}", "chat", changes.get("max_tokens", 1), 0.0, 2) for i in range(count)]


def waits(retry_after: str | None, attempts: int, seed: int = 0) -> list[float]:
    """What the client sleeps between its attempts, all but the last, at a server that always says 429."""
    slept: list[float] = []
    headers = {} if retry_after is None else {"Retry_After": retry_after}
    with serving(lambda exchange: exchange.send(429, b"", **headers)) as server:
        limits = Limits(timeout=5, attempts=attempts)
        rng = np.random.default_rng(seed)
        endpoint = Endpoint(server.url, "m", KEY, limits, rng=rng, sleep=slept.append, clock=lambda: NOW)
        endpoint.ask(asks(1))
        assert len(server.seen) == len(slept) + 1
    return slept


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("120", 120),
        (formatdate(NOW + 9, usegmt=True), 9),
        (formatdate(NOW - 9, usegmt=True), 0),
    ],
)
def test_the_server_says_how_long_to_wait(retry_after: str, seconds: float) -> None:
    assert waits(retry_after, 3) == [seconds, seconds]


@pytest.mark.parametrize("retry_after", ["86400", "9" * 400, formatdate(NOW + 86400, usegmt=True)])
def test_a_server_that_wants_a_day_is_not_asked_before(retry_after: str) -> None:
    assert waits(retry_after, 4) == []


def test_a_wait_that_the_attempts_left_can_fill_is_waited_for() -> None:
    assert waits("200", 4) == [120.0, 120.0]  # twice, and no third time for what 120 seconds do not do


@pytest.mark.parametrize("retry_after", [None, "soon", "-5", "NaN", "Mon, 99 Foo 2026"])
def test_otherwise_the_wait_doubles_and_varies(retry_after: str | None) -> None:
    slept = waits(retry_after, 5)
    assert all(0.25 * 2**i <= wait <= 0.5 * 2**i for i, wait in enumerate(slept))
    assert slept == waits(retry_after, 5)
    assert slept != waits(retry_after, 5, seed=1)


def test_answers_come_in_the_order_of_the_questions() -> None:
    def behave(exchange: Exchange) -> None:
        exchange.ending.wait(0.05 * (exchange.number % 3))
        fine(exchange)

    shares: list[float] = []
    with serving(behave) as server:
        replies = Endpoint(server.url, "m").ask(asks(9), shares.append)
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == [f" to question {i}" for i in range(9)]
    assert shares == [*(i / 9 for i in range(1, 10)), 1.0]
    assert "Authorization" not in server.seen[0].headers


def test_no_more_requests_at_once_than_allowed() -> None:
    lock, at_once, most = threading.Lock(), Counter[str](), []

    def behave(exchange: Exchange) -> None:
        with lock:
            at_once["now"] += 1
            most.append(at_once["now"])
        exchange.ending.wait(0.03)
        with lock:
            at_once["now"] -= 1
        fine(exchange)

    with serving(behave) as server:
        Endpoint(server.url, "m", limits=Limits(concurrency=3)).ask(asks(12))
    assert max(most) == 3


def test_no_more_requests_per_second_than_allowed() -> None:
    arrived: list[float] = []

    def behave(exchange: Exchange) -> None:
        arrived.append(time.perf_counter())
        fine(exchange)

    with serving(behave) as server:
        endpoint = Endpoint(server.url, "m", limits=Limits(per_second=10))
        for ask in asks(3):  # the pace is that of the endpoint, not of one call
            endpoint.ask([ask])
        endpoint.ask(asks(6))
    assert len(arrived) == 6  # the first three are known
    assert arrived[-1] - arrived[0] >= 5 / 10 - 0.1  # the first may have taken longer on its way


def test_the_budget_of_requests_counts_attempts() -> None:
    def behave(exchange: Exchange) -> None:
        exchange.send(503, b"") if exchange.number == 0 else fine(exchange)

    with serving(behave) as server:
        limits = Limits(concurrency=1, most_requests=3)
        endpoint = Endpoint(server.url, "m", limits=limits, sleep=lambda s: None)
        outcomes = endpoint.ask(asks(4))
        assert len(server.seen) == 3
        assert all(isinstance(outcome, Failure) for outcome in endpoint.ask(asks(9)[5:]))
        assert len(server.seen) == 3
    assert [outcome.attempts for outcome in outcomes] == [2, 1, 0, 0]
    assert [outcome.kind for outcome in outcomes if isinstance(outcome, Failure)] == ["budget", "budget"]
    assert {fact.name: fact.value for fact in endpoint.facts}["Unanswered requests"] == "6 budget"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_budget_of_tokens_is_never_exceeded_and_nearly_used(concurrency: int) -> None:
    body = answer(usage={"prompt_tokens": 30, "completion_tokens": 20})
    with serving(lambda exchange: exchange.send(200, body)) as server:
        endpoint = Endpoint(server.url, "m", limits=Limits(concurrency=concurrency, most_tokens=500))
        outcomes = endpoint.ask(asks(20, max_tokens=20))
    cost = endpoint.cost
    # An attempt sets aside 64 + 10 or 11 + 20 tokens and costs 50: nine fit if the last may be sure of its own.
    assert cost.prompt_tokens + cost.completion_tokens == 450
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == len(server.seen) == 9
    assert {outcome.kind for outcome in outcomes if isinstance(outcome, Failure)} == {"budget"}


def test_answers_that_do_not_tell_their_cost_count_in_full() -> None:
    with serving(lambda exchange: exchange.send(200, answer(usage=None))) as server:
        endpoint = Endpoint(server.url, "m", limits=Limits(most_tokens=200))
        endpoint.ask(asks(9))
        assert len(server.seen) == 2  # of 75 each
    assert endpoint.cost.uncounted == 2


def test_a_host_that_is_not_there_is_not_asked_for_ever() -> None:
    with serving(fine) as server:
        url = server.url
    endpoint = Endpoint(url, "m", KEY, Limits(concurrency=1, attempts=3), sleep=lambda s: None)
    outcomes = endpoint.ask(asks(50))
    assert [outcome.attempts for outcome in outcomes] == [3] + [0] * 49
    assert [getattr(outcome, "kind", "") for outcome in outcomes[:2]] == ["unreachable", "stopped"]


REFUSALS: dict[str, Callable[[Exchange], None]] = {
    "429": lambda exchange: exchange.send(429, b""),
    "500": lambda exchange: exchange.send(500, b""),
    "reset": lambda exchange: exchange.reset(),
    "page": lambda exchange: exchange.send(200, "<!doctype html>"),
    "redirect": lambda exchange: exchange.send(307, b"", Location="/"),
    "404": lambda exchange: exchange.send(404, b"Not Found"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_an_endpoint_that_stops_answering_is_given_up_and_asked_again_once_by_the_next_run(refusal: str) -> None:
    def behave(exchange: Exchange) -> None:
        (fine if exchange.number < 20 or well else REFUSALS[refusal])(exchange)

    well = False
    with serving(behave) as server:
        endpoint = Endpoint(server.url, "m", KEY, Limits(attempts=3, concurrency=2), sleep=lambda s: None)
        # On their own: an answer that is noted late, by a thread that had to wait, would begin the count of the others anew.
        assert Counter(getattr(outcome, "kind", "answered") for outcome in endpoint.ask(asks(20))) == {"answered": 20}
        outcomes = endpoint.ask(asks(60))
        asked = sum(outcome.attempts > 0 for outcome in outcomes)
        assert IN_VAIN <= asked - 20 < 2 * IN_VAIN  # with what the other thread had begun
        told = outcomes[-1]
        assert isinstance(told, Failure) and told.kind == "stopped"
        assert re.match(r"Not sent: the endpoint was given up, after question upon question in vain\. \w.*\.$", told.reason)
        before = len(server.seen)
        later = endpoint.ask(asks(80)[60:])
        assert len(server.seen) - before <= 2 and isinstance(later[-1], Failure) and later[-1].kind == "stopped"
        well = True
        assert all(isinstance(outcome, Reply) for outcome in endpoint.ask(asks(80)))


def test_failures_between_answers_end_nothing() -> None:
    def behave(exchange: Exchange) -> None:
        fine(exchange) if exchange.number % 10 == 9 else exchange.send(503, b"")

    with serving(behave) as server:
        outcomes = Endpoint(server.url, "m", limits=Limits(attempts=1, concurrency=1)).ask(asks(100))
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 10
    assert all(outcome.attempts for outcome in outcomes)


def test_questions_that_a_server_refuses_as_such_end_nothing() -> None:
    with serving(lambda exchange: exchange.send(400, b"")) as server:
        outcomes = Endpoint(server.url, "m").ask(asks(40))
    assert all(outcome.attempts == 1 for outcome in outcomes)


def test_silence_is_not_waited_out_question_by_question() -> None:
    with serving(lambda exchange: exchange.ending.wait(9) and None) as server:
        outcomes = Endpoint(server.url, "m", limits=Limits(timeout=0.1, concurrency=4), sleep=lambda s: None).ask(asks(50))
        assert len(server.seen) <= IN_VAIN + 4
    assert getattr(outcomes[0], "kind", "") == "timeout" and getattr(outcomes[-1], "kind", "") == "stopped"


def test_a_server_that_never_answers_is_given_up_with_its_first_question() -> None:
    with serving(lambda exchange: exchange.ending.wait(9) and None) as server:
        begun = time.perf_counter()
        outcomes = Endpoint(server.url, "m", limits=Limits(timeout=1.5, concurrency=2)).ask(asks(20))
        assert time.perf_counter() - begun < 3  # of which half a second for the first answer, without a repeat
        assert len(server.seen) == 2
    kinds = Counter((outcome.kind, outcome.attempts) for outcome in outcomes if isinstance(outcome, Failure))
    assert kinds == {("timeout", 1): 2, ("stopped", 0): 18}
    assert isinstance(outcomes[0], Failure) and "0.5 seconds. The server has not answered anything yet" in outcomes[0].reason


@pytest.mark.parametrize("status", [200, 400, 503])
def test_once_it_has_said_anything_a_server_has_all_the_time_there_is(status: int) -> None:
    def behave(exchange: Exchange) -> None:
        if exchange.number:
            exchange.ending.wait(0.8)
            fine(exchange)
        else:
            exchange.send(status, answer("a"))

    with serving(behave) as server:
        endpoint = Endpoint(server.url, "m", limits=Limits(timeout=2, attempts=2, concurrency=1), sleep=lambda s: None)
        first, second = endpoint.ask(asks(2))
    assert isinstance(first, Reply) is (status != 400) and isinstance(second, Reply)


def test_tls_to_a_server_without_it_is_a_failure() -> None:
    with serving(fine) as server:
        outcome = Endpoint(server.url.replace("http:", "https:"), "m", KEY, Limits(attempts=1)).ask(asks(1))[0]
    assert isinstance(outcome, Failure)
    assert outcome.kind == "unreachable"


def test_an_interrupt_ends_at_once_and_leaves_a_complete_journal(tmp_path: Path) -> None:
    main = threading.get_ident()

    def behave(exchange: Exchange) -> None:
        if exchange.number < 2:
            return fine(exchange)
        if exchange.number == 3:
            signal.pthread_kill(main, signal.SIGINT)
        exchange.ending.wait(20)
        return None

    journal = tmp_path / "j.jsonl"
    with serving(behave) as server:
        endpoint = Endpoint(server.url, "m", KEY, Limits(timeout=20, concurrency=2), Journal(journal))
        begun = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            endpoint.ask(asks(9))
        assert time.perf_counter() - begun < 5
        assert len(server.seen) == 4
    entries = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    assert sorted(str(entry["kind"]) for entry in entries) == ["None", "None", "interrupted", "interrupted"]
    outcomes = Replay(journal).ask(asks(9))
    assert Counter(getattr(o, "kind", "reply") for o in outcomes) == {"reply": 2, "interrupted": 2, "not recorded": 5}


def test_a_run_with_the_journal_of_an_earlier_one_asks_only_for_the_rest(tmp_path: Path) -> None:
    down = True

    def behave(exchange: Exchange) -> None:
        exchange.send(503, b"") if down and exchange.body["messages"][0]["content"] == "question 1" else fine(exchange)

    journal = tmp_path / "j.jsonl"
    with serving(behave) as server:
        limits = Limits(attempts=2)
        first = Endpoint(server.url, "m", KEY, limits, Journal(journal), sleep=lambda s: None).ask(asks(3))
        down = False
        endpoint = Endpoint(server.url, "m", KEY, limits, Journal(journal))
        second = endpoint.ask(asks(4))
        assert Counter(server.prompts()) == {"question 0": 1, "question 1": 3, "question 2": 1, "question 3": 1}
        assert endpoint.ask(asks(4)) == second
        assert len(server.seen) == 6
    assert isinstance(first[1], Failure)
    assert [first[0], first[2]] == [second[0], second[2]]
    assert all(isinstance(reply, Reply) for reply in second)
    assert Replay(journal).ask(asks(4)) == second
    assert endpoint.cost.attempts == 6
    assert endpoint.cost.requests == 4


def test_another_model_of_the_same_endpoint_shares_journal_and_budget() -> None:
    with serving(fine) as server:
        endpoint = Endpoint(server.url, "m", limits=Limits(most_requests=2))
        endpoint.ask(asks(1))
        other = endpoint.renamed("n")
        assert isinstance(other.ask(asks(1))[0], Reply)
        assert isinstance(endpoint.ask(asks(2))[1], Failure)
        assert [exchange.body["model"] for exchange in server.seen] == ["m", "n"]
    assert (endpoint.model, other.model) == ("m", "n")


def test_nothing_to_ask_needs_no_server() -> None:
    assert Endpoint("http://127.0.0.1:1/v1", "m").ask([]) == []


def test_the_surfaces_have_their_paths_and_a_bare_host_gets_v1() -> None:
    with serving(fine) as server:
        endpoint = Endpoint(server.url.removesuffix("/v1"), "m")
        endpoint.ask([Ask("a", "x", "chat", 1, 0.0), Ask("b", "x", "completions", 1, 0.0)])
        assert sorted(exchange.path for exchange in server.seen) == ["/v1/chat/completions", "/v1/completions"]


@pytest.mark.parametrize(
    "url", ["", "localhost", "ftp://x/v1", "http://", "http://x:port/v1", f"https://u:{KEY}@x/v1", f"https://x/v1?key={KEY}"]
)
def test_an_address_that_cannot_be_used_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(AuditError) as caught:
        Endpoint(url, "m")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("limit", [{"timeout": 0}, {"attempts": 0}, {"concurrency": -1}, {"per_second": float("nan")}])
def test_a_limit_that_allows_nothing_is_refused(limit: dict[str, float]) -> None:
    with pytest.raises(AuditError, match="must be more than 0"):
        Limits(**limit)


def test_the_key_is_in_no_log_at_the_most_talkative_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(fine) as server:
        Endpoint(server.url, "m", KEY, headers=read_headers(["X-Gateway: a value of ours"], [])).ask(asks(1))
        assert server.seen[0].headers["Authorization"].endswith(KEY)
        assert server.seen[0].headers["X-Gateway"] == "a value of ours"
    assert caplog.records
    assert KEY not in caplog.text and "a value of ours" not in caplog.text
