"""How an endpoint is named and asked: what every function of the library that asks one takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

from llm_audit import results
from llm_audit.api.arguments import Count, Range, check_fields
from llm_audit.api.report import Report
from llm_audit.api.running import StrPath, finished
from llm_audit.common.errors import InvalidConfiguration
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.headers import Header, read_headers
from llm_audit.endpoints.journal import Journal, Replay
from llm_audit.endpoints.key import read_key
from llm_audit.endpoints.limits import Limits

Surface = Literal["chat", "completions"]


@dataclass(frozen=True)
class EndpointSetup:
    """An OpenAI-compatible endpoint, and how it may be asked; or a journal of one.

    Attributes:
        url: base address, such as "https://api.example.com/v1". One that ends in "/responses" is asked by the Responses API;
            of Azure: "https://NAME.openai.azure.com/openai/deployments/NAME?api-version=VERSION".
        model: the model's name there.
        key_env, key_file: environment variable or file that holds the API key.
        headers: of every request, each "Name: value"; the values are treated as secrets.
        headers_env: likewise, each "Name: VARIABLE", where the environment variable holds the value.
        journal: file that keeps every raw answer; what it holds already is not asked again.
        replay: a journal that all answers are taken from; no endpoint is asked, and `url` stays None.
        timeout: seconds for a whole answer; a third of that for the first one.
        attempts: per request.
        concurrency: requests at a time.
        per_second: requests a second at most; None: as fast as the answers come.
        max_requests: cap on requests sent, repeats included.
        max_tokens: cap on tokens of prompts and answers, as billed.

    Raises:
        InvalidConfiguration: an attribute holds what it cannot hold. Whether they go together is seen when it is opened.

    >>> llm_audit.EndpointSetup("http://localhost:8080/v1", "my-model", max_requests=100).attempts
    4
    """

    url: str | None = None
    model: str | None = None
    key_env: str | None = None
    key_file: StrPath | None = None
    headers: tuple[str, ...] = field(default=(), repr=False)
    headers_env: tuple[str, ...] = ()
    journal: StrPath | None = None
    replay: StrPath | None = None
    timeout: Annotated[float, Range(0, ends="()")] = 120.0
    attempts: Annotated[int, Range(1, 20)] = 4
    concurrency: Annotated[int, Range(1, 64)] = 4
    per_second: Annotated[float, Range(0, ends="()")] | None = None
    max_requests: Count | None = None
    max_tokens: Count | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def check(self) -> None:
        """Refuse attributes that are missing or do not go together. Raises InvalidConfiguration."""
        if self.replay is not None:
            if self.url or self.journal:
                raise InvalidConfiguration("A replay asks no endpoint: give no URL and no journal with it.")
        elif not self.url or not self.model:
            raise InvalidConfiguration("Give the URL of an endpoint and the model's name there (--model), or a journal.")
        elif self.key_env and self.key_file:
            raise InvalidConfiguration("Give the environment variable or the file that holds the key, not both.")

    def check_requests(self, needed: int, fewer: str) -> None:
        """Refuse a cap below the requests that a test needs; `fewer`: how to need fewer. Raises InvalidConfiguration."""
        if self.max_requests is not None and self.max_requests < needed:
            raise InvalidConfiguration(
                f"The test needs {needed:,} requests, and at most {self.max_requests:,} are allowed; raise the cap, or {fewer}."
            )

    def open(self) -> Endpoint | Replay:
        """The endpoint, or the journal.

        Raises:
            InvalidConfiguration: attributes are missing or do not go together, or the key cannot be used.
        """
        self.check()
        if self.replay is not None:
            return Replay(self.replay)
        assert self.url and self.model
        limits = Limits(
            self.timeout, self.attempts, self.concurrency, self.per_second, self.max_requests, self.max_tokens
        )  # fmt: skip
        key, further = self._secrets
        return Endpoint(self.url, self.model, key, limits, Journal(self.journal), headers=further)

    @cached_property
    def _secrets(self) -> tuple[str | None, tuple[Header, ...]]:
        """The API key, None if the endpoint needs none, and the headers. Read once, since a key file may be a pipe."""
        return read_key(env=self.key_env, file=self.key_file), read_headers(self.headers, self.headers_env)

    def finished(self, report: results.Report, started: str, named: Sequence[StrPath | None]) -> Report:
        """The report of a run on this endpoint, its manifest completed, and keys and header values taken out of its command."""
        key, headers = self._secrets
        secrets = [word for header in headers for word in (header.value, *header.secrets)]
        return finished(report, started, [*named, self.journal, self.replay], (*secrets, *((key,) if key else ())))
