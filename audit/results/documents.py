"""Subject of a report: one text, and the candidates that it was compared with."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from llm_audit.results.base import Model, Probability, empty, unset
from llm_audit.results.core import Fact, ModelIdentity, Result, Verdict
from llm_audit.results.evidence import Generations, Members, Settings
from llm_audit.results.gate import Gated, Suppression

WhyUnjudged = Literal[
    "unreadable", "empty", "too_long", "no_running_text", "no_prose", "language", "too_short", "known_by_heart", "repetitive",
    "not_asked",
]  # fmt: skip
"""Reasons why no test was made of a document."""


Doubt = Literal["known_by_heart", "repetitive"]
"""Reasons why a small p-value would not show a machine author: models know the text by heart, or it repeats itself."""


class Authorship(StrEnum):
    """Outcome of the tests of one candidate, or of one set of candidates."""

    WRITTEN_BY = "written_by"
    NOT_WRITTEN_BY = "not_written_by"
    UNDECIDED = "undecided"
    NOT_ASSESSABLE = "not_assessable"


class Tokens(Model):
    """A text token by token under one model, for plots. All fields have the same length; natural logarithms."""

    start: tuple[int, ...] = Field(description="first character of each token in the text as read")
    end: tuple[int, ...]
    surprisal: tuple[float | None, ...] = Field(description="-log p of the token; None: impossible under these settings")
    entropy: tuple[float, ...] = Field(description="what the surprisal would average to, had the model written the text")


class Trace(Tokens):
    """A text token by token under a candidate, with the paths of its tests."""

    log_e: tuple[float, ...] = Field(description="logarithm of the e-process after each token")
    pit: tuple[float | None, ...] = Field(
        description="randomised probability integral transform: uniform under the null, near 1 if surprising"
    )


class Attribution(Model):
    """The tests of one candidate on one text: model, settings, assumptions and results."""

    in_a_line = ("candidate", "verdict", "p_value")

    candidate: str = Field(description="as the user wrote it")
    role: Literal["candidate", "sanctioned", "other"]
    model: ModelIdentity | None = Field(description="None if it could not be used")
    settings: tuple[str, ...] = Field(description="the decoding settings of the null; several: one of them, unknown which")
    context: str = Field(description="what the candidate is taken to have read before the text, as a sentence")
    exact: bool = Field(description="whether the error guarantee is exact: prompt and settings are taken as known")
    verdict: Authorship
    reason: str = Field(description="one sentence: why this verdict")
    p_value: Probability | None = Field(
        default=None, description="against 'this candidate wrote it', all deciding tests together"
    )
    tests: tuple[Result, ...] = ()
    trace: Trace | None = None
    evidence: Settings | Generations | None = Field(
        default=None, discriminator="kind", description="what `p_value` and `verdict` follow from, beside `tests`"
    )


class SetAttribution(Model):
    """The test of a set of candidates on one text. Null: one of the members wrote it."""

    role: Literal["sanctioned", "other"]
    members: tuple[str, ...]
    null: str
    verdict: Authorship
    reason: str
    p_value: Probability | None = None
    e_value: float | None = None
    evidence: Members | None = Field(default=None, description="what the e-value follows from")


class Mark(Model):
    """A provenance mark in a text. Evidence of origin only if its signature is valid, and its signer trusted."""

    kind: Literal["c2pa_selectors", "c2pa_block"] = Field(description="C2PA 2.4, A.8 and A.9")
    start: int = Field(ge=0, description="in characters of the text as read, like `end`")
    end: int = Field(ge=0)
    manifest_sha256: str | None = Field(description="of the manifest store; None: the mark holds none")
    manifest_bytes: int | None
    reference: str | None = Field(description="where the mark says that its manifest lies; never fetched")
    defect: str | None = Field(description="what is wrong with the mark; None: it is well-formed")
    claim_generator: str | None = Field(description="the program that says it made the mark; None: not read")
    signer: str | None = Field(description="name and organisation in the certificate; None: not read")
    signature: Literal["valid", "invalid", "not_checked"] = Field(description="valid: signature and text belong together")
    reason: str = Field(description="all of this as sentences")


class Stretch(Model):
    """A part of a text that reads like machine writing, in characters of the text as read; an estimate."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)


