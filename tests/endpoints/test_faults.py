"""Everything a server can do wrong, at the first, a middle and the last question: bounded, reported, and without the key."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.journal import Journal, Replay
from llm_audit.endpoints.limits import Limits
from llm_audit.endpoints.records import Ask, Failure, Reply
from llm_audit.endpoints.transport import LARGEST
from tests.endpoints.server import KEY, Behaviour, Exchange, answer, fine, prompt_of, serving

QUESTIONS = 3
LIMITS = Limits(timeout=5, attempts=2, concurrency=2)
HASTY = Limits(timeout=0.4, attempts=2, concurrency=2)
NOW = 1_800_000_000.0
ESCAPED_KEY = "".join(f"\\u{ord(character):04x}" for character in KEY)


def asks(count: int = QUESTIONS) -> list[Ask]:
    return [Ask(f"q{i}", f"question {i}", "chat", 1, 0.0, 2) for i in range(count)]


def refuse(status: int, **headers: str) -> Behaviour:
    """With the key in it, as some servers do."""
    return lambda e: e.send(status, {"error": {"message": f"Refused {e.headers['Authorization']}"}}, X_Echo=KEY, **headers)


def spoilt(**choice: Any) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        body = answer()
        body["choices"][0] |= choice
        exchange.send(200, json.dumps(body))

    return behave


def spoilt_number(number: str) -> Behaviour:
    return lambda e: e.send(200, json.dumps(answer(logprob=-0.125)).replace("-0.125", number))


@cache
def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(bytes(64 << 20)) + packer.flush()


def endless(exchange: Exchange) -> None:
    """A small gzip file with junk behind it that never ends."""
    exchange.handler.send_response(200)
    exchange.handler.send_header("Content-Encoding", "gzip")
    exchange.handler.end_headers()
    exchange.handler.wfile.write(gzip.compress(b"{}"))
    while not exchange.ending.is_set():
        exchange.handler.wfile.write(bytes(1 << 20))


Expected = Callable[[Reply | Failure], bool]


def failed(kind: str, status: int | None = None, attempts: int = 1) -> Expected:
    return lambda o: isinstance(o, Failure) and (o.kind, o.status, o.attempts) == (kind, status, attempts)


def defective(words: str) -> Expected:
    return lambda o: isinstance(o, Reply) and words in " ".join(o.defects)


def answered(attempts: int) -> Expected:
    return lambda o: isinstance(o, Reply) and o.attempts == attempts and not o.defects


# What the server does to one question, whether only once, and what must come of it.
FAULTS: dict[str, tuple[Behaviour, bool, Expected]] = {
    "429 once": (refuse(429), True, answered(2)),
    "429 with seconds": (refuse(429, Retry_After="7"), True, answered(2)),
    "429 with a date": (refuse(429, Retry_After=formatdate(NOW + 9, usegmt=True)), True, answered(2)),
    "429 with two minutes": (refuse(429, Retry_After="120"), True, answered(2)),
    "429 with a day": (refuse(429, Retry_After="86400"), False, failed("status", 429)),
    "429 with nonsense": (refuse(429, Retry_After="soon"), True, answered(2)),
    "429 for ever": (refuse(429), False, failed("status", 429, 2)),
    "408 once": (refuse(408), True, answered(2)),
    "409 once": (refuse(409), True, answered(2)),
    "500 once": (refuse(500), True, answered(2)),
    "503 for ever": (refuse(503), False, failed("status", 503, 2)),
    "503 packed oddly": (lambda e: e.send(503, b"?", Content_Encoding="br"), False, failed("status", 503, 2)),
    "400": (refuse(400), False, failed("status", 400)),
    "404 of the path": (lambda e: e.send(404, "<html>Not Found"), False, failed("status", 404)),
    "reset once": (lambda e: e.reset(), True, answered(2)),
    "reset for ever": (lambda e: e.reset(), False, failed("connection", None, 2)),
    "closed without a word": (lambda e: e.raw(b""), False, failed("connection", None, 2)),
    "silence": (lambda e: e.ending.wait(5) and None, False, failed("timeout", None, 2)),
    "dripping body": (
        lambda e: e.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + b" " * 999, 0.02),
        False,
        failed("timeout", None, 2),
    ),
    "dripping headers": (lambda e: e.raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 99, 0.02), False, failed("timeout", None, 2)),
    "no HTTP": (lambda e: e.raw(b"SSH-2.0-" + KEY.encode() + b"\x1b[31m\r\n\r\n"), False, failed("connection", None, 2)),
    "shorter than said": (lambda e: e.send(200, answer(), length=9999), False, failed("connection", None, 2)),
    "redirect to another host": (refuse(307, Location=f"http://evil.invalid/?{KEY}"), False, failed("redirect", 307)),
    "redirect to itself": (refuse(302, Location="/v1/chat/completions"), False, failed("redirect", 302)),
    "HTML": (lambda e: e.send(200, f"<!DOCTYPE html>{KEY}", Content_Type="text/html"), False, failed("malformed", 200)),
    "half of the JSON": (lambda e: e.send(200, json.dumps(answer())[:99]), False, failed("malformed", 200)),
    "empty": (lambda e: e.send(200, b""), False, failed("malformed", 200)),
    "no object": (lambda e: e.send(200, "[1]"), False, failed("malformed", 200)),
    "no choices": (lambda e: e.send(200, {"choices": []}), False, failed("malformed", 200)),
    "error with 200": (lambda e: e.send(200, {"error": {"message": f"no {KEY}"}}), False, failed("malformed", 200)),
    "deep nesting": (lambda e: e.send(200, "[" * 100_000), False, failed("malformed", 200)),
    "a huge number": (lambda e: e.send(200, f'{{"choices": {"9" * 5000}}}'), False, failed("malformed", 200)),
    "gzip bomb": (lambda e: e.send(200, bomb(), Content_Encoding="gzip"), False, failed("too large", 200)),
    "gzip and junk without end": (endless, False, failed("too large", 200)),
    "a refusal without end": (lambda e: e.send(400, b"E" * (1 << 22)), False, failed("status", 400)),
    "too large": (lambda e: e.send(200, b" " * (LARGEST + 1)), False, failed("too large", 200)),
    "not really gzip": (lambda e: e.send(200, b"{}", Content_Encoding="gzip"), False, failed("malformed", 200)),
    "half of the gzip": (
        lambda e: e.send(200, gzip.compress(json.dumps(answer()).encode())[:-9], Content_Encoding="gzip"),
        False,
        failed("malformed", 200),
    ),
    "unknown packing": (lambda e: e.send(200, b"{}", Content_Encoding="br"), False, failed("malformed", 200)),
    "the key in the answer": (lambda e: e.send(200, answer(KEY), Server=KEY), False, defective("repeated the API key")),
    "the key in escapes": (
        lambda e: e.send(200, json.dumps(answer("@")).replace("@", ESCAPED_KEY)),
        False,
        defective("repeated the API key"),
    ),
    "not UTF-8": (
        lambda e: e.send(200, json.dumps(answer("@")).encode().replace(b"@", b"\xe2")),
        False,
        defective("not UTF-8"),
    ),
    "NaN": (spoilt_number("NaN"), False, defective("not a finite number")),
    "minus infinity": (spoilt_number("-Infinity"), False, defective("not a finite number")),
    "-9999": (spoilt_number("-9999.0"), False, defective("placeholder")),
    "positive": (spoilt_number("0.5"), False, defective("positive")),
    "logprobs dropped": (spoilt(logprobs=None), False, defective("not returned")),
    "logprobs of another shape": (spoilt(logprobs={"content": [3]}), False, defective("cannot be read")),
}

SLOW = {name for name in FAULTS if name == "silence" or name.startswith("dripping")}

STOPPING: dict[str, tuple[Behaviour, Expected]] = {
    "401": (refuse(401), failed("key", 401)),
    "402": (refuse(402), failed("key", 402)),
    "403": (refuse(403), failed("key", 403)),
    "unknown model": (
        lambda e: e.send(404, {"error": {"message": "The model `x` does not exist"}}),
        failed("model", 404),
    ),
}


def run(
    behave: Behaviour, tmp_path: Path, questions: list[Ask], limits: Limits = LIMITS
) -> tuple[list[Reply | Failure], list[str], float]:
    """Outcomes, prompts in order of arrival, and seconds; after the checks that hold for any server."""
    journal = tmp_path / "journal.jsonl"
    with serving(behave) as server:
        endpoint = Endpoint(server.url, "m", KEY, limits, Journal(journal), sleep=lambda s: None, clock=lambda: NOW)
        begun = time.perf_counter()
        outcomes = endpoint.ask(questions)
        seconds = time.perf_counter() - begun
        assert len(server.seen) <= endpoint.cost.attempts
        assert all(exchange.headers["Authorization"] == f"Bearer {KEY}" for exchange in server.seen)
    assert [outcome.ask for outcome in outcomes] == questions
    assert Replay(journal).ask(questions) == outcomes
    assert Replay(journal).facts == endpoint.facts
    assert Replay(journal).cost == endpoint.cost
    written = journal.read_text() + repr(outcomes) + repr(endpoint) + repr(endpoint.facts)
    for spelling in (KEY, ESCAPED_KEY, KEY.replace("/", "\\/")):
        assert spelling not in written
        assert spelling not in written.replace("\\\\", "\\")
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            assert outcome.reason
            assert "\x1b" not in outcome.reason
    return outcomes, server.prompts(), seconds


@pytest.mark.parametrize("place", [0, QUESTIONS // 2, QUESTIONS - 1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_one_answer_at_most(fault: str, place: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    behaviour, once, expected = FAULTS[fault]
    met: list[int] = []

    def behave(exchange: Exchange) -> None:
        if prompt_of(exchange.body) == f"question {place}" and not (once and met):
            met.append(exchange.number)
            behaviour(exchange)
        else:
            fine(exchange)

    limits = HASTY if fault in SLOW else LIMITS
    outcomes, prompts, seconds = run(behave, tmp_path, asks(), limits)
    assert expected(outcomes[place]), outcomes[place]
    assert all(isinstance(outcome, Reply) and not outcome.defects for i, outcome in enumerate(outcomes) if i != place)
    assert prompts.count(f"question {place}") <= limits.attempts
    assert seconds < 4  # of which three for a busy machine
    assert KEY not in "".join(capfd.readouterr())


@pytest.mark.parametrize("place", [0, QUESTIONS // 2, QUESTIONS - 1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("fault", STOPPING)
def test_what_would_fail_for_every_question_stops_the_run(fault: str, place: int, tmp_path: Path) -> None:
    behaviour, expected = STOPPING[fault]

    def behave(exchange: Exchange) -> None:
        (behaviour if prompt_of(exchange.body) == f"question {place}" else fine)(exchange)

    limits = Limits(timeout=1, attempts=3, concurrency=1)
    outcomes, prompts, _ = run(behave, tmp_path, asks(), limits)
    assert prompts == [f"question {i}" for i in range(place + 1)]
    assert all(map(answered(1), outcomes[:place]))
    assert expected(outcomes[place]), outcomes[place]
    assert all(map(failed("stopped", None, 0), outcomes[place + 1 :]))


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with serving(fine) as other:
        outcomes, _, _ = run(refuse(307, Location=f"{other.url}/chat/completions"), tmp_path, asks(1))
        assert failed("redirect", 307)(outcomes[0])
        assert not other.seen


def test_a_gzip_bomb_is_not_unpacked_beyond_what_an_answer_may_have(tmp_path: Path) -> None:
    content = bomb()
    tracemalloc.start()
    try:
        run(lambda e: e.send(200, content, Content_Encoding="gzip"), tmp_path, asks(1))
        assert tracemalloc.get_traced_memory()[1] < 3 * LARGEST  # of the 64 MB that are in it
    finally:
        tracemalloc.stop()
