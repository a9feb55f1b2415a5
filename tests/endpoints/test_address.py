"""Addresses as users have them, and where questions go there."""

from __future__ import annotations

import pytest

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.endpoints.address import read_address

AZURE = "https://x.openai.azure.com/openai/deployments/big"
VERSION = "?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("url", "shown", "chat", "completions"),
    [
        ("http://h", "http://h/v1", "http://h/v1/chat/completions", "http://h/v1/completions"),
        ("http://h/v1/", "http://h/v1", "http://h/v1/chat/completions", "http://h/v1/completions"),
        ("http://h/v1/chat/completions", "http://h/v1", "http://h/v1/chat/completions", "http://h/v1/completions"),
        ("http://h/v1/completions/", "http://h/v1", "http://h/v1/chat/completions", "http://h/v1/completions"),
        ("http://h/v1/responses", "http://h/v1/responses", "http://h/v1/responses", "http://h/v1/completions"),
        *(
            (AZURE + given + VERSION, AZURE + VERSION, f"{AZURE}/chat/completions{VERSION}", f"{AZURE}/completions{VERSION}")
            for given in ("", "/chat/completions")
        ),
    ],
)  # fmt: skip
def test_questions_go_where_the_address_leads(url: str, shown: str, chat: str, completions: str) -> None:
    address = read_address(url)
    assert (str(address), address.of("chat"), address.of("completions")) == (shown, chat, completions)
    assert address.azure == url.startswith(AZURE)
    assert read_address(shown) == address


@pytest.mark.parametrize(
    "query", ["api-version=1&key=secret", "key=secret", "api-version=a b", "api-version=", "API-KEY=secret"]
)
def test_no_parameter_but_the_version_of_the_interface_may_stand_in_it(query: str) -> None:
    with pytest.raises(InvalidConfiguration, match="other than api-version") as caught:
        read_address(f"{AZURE}?{query}")
    assert "secret" not in str(caught.value)
