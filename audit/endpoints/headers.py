"""Further headers of requests, which gateways ask for. Their values are in no report, log or message."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.endpoints.key import SHORTEST

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~](?:[ -~]*[!-~])?)")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OURS = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Names of the headers on which a connection depends, in lower case."""


@dataclass(frozen=True)
class Header:
    """A header.

    Attributes:
        name: as given.
        value: never shown.
        secrets: what is removed from everything that is written: the value and, where it holds credentials, each word of it.
    """

    name: str
    value: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Header({self.name!r})"


def read_headers(texts: Sequence[str], from_environment: Sequence[str]) -> tuple[Header, ...]:
    """Headers from texts "Name: value" and "Name: VARIABLE"; what a variable holds are credentials.

    Raises:
        InvalidConfiguration: a text is no header, a variable is not set, or a name is given twice or is the connection's own;
            the message has no value in it.
    """
    headers = [_header(text, f"Header number {number}") for number, text in enumerate(texts, start=1)]
    for number, text in enumerate(from_environment, start=1):
        name, _, variable = (part.strip() for part in text.partition(":"))
        if not _NAME.fullmatch(name) or not variable:
            raise InvalidConfiguration(
                f"Header number {number} from the environment is not of the form 'Name: VARIABLE', such as 'X-Token: MY_TOKEN'."
            )
        if variable not in os.environ:
            raise InvalidConfiguration(f"The environment variable {variable} is not set; put the value of {name} into it.")
        headers.append(_header(f"{name}: {os.environ[variable].strip()}", f"The environment variable {variable}", hidden=True))
    names = [header.name.lower() for header in headers]
    for name in names:
        if name in OURS:
            raise InvalidConfiguration(f"The header {name} belongs to the connection; leave it out.")
        if names.count(name) > 1:
            raise InvalidConfiguration(f"The header {name} is given twice; give it once.")
    return tuple(headers)


def _header(text: str, origin: str, *, hidden: bool = False) -> Header:
    """Parse a header; its single words are secrets, too, if `hidden` or if its name marks it as holding credentials."""
    match = _HEADER.fullmatch(text.strip())
    if match is None:
        raise InvalidConfiguration(f"{origin} does not make a header: it must be 'Name: value' of printable ASCII characters.")
    name, value = match[1], match[2]
    secret = hidden or re.search("key|token|auth|secret|cookie|password", name, re.IGNORECASE) is not None
    words = {value, *(value.split() if secret else ())}
    if secret and len(max(words, key=len)) < SHORTEST:
        raise InvalidConfiguration(
            f"{origin} holds a value of fewer than {SHORTEST} characters, which cannot be kept out of the records safely."
        )
    return Header(name, value, tuple(sorted(word for word in words if len(word) >= SHORTEST)))
