"""The mixing proxy says which server answered; the chaotic one spoils the requests that it is told to and no other."""

from __future__ import annotations

import json
import math
import re
import socket
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from fixtures.servers.chaos import BEHAVIOURS, HUGE, chaos
from fixtures.servers.proxy import mixing
from tests.servers.ask import PROMPTS, TOP, ask, positions

KEY = "sk-secret-of-this-test"


def routes(honest: str, cheap: str, share: float, seed: int) -> list[str]:
    with mixing(honest, cheap, share, seed) as proxy:
        for _ in range(40):
            ask(proxy.url, PROMPTS[0], max_tokens=1)
        return [exchange.to for exchange in proxy.seen]


# Mixing


def test_the_share_and_the_seed_decide_who_answers(honest: str, cheap: str) -> None:
    half = routes(honest, cheap, 0.5, seed=1)
    assert half == routes(honest, cheap, 0.5, seed=1) != routes(honest, cheap, 0.5, seed=2)
    assert 8 <= half.count("b") <= 32
    assert set(routes(honest, cheap, 0.0, seed=1)) == {"a"}
    assert set(routes(honest, cheap, 1.0, seed=1)) == {"b"}


def test_every_answer_comes_from_where_the_record_says_also_in_company(honest: str, cheap: str) -> None:
    genuine = {(to, prompt): positions(ask(url, prompt)) for to, url in (("a", honest), ("b", cheap)) for prompt in PROMPTS}
    with mixing(honest, cheap, 0.5, seed=3) as proxy:
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda prompt: ask(proxy.url, prompt), PROMPTS * 4))
        to = {json.loads(exchange.answer.body)["id"]: exchange.to for exchange in proxy.seen if exchange.answer}
    assert {to[reply["id"]] for reply in replies} == {"a", "b"}
    for prompt, reply in zip(PROMPTS * 4, replies, strict=True):
        found = {token["id"]: token["logprob"] for token in positions(reply)[0]["top_logprobs"]}
        expected = {token["id"]: token["logprob"] for token in genuine[to[reply["id"]], prompt][0]["top_logprobs"]}
        assert found == pytest.approx(expected, abs=1e-3)  # the two servers are .1 apart


def test_what_is_no_request_for_completions_goes_to_the_first_server_and_counts_for_nothing(honest: str, cheap: str) -> None:
    with mixing(honest, cheap, 1.0, seed=1) as proxy:
        told = Client(proxy.url, "GET", "/props").json()
        assert told["model_ftype"] == "all F32"
        assert [exchange.path for exchange in proxy.others] == ["/props"] and proxy.seen == []


# Chaos


@dataclass
class Client:
    """A request by a client that believes everything, but reads for one second and a megabyte only."""

    url: str
    method: str = "POST"
    path: str = "/v1/completions"
    status: int = 0
    body: bytes = b""
    error: Exception | None = None

    def __post_init__(self) -> None:
        where = urlsplit(self.url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=1)
        asked = {"prompt": PROMPTS[0], "max_tokens": 4, "temperature": 0, "logprobs": TOP}
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        try:
            connection.request(self.method, self.path, json.dumps(asked), headers)
            deadline = time.monotonic() + 1  # each byte of an answer that drips comes in time
            with connection.getresponse() as response:
                self.status, self.headers = response.status, dict(response.getheaders())
                while len(self.body) < 1 << 20 and time.monotonic() < deadline and (part := response.read1()):
                    self.body += part
                if response.length and not part:
                    raise IncompleteRead(self.body, response.length)
        except (OSError, IncompleteRead, RemoteDisconnected) as error:
            self.error = error
        finally:
            connection.close()

    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    def last(self) -> dict[str, Any]:
        return positions(self.json())[-1]


def refused(status: int, wait: str | None = None) -> Callable[[Client], bool]:
    return lambda got: got.status == status and got.headers.get("Retry-After") == wait and KEY in got.json()["error"]["message"]


