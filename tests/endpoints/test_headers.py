"""Further headers: how they are given, what is refused, and that no value of them is shown."""

from __future__ import annotations

import pytest

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.headers import read_headers
from llm_audit.endpoints.records import Ask, Reply
from tests.endpoints.server import KEY, Exchange, answer, prompt_of, serving

SECRET = "token-of-this-test"


def test_from_the_command_line_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", f"Bearer {SECRET}\n")
    title, token = read_headers(["X-Title: An audit of ours"], ["Proxy-Authorization: MY_TOKEN"])
    assert (title.name, title.value, title.secrets) == ("X-Title", "An audit of ours", ("An audit of ours",))
    assert (token.name, token.value) == ("Proxy-Authorization", f"Bearer {SECRET}")
    assert token.secrets == (f"Bearer {SECRET}", SECRET)
    assert SECRET not in repr(token)
    assert read_headers(["X-Priority: 1"], [])[0].secrets == ()


@pytest.mark.parametrize(
    ("given", "environment", "said"),
    [
        ([SECRET], [], "does not make a header"),
        ([f"X Y: {SECRET}"], [], "does not make a header"),
        ([f"X-Y: {SECRET}\r\nHost: evil"], [], "does not make a header"),
        (["X-Y: "], [], "does not make a header"),
        ([f"X-Y: {SECRET}\u00e9"], [], "does not make a header"),
        ([f"Host: {SECRET}"], [], "belongs to the connection"),
        ([f"content-length: {SECRET}"], [], "belongs to the connection"),
        ([f"X-Y: {SECRET}", f"x-y: {SECRET}"], [], "is given twice"),
        (["X-Api-Key: short"], [], "fewer than 8 characters"),
        ([], ["X-Y"], "not of the form"),
        ([], [f"{SECRET} {SECRET}: NAME"], "not of the form"),
        ([], ["X-Y: NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set"),
        ([], ["X-Y: SHORT_ONE"], "fewer than 8 characters"),
        ([], ["X-Y: BROKEN_ONE"], "does not make a header"),
    ],
)
def test_what_is_no_header_is_refused_without_telling_it(
    given: list[str], environment: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT_ONE", "abc")
    monkeypatch.setenv("BROKEN_ONE", f"{SECRET}\n{SECRET}")
    with pytest.raises(InvalidConfiguration, match=said) as caught:
        read_headers(given, environment)
    assert SECRET not in str(caught.value)


def test_they_go_with_every_request_and_into_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", f"Bearer {SECRET}")

    def repeat(exchange: Exchange) -> None:
        told = f" {SECRET} {exchange.headers['X-Title']} {exchange.headers['Authorization']}"
        exchange.send(200 if "fine" in prompt_of(exchange.body) else 500, answer(told) | {"error": {"message": told}})

    headers = read_headers(["X-Title: An audit of ours"], ["X-Auth: MY_TOKEN"])
    with serving(repeat) as server:
        endpoint = Endpoint(server.url, "m", KEY, headers=headers, sleep=lambda seconds: None)
        outcomes = endpoint.ask([Ask(prompt, prompt, "chat", 1, 0.0) for prompt in ("fine", "not")])
        for exchange in server.seen:
            assert exchange.headers["X-Auth"] == f"Bearer {SECRET}" and exchange.headers["Authorization"] == f"Bearer {KEY}"
    assert isinstance(outcomes[0], Reply)
    for secret in (SECRET, KEY, "An audit of ours"):
        assert secret not in repr(outcomes) and secret not in repr(endpoint.facts)


def test_a_key_and_a_header_for_it_are_one_too_many() -> None:
    with pytest.raises(InvalidConfiguration, match="leave one of them out"):
        Endpoint("http://h", "m", KEY, headers=read_headers([f"authorization: Bearer {SECRET}"], []))
