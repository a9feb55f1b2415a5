"""Requirements of a framework, evidence from an audit report, and the words for both. Nothing here judges."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from llm_audit.results.base import Model, Probability

VERDICT = re.compile(r"complian|complie|[ck]onform", re.IGNORECASE)
"""Forbidden words, which would turn evidence into a legal verdict."""


class Outcome(StrEnum):
    """Outcome of one piece of evidence, or of one requirement. A closed set, and none of it is a verdict on the law."""

    FOUND = "evidence_found"
    NOT_FOUND = "evidence_not_found"
    NOT_TESTABLE = "not_testable"


class Selector(StrEnum):
    """The kinds of evidence that a framework can ask for, as they are written in its file."""

    SIGNED_PROVENANCE = "signed_provenance"
    WATERMARK_TEST = "watermark_test"
    STATISTICAL_DETECTION = "statistical_detection"
    ATTRIBUTION_TEST = "attribution_test"
    VISIBLE_LABEL = "visible_label"
    LENGTH = "length_over_200_tokens"
    HUMAN_REVIEW = "human_review_claim"
    MEMBERSHIP_TEST = "membership_test"
    SUBSTITUTION_TEST = "substitution_test"
    TAMPERING = "tamper_findings"
    FALSE_POSITIVES = "false_positive_rate"
    FALSE_NEGATIVES = "false_negative_rate"
    POPULATION = "population_documented"
    LIMITS = "limits_documented"
    COVERAGE = "coverage_documented"
    MANIFEST = "manifest_complete"


class Claim(StrEnum):
    """Statement that only the user can make. It is printed as stated and unverified, and changes no result."""

    HUMAN_REVIEW = "human-review"
    VISIBLE_LABEL = "visible-label"


Checked = Literal["primary", "copy", "secondary"]
"""Kind of reading of a source: its primary text, verbatim copies of it, or only what others write about it."""


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("this text is empty")
    return text


def _no_verdict(text: str) -> str:
    if match := VERDICT.search(text):
        raise ValueError(f"a result may not say “{match[0]}…”: it names evidence, and people decide about the law")
    return text


Text = Annotated[str, AfterValidator(_not_empty)]
ResultText = Annotated[Text, AfterValidator(_no_verdict)]


class Source(Model):
    """A text that requirements are taken from."""

    id: Text
    title: Text
    version: Text = Field(description="version or date of the source text")
    checked: Checked
    note: Text = Field(description="what the reader must check, and where this comes from")


class LegalDate(Model):
    """A day from which something applies."""

    day: date
    what: Text
    source: Text = Field(description="id of a source")
    checked: Checked


class Requirement(Model):
    """One requirement of a framework, in our own words, with the evidence that our reports can show for it."""

    id: Text
    title: Text
    reference: Text = Field(description="article or section of the source")
    source: Text = Field(description="id of a source")
    checked: Checked
    binds: Literal["provider", "deployer", "both"]
    asks: Text
    evidence: tuple[Selector, ...] = Field(min_length=1)
    needs: Literal["all", "any"] = Field(description="of the evidence, for the requirement's own result")
    limits: tuple[Text, ...] = Field(min_length=1, description="printed whatever the result")
    found: ResultText
    not_found: ResultText
    not_testable: ResultText


class Head(Model):
    """A framework without its requirements."""

    name: Text
    title: Text
    edition: date = Field(description="of the file")
    about: Text
    statement: Text = Field(description="what no result proves; printed before the results")
    notice: Text = Field(description="that this is no legal advice")
    sources: tuple[Source, ...]
    dates: tuple[LegalDate, ...] = ()
    outside: tuple[Text, ...] = Field(default=(), description="what the source asks and no report of ours looks at")


class Framework(Head):
    """A compliance framework as read from its file."""

    requirements: tuple[Requirement, ...] = Field(min_length=1)


class Pointer(Model):
    """Place of a piece of evidence in the audit report."""

    where: str = Field(description="document or subject, and rule")
    path: str = Field(description="JSON pointer (RFC 6901) into the report")


class Evidence(Model):
    """Evidence of one kind in the report."""

    selector: Selector
    title: str
    outcome: Outcome
    sentences: tuple[str, ...] = Field(description="with the numbers")
    stated: str | None = Field(default=None, description="by the user, unverified")
    pointers: tuple[Pointer, ...] = ()


class Assessed(Model):
    """One requirement with its evidence and its result."""

    requirement: Requirement
    evidence: tuple[Evidence, ...]
    result: Outcome
    words: str = Field(description="the framework's words for this result")


class Subject(Model):
    """Subject of the audit, by name and digest."""

    name: str
    sha256: str | None


class ComplianceReport(Model):
    """A framework's requirements, each with the evidence that one audit report holds."""

    in_a_line = ("outcomes",)

    schema_version: Literal["1"] = "1"
    framework: Head
    framework_digest: str = Field(description="SHA-256 of the framework's file")
    question: str = Field(description="of the audit report")
    subjects: tuple[Subject, ...]
    started: str = Field(description="when the audit began; ISO 8601, UTC")
    tool: str
    version: str
    alpha: Probability
    report_digest: str = Field(description="SHA-256 of the audit report as JSON")
    claims: dict[Claim, str] = Field(description="stated by the user, unverified")
    requirements: tuple[Assessed, ...]
    limits: tuple[str, ...] = Field(description="of the audit report")

    @property
    def outcomes(self) -> dict[str, str]:
        """Name of each requirement -> its result, in a word."""
        return {assessed.requirement.id: assessed.result.value for assessed in self.requirements}


def together(outcomes: Iterable[Outcome], needs: Literal["all", "any"]) -> Outcome:
    """The result of a requirement from that of its evidence.

    Found: all, or any, of the evidence was found. Otherwise not found, if some of it was looked for in vain; otherwise not
    testable.
    """
    seen = list(outcomes)
    enough = all if needs == "all" else any
    if enough(outcome is Outcome.FOUND for outcome in seen):
        return Outcome.FOUND
    return Outcome.NOT_FOUND if Outcome.NOT_FOUND in seen else Outcome.NOT_TESTABLE
