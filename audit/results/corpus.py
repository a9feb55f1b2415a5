"""A corpus as a whole, and its false discovery rate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llm_audit.results.base import Model, Probability
from llm_audit.results.core import Verdict


class Ranked(Model):
    """One of the documents that are least like the population."""

    name: str
    tokens: int
    verdict: Verdict
    p_value: Probability
    p_floor: Probability
    q_value: Probability


class Unread(Model):
    """A document that could not be read, and why."""

    name: str
    reason: str


class Discovery(Model):
    """The false discovery rate over the corpus: numbers of tests, of findings, and of findings that were possible."""

    alpha: Probability = Field(description="the false discovery rate that was asked for")
    tests: int = Field(ge=0, description="different texts that were judged; copies of a text are one test")
    found: int = Field(ge=0, description="different texts with q <= alpha")
    floor: Probability | None = Field(description="the smallest p-value that any of these texts could have given")
    at_floor: int = Field(ge=0, description="texts whose p-value is the smallest that they could have given")
    possible: int = Field(
        ge=0, description="texts that are found, or would have been with their smallest p-value, the others being what they are"
    )
    fewest: int | None = Field(description="texts that must be found together, or none can be; None: none can in any case")
    low: int = Field(ge=0, description="texts with p <= alpha, each taken by itself")
    low_by_chance: float = Field(description="how many of those to expect, had people written all texts")
    histogram: tuple[int, ...] = Field(description="p-values of the tests, in 20 equal bins of [0, 1]")


class Corpus(Model):
    """All documents of a scan taken together; the single documents are in the results beside the summary."""

    in_a_line = ("documents", "included", "verdicts")

    kind: Literal["corpus"] = "corpus"
    complete: bool = Field(description="whether every document of the corpus is in it")
    documents: int = Field(ge=0, description="in the corpus")
    included: int = Field(ge=0, description="in this report")
    limit: int | None = Field(description="documents that were asked for; None: all")
    verdicts: dict[Verdict, int] = Field(description="of documents, copies counted")
    copies: int = Field(ge=0, description="judged documents whose text had occurred before")
    discovery: Discovery
    summary: str = Field(description="what was found, as a sentence")
    null: str = Field(description="the null hypothesis of every document, as a sentence")
    assumptions: tuple[str, ...]
    ranked: tuple[Ranked, ...] = Field(description="the documents least like the population, found or not; 100 at most")
    unread: tuple[Unread, ...] = Field(description="documents that could not be read; 100 at most")
    files: int
    inputs: str = Field(description="SHA-256 over the names and contents of all files")
    text_field: str
    population_description: str

    @property
    def verdict(self) -> Verdict:
        """Verdict on the corpus as a whole: a finding if any document has one."""
        discovery = self.discovery
        if discovery.found:
            return Verdict.FINDING
        if not discovery.tests:
            return Verdict.NOT_ASSESSABLE
        return Verdict.INCONCLUSIVE if discovery.possible < discovery.tests else Verdict.PASS