def every_logprob(is_so: Callable[[float], bool]) -> Callable[[Client], bool]:
    return every_token(lambda token: is_so(token["logprob"]))


def every_token(is_so: Callable[[dict[str, Any]], Any]) -> Callable[[Client], bool]:
    return lambda got: all(is_so(token) for token in (got.last(), *got.last()["top_logprobs"]))


def arrays(got: Client) -> dict[str, list[Any]]:
    logprobs: dict[str, list[Any]] = got.json()["choices"][0]["logprobs"]
    return logprobs


def no_json(got: Client) -> bool:
    try:
        got.json()
    except ValueError:
        return got.status == 200 and got.error is None
    return False


def ids(got: Client) -> list[int]:
    return [token["id"] for token in got.last()["top_logprobs"]]


def unpacks_to(body: bytes, size: int) -> bool:
    unpacker, found = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), 0
    while found < size and body:
        found += len(unpacker.decompress(body, 1 << 20))
        body = unpacker.unconsumed_tail
    return found >= size


MET: dict[str, Callable[[Client], bool]] = {
    "429": refused(429),
    "429-retry-after": refused(429, "1"),
    "429-retry-after-a-day": refused(429, "86400"),
    "401": refused(401),
    "404": refused(404),
    "500": refused(500),
    "503": refused(503),
    "redirect": lambda got: got.status == 307 and bool(re.match("http://localhost:[0-9]+/elsewhere$", got.headers["Location"])),
    "html": lambda got: got.status == 200 and got.headers["Content-Type"].startswith("text/html") and no_json(got),
    "empty": lambda got: got.body == b"" and no_json(got),
    "gzip-bomb": lambda got: len(got.body) < 1 << 20 and unpacks_to(got.body, HUGE // 8),
    "huge": lambda got: len(got.body) >= 1 << 20 and got.headers["Content-Length"] == str(HUGE),
    "hang": lambda got: isinstance(got.error, TimeoutError) and got.status == 0,
    "closed": lambda got: isinstance(got.error, RemoteDisconnected),
    "reset": lambda got: type(got.error) is ConnectionResetError,
    "drip": lambda got: got.status == 200 and 3 < len(got.body) < 20,
    "truncated-json": lambda got: len(got.body) > 500 and no_json(got),
    "length-too-long": lambda got: isinstance(got.error, IncompleteRead) and got.error.expected == 100 and bool(got.json()),
    "length-too-short": lambda got: len(got.body) > 500 and no_json(got),
    "model-changed": lambda got: got.json()["model"] == "another-model",
    "fingerprint-changed": lambda got: got.json()["system_fingerprint"] == "fp_changed",
    "logprobs-dropped": lambda got: got.json()["choices"][0]["logprobs"] is None and bool(got.json()["choices"][0]["text"]),
    "logprobs-9999": every_logprob(lambda logprob: logprob == -9999),
    "logprobs-zero": every_logprob(lambda logprob: logprob == 0),
    "logprobs-nan": every_logprob(math.isnan),
    "logprobs-mass": every_logprob(lambda logprob: TOP * math.exp(logprob) > 1),
    "logprobs-rising": lambda got: got.last()["top_logprobs"][-1]["id"] == got.last()["id"],
    "logprobs-duplicated": lambda got: len(ids(got)) == TOP and len(set(ids(got))) == TOP - 1,
    "evidence-zero": every_logprob(lambda logprob: logprob == 0),
    "evidence-nan": every_logprob(math.isnan),
    "evidence-minus-infinity": every_logprob(lambda logprob: logprob == -math.inf),
    "evidence-9999": every_logprob(lambda logprob: logprob == -9999),
    "evidence-100": every_logprob(lambda logprob: logprob == -100),
    "evidence-1e9": every_logprob(lambda logprob: logprob == -1e9),
    "evidence-mass": every_logprob(lambda logprob: TOP * math.exp(logprob) > 1),
    "evidence-unsorted": lambda got: got.last()["top_logprobs"][-1]["id"] == got.last()["id"],
    "evidence-duplicated": lambda got: len(ids(got)) == TOP and len(set(ids(got))) == TOP - 1,
    "evidence-shifted": lambda got: got.last()["id"] != ids(got)[0],
    "evidence-contradicting": lambda got: got.last()["logprob"] < got.last()["top_logprobs"][0]["logprob"] - 0.5,
    "evidence-other-text": lambda got: got.json()["choices"][0]["text"] == "Quite another answer?",
    "evidence-two-decimals": every_logprob(lambda logprob: logprob == round(logprob, 2)),
    "evidence-chosen-only": lambda got: got.last()["top_logprobs"] == [] and got.last()["logprob"] < 0,
    "evidence-uniform": every_logprob(lambda logprob: math.isclose(logprob, -math.log(TOP))),
    "evidence-chosen-zero": lambda got: got.last()["logprob"] == 0 > got.last()["top_logprobs"][0]["logprob"],
    "evidence-chosen-null": lambda got: got.last()["logprob"] is None and got.last()["top_logprobs"][0]["logprob"] < 0,
    "evidence-chosen-9999": lambda got: got.last()["logprob"] == -9999 < got.last()["top_logprobs"][0]["logprob"],
    "evidence-chosen-hidden": lambda got: got.last()["logprob"] == -9999 and got.last()["id"] not in ids(got),
    "evidence-alternatives-9999": lambda got: (
        [t["logprob"] == -9999 for t in got.last()["top_logprobs"]] == [t != got.last()["id"] for t in ids(got)]
    ),
    "evidence-shifted-back": lambda got: got.last()["id"] != ids(got)[0],
    "evidence-shuffled": lambda got: sorted(lps := [t["logprob"] for t in got.last()["top_logprobs"]], reverse=True) != lps,
    "evidence-chosen-again": lambda got: len(ids(got)) == TOP + 1 and ids(got)[-1] == got.last()["id"],
    "evidence-top-3": lambda got: len(ids(got)) == 3,
    "evidence-top-varies": lambda got: len({len(position["top_logprobs"]) for position in positions(got.json())}) > 1,
    "evidence-first-alone": lambda got: len(positions(got.json())) == 1 < got.json()["usage"]["completion_tokens"],
    "evidence-ids-alone": lambda got: (got.last()["token"], got.last()["bytes"]) == (None, None) and got.last()["id"].isdigit(),
    "evidence-bytes-alone": every_token(lambda token: (token["token"], token["id"]) == ("", None) and token["bytes"]),
    "evidence-texts-alone": every_token(lambda token: (token["id"], token["bytes"]) == (None, None)),
    "evidence-no-white-space": every_token(lambda token: token["token"] == token["token"].strip() and token["bytes"] is None),
    "evidence-raw-entries": every_token(lambda token: " " not in token["token"] and token["bytes"] is None),
    "evidence-no-names": every_token(lambda token: (token["id"], token["bytes"], token["token"]) == (None, None, "")),
    "evidence-replacement": every_token(lambda token: (token["id"], token["bytes"], token["token"]) == (None, None, "\ufffd")),
    "evidence-other-ids": every_token(lambda token: token["id"] is not None and bool(token["token"])),
    "evidence-arrays": lambda got: len(set(map(len, arrays(got).values()))) == 1,
    "evidence-uneven-arrays": lambda got: len(arrays(got)["tokens"]) == len(arrays(got)["token_logprobs"]) + 1,
    "second-choice-first": lambda got: [choice["index"] for choice in got.json()["choices"]] == [1, 0],
    "byte-order-mark": lambda got: got.body.startswith(b"\xef\xbb\xbf") and bool(got.json()),
}
"""What that client sees of each behaviour."""

NUMBERS: dict[str, Callable[[float], Any]] = {
    "evidence-base-2": lambda number: number / math.log(2),
    "evidence-base-10": lambda number: number / math.log(10),
    "evidence-probabilities": math.exp,
    "evidence-negated": lambda number: -number,
    "evidence-float16": lambda number: float(np.float16(number)),
    "evidence-one-decimal": lambda number: round(number, 1),
    "evidence-whole-nats": round,
    "evidence-floor": lambda number: max(number, -5.0),
    "evidence-strings": str,
}
"""What the other behaviours make of each log-probability."""


IGNORED = {
    "stop-ignored": "stop",
    "seed-ignored": "seed",
    "n-ignored": "n",
    "max-tokens-ignored": "max_tokens",
    "bias-ignored": "logit_bias",
    "temperature-ignored": "temperature",
}
"""The behaviours that change the request, and which parameter they take out of it."""


@pytest.mark.parametrize("behaviour", IGNORED)
def test_an_ignored_parameter_of_the_numbered_request_never_reaches_the_server(honest: str, behaviour: str) -> None:
    name, asked = IGNORED[behaviour], {"stop": ["zebra"], "seed": 3, "n": 1, "logit_bias": {"300": 1.0}}
    with chaos(honest, behaviour, {1}) as proxy:
        for _ in range(2):
            ask(proxy.url, PROMPTS[0], **asked)
        whole, spoilt = (json.loads(exchange.body) for exchange in proxy.seen)
    assert name in whole and spoilt == {key: value for key, value in whole.items() if key != name}


@pytest.mark.parametrize("behaviour", [name for name in BEHAVIOURS if name not in IGNORED and name not in NUMBERS])
def test_a_behaviour_meets_the_numbered_request_and_no_other(honest: str, behaviour: str) -> None:
    genuine = positions(Client(honest).json())
    with chaos(honest, behaviour, {1}) as proxy:
        before, spoilt, after = Client(proxy.url), Client(proxy.url), Client(proxy.url)
        assert positions(before.json()) == positions(after.json()) == genuine
        assert MET[behaviour](spoilt), spoilt
        assert [exchange.number for exchange in proxy.seen] == [0, 1, 2]
        assert all(exchange.headers["authorization"] == f"Bearer {KEY}" for exchange in proxy.seen)


@pytest.mark.parametrize("behaviour", NUMBERS)
def test_every_number_of_the_numbered_request_is_changed_alike(honest: str, behaviour: str) -> None:
    genuine = positions(Client(honest).json())
    with chaos(honest, behaviour, {1}) as proxy:
        before, spoilt = positions(Client(proxy.url).json()), positions(Client(proxy.url).json())
    assert before == genuine
    for sound, changed in zip(genuine, spoilt, strict=True):
        for was, now in zip((sound, *sound["top_logprobs"]), (changed, *changed["top_logprobs"]), strict=True):
            assert now["logprob"] == NUMBERS[behaviour](was["logprob"]) and now["id"] == was["id"]


def test_logprobs_are_sound_before_the_middle_of_a_spoilt_answer(honest: str) -> None:
    with chaos(honest, "logprobs-nan", range(10)) as proxy:
        assert positions(Client(proxy.url).json())[:2] == positions(Client(honest).json())[:2]


def test_a_client_that_follows_the_redirect_is_recorded_with_its_key(honest: str) -> None:
    with chaos(honest, "redirect", {0}) as proxy:
        assert proxy.strayed == []
        where = urlsplit(Client(proxy.url).headers["Location"])
        Client(f"{where.scheme}://{where.netloc}", path=where.path)
        (strayed,) = proxy.strayed
        assert strayed.headers["host"].startswith("localhost") and strayed.headers["authorization"] == f"Bearer {KEY}"
        assert len(proxy.seen) == 1


def test_a_proxy_leaves_no_port_open(honest: str) -> None:
    with chaos(honest, "429", {0}) as proxy:
        where = urlsplit(proxy.url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((where.hostname or "", where.port or 0), timeout=1).close()