class Document(Model):
    """One text with all results about it."""

    in_a_line = ("name", "verdict", "p_value")

    kind: Literal["document"] = "document"
    name: str = Field(description="path as given, or '-' for standard input")
    sha256: str | None = Field(description="of the raw bytes; None if they could not be read")
    encoding: str | None
    language: str | None = Field(description="ISO 639-1 code, with the identifier's own confidence in `notes`")
    characters: int = Field(ge=0)
    tokens: int | None
    verdict: Verdict
    summary: str = Field(description="the verdict as one sentence that a teacher understands")
    combined: Result | None = Field(description="all detectors in one p-value")
    results: tuple[Result, ...] = ()
    attributions: tuple[Attribution, ...] = Field(default=(), description="of `attribute`: one per candidate, as given")
    sets: tuple[SetAttribution, ...] = Field(default=(), description="of `attribute`: the sanctioned and the other models")
    marks: tuple[Mark, ...] = Field(default=(), description="of provenance; no part of what was scored")
    notes: tuple[str, ...] = Field(default=(), description="what was normalised away, truncated, or looks tampered with")
    kept: tuple[tuple[str, str], ...] | None = Field(
        default=None, exclude_if=unset, description="of a record: fields that go with it, each as JSON"
    )
    doubt: Doubt | None = Field(
        default=None, exclude_if=unset, description="why a small p-value says nothing here; None: nothing is known against it"
    )
    why_unjudged: WhyUnjudged | None = Field(
        default=None, exclude_if=unset, description="in a word, for programs; `summary` says it"
    )
    omitted: float | None = Field(
        default=None, ge=0, le=1, exclude_if=unset,
        description="share of what a reader of the document sees that was not judged; None: a tenth at most",
    )  # fmt: skip
    stretches: tuple[Stretch, ...] | None = Field(
        default=None,
        exclude_if=unset,
        description="where the text reads like machine writing; empty: nowhere; None: not looked for",
    )
    facts: tuple[Fact, ...] = Field(
        default=(),
        exclude_if=empty,
        description="what the file says of itself, such as its creator; no part of any verdict, left out with --no-text",
    )
    text: str | None = Field(default=None, description="the text as read, for the heat strip; left out with --no-text")
    trace: Tokens | None = Field(
        default=None, description="of `detect`, under the scoring model; left out with --no-text, and in runs of many texts"
    )
    gate: Gated | None = Field(default=None, description="of `gate`: whether it fails, and what it was told to pass over")

    @property
    def is_endpoint(self) -> bool:
        """Whether it is no text but an endpoint that was asked for its answers, as by `watermark probe`."""
        return self.sha256 is None and self.verdict is not Verdict.ERROR and self.gate is None  # a gate passes empty files over

    @property
    def p_value(self) -> float | None:
        """The p-value of the combined result, which decides; None: the text was not judged."""
        return self.combined.p_value if self.combined else None

    @property
    def share(self) -> float | None:
        """Part of its characters that reads like machine writing, from 0 to 1; None: it was not judged, or not looked for."""
        if not self.characters or self.stretches is None or self.verdict in (Verdict.NOT_ASSESSABLE, Verdict.ERROR):
            return None
        return min(1.0, sum(stretch.end - stretch.start for stretch in self.stretches) / self.characters)

    @property
    def integrity(self) -> tuple[Result, ...]:
        """The results of the integrity rules: whether the text was tampered with."""
        return tuple(result for result in self.results if result.family == "integrity")

    @property
    def tampering(self) -> tuple[Result, ...]:
        """The findings among the results of the integrity rules."""
        return tuple(result for result in self.integrity if result.verdict is Verdict.FINDING)

    @property
    def wanted(self) -> tuple[Result, ...]:
        """The results of a gate's watermark checks: marks that its policy demands or forbids; empty without a gate."""
        return tuple(result for result in self.results if self.gate is not None and result.family == "watermark")

    @property
    def objections(self) -> tuple[Result, ...]:
        """Findings that stand beside the verdict on the author: tampering, and marks that a gate's policy objects to."""
        return (*self.tampering, *(result for result in self.wanted if result.verdict is Verdict.FINDING))

    @property
    def passed_over(self) -> Suppression | None:
        """The suppression in force of the finding that the text is machine-generated; None: there is none."""
        return self.suppressed(self.combined.rule) if self.combined and self.verdict is Verdict.FINDING else None

    def suppressed(self, rule: str) -> Suppression | None:
        """The suppression in force of a rule's findings in this text; None: there is none."""
        suppressions = self.gate.suppressions if self.gate else ()
        applied = (suppression for suppression in suppressions if suppression.state == "applied")
        return next((suppression for suppression in applied if suppression.rule == rule), None)
