"""Subject of a report: one endpoint."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from llm_audit.results.base import Model, empty, unset
from llm_audit.results.core import Fact, Interval, Result, Verdict


class Served(StrEnum):
    """Outcome of the tests of an endpoint. What could not be measured is never called consistent."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    NOT_MEASURED = "not_measured"


class Cost(Model):
    """Cost of the questions to an endpoint: requests, attempts (repeats included), and tokens as the endpoint counts them."""

    requests: int = Field(ge=0)
    attempts: int = Field(ge=0)
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class FailedRequest(Model):
    """A request that got no usable answer."""

    request: str
    kind: str
    reason: str
    attempts: int


class Point(Model):
    """One request of an audit, as the per-request tests saw it."""

    request: str
    value: float = Field(description="distance from the nearest allowed variant")
    limit: float = Field(description="the largest null distance")


class Asking(Model):
    """How an endpoint was asked and how it answered: the notes on it follow from that and from its tests."""

    surface: Literal["chat", "completions"]
    rounded: float = Field(
        ge=0, description="nats of the last digit of its log-probabilities, to which the null distances were rounded; 0: not"
    )
    remarks: int = Field(ge=0, description="defects and repairs of single answers, each of which is a note")
    binary: bool = Field(
        default=False,
        exclude_if=empty,
        description="its logarithms are to base 2, and were converted to nats; not there: they are not",
    )


class Substitution(Model):
    """One endpoint and the tests of whether it serves the model that it claims."""

    in_a_line = ("endpoint", "model", "served", "tests")

    kind: Literal["endpoint"] = "endpoint"
    verdict: Verdict
    served: Served
    summary: str
    claim: str = Field(description="the question as a sentence")
    endpoint: str = Field(description="address, without credentials")
    model: str = Field(description="that the endpoint is said to serve")
    allowed: tuple[str, ...] = Field(description="variants of the reference that would all be as promised")
    tests: tuple[Result, ...] = ()
    mixture: Interval | None = Field(default=None, description="share of requests moved out of the honest range")
    points: tuple[Point, ...] = ()
    capabilities: tuple[Fact, ...] = Field(default=(), description="what the endpoint really returned")
    facts: tuple[Fact, ...] = Field(default=(), description="settings fixed before the first request")
    cost: Cost
    failures: tuple[FailedRequest, ...] = ()
    notes: tuple[str, ...] = Field(default=(), description="defective evidence, changed names, what looks wrong")
    reference: str | None = Field(
        default=None,
        exclude_if=unset,
        description="what the endpoint was compared with, by name; None: its own past, or not known",
    )
    since: str | None = Field(
        default=None, exclude_if=unset, description="when the endpoint's own past answers were taken; None: another reference"
    )
    obstacle: str | None = Field(
        default=None,
        exclude_if=unset,
        description="why no test could be made, as a sentence; None: some were, or not known",
    )
    asking: Asking | None = Field(
        default=None, exclude_if=unset, description="of an audit; None: of a comparison with its own past, or not known"
    )
