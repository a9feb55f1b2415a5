"""The address of an endpoint as users have it, and where each question goes there.

Knows nothing about connections or keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.endpoints.records import Surface

PATHS: dict[Surface, str] = {"chat": "/chat/completions", "completions": "/completions"}
RESPONSES = "/responses"

_AZURE = re.compile(r"/openai/deployments/[^/]+")
_VERSION = re.compile(r"api-version=[\w.-]+")
"""The one parameter that may stand in an address: Azure demands it, and it is no secret."""


@dataclass(frozen=True)
class Address:
    """Address of an endpoint.

    Attributes:
        base: without a last slash, such as "https://api.example.com/v1".
        query: "api-version=..." (Azure), or "".
        responses: whether chat is asked by OpenAI's Responses API.
    """

    base: str
    query: str = ""
    responses: bool = False

    def __str__(self) -> str:
        return self._joined(RESPONSES if self.responses else "")

    @property
    def azure(self) -> bool:
        """Whether it is a deployment on Azure, which takes keys in a header of its own."""
        return _AZURE.search(self.base) is not None

    def of(self, surface: Surface) -> str:
        """The URL to which questions for a surface are posted."""
        return self._joined(RESPONSES if self.asks_responses(surface) else PATHS[surface])

    def asks_responses(self, surface: Surface) -> bool:
        """Whether questions of a surface are written for the Responses API."""
        return self.responses and surface == "chat"

    def _joined(self, path: str) -> str:
        return f"{self.base}{path}{'?' if self.query else ''}{self.query}"


def read_address(url: str) -> Address:
    """Parse an address: a base URL as OpenAI clients take it, or a full one that ends in chat, completions or responses.

    Without a path, "/v1" is added.

    Raises:
        InvalidConfiguration: it is no address, or may contain a secret.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        known = False
    if not known:
        raise InvalidConfiguration("The address of the endpoint is no web address; it looks like https://api.example.com/v1.")
    query = parts.query if _VERSION.fullmatch(parts.query) else ""
    if parts.username is not None or parts.password is not None or parts.query != query or parts.fragment:
        raise InvalidConfiguration(
            "The address of the endpoint has a user name, a password or parameters other than api-version in it, which would "
            "be written into the report; give the plain address, and the key by an environment variable or a file."
        )
    path = parts.path.rstrip("/")
    ends = next((end for end in (*PATHS.values(), RESPONSES) if path.endswith(end)), "")
    path = path.removesuffix(ends) or "/v1"
    return Address(urlunsplit((parts.scheme, parts.netloc, path, "", "")), query, ends == RESPONSES)
