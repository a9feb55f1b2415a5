"""Outcome of a gate: for every text, whether it fails; for the run, its terms and counts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llm_audit.results.base import Model, Probability, unset
from llm_audit.results.core import Verdict
from llm_audit.results.corpus import Discovery


class Suppression(Model):
    """A finding that is known and accepted: it is shown, and fails nothing."""

    kind: Literal["inline", "baseline"] = Field(description="the text says so itself, or it is in the baseline")
    rule: str = Field(pattern=r"^AUD\d{3}$")
    reason: str = Field(description="as given; of the baseline, the name that the text had when it was taken up")
    line: int | None = Field(default=None, ge=1, description="of the file; None: of the baseline")
    until: str | None = Field(default=None, description="last day on which it holds, ISO 8601; None: for good")
    state: Literal["applied", "unused", "expired", "off", "not_obeyed"] = Field(
        description="unused: there is no such finding; off: the policy allows no inline suppressions; not_obeyed: it stands "
        "where none is obeyed"
    )


class Failure(Model):
    """The reason why a text fails: a rule and its verdict."""

    rule: str = Field(pattern=r"^AUD\d{3}$", description="of the finding; of an input that could not be read, the code of that")
    verdict: Verdict


class Gated(Model):
    """Outcome of the gate for one text, beside its verdict."""

    text_digest: str | None = Field(
        description="SHA-256 of the text with white space evened out: what the baseline and copies are known by"
    )
    q_value: Probability | None = Field(
        default=None, description="Benjamini-Hochberg adjusted over the texts of the run; None: it was none of its tests"
    )
    fail_on: tuple[Verdict, ...] = Field(description="what makes this text fail")
    counted: tuple[str, ...] | None = Field(
        default=None, exclude_if=unset, description="rules whose findings count for this text, by the policy; None: not known"
    )
    known: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="in the baseline as a text without findings, and none of this run's tests"
    )
    known_passed: bool | None = Field(
        default=None,
        exclude_if=unset,
        description="of a known text: whether the baseline says that it passed; None: an early report, in which it passes",
    )
    suppressions: tuple[Suppression, ...] = ()
    failures: tuple[Failure, ...] = ()


class BaselineUse(Model):
    """The baseline that was compared with."""

    name: str
    sha256: str = Field(description="of its entries, sorted, as `--update-baseline` writes them")
    entries: int = Field(ge=0)
    texts: int | None = Field(default=None, ge=0, exclude_if=unset, description="that it knows to be without findings")
    unseen: int = Field(ge=0, description="entries whose text is none of this run's")


class GateOutcome(Model):
    """Outcome of the gate for all texts together."""

    summary: str
    failed: int = Field(ge=0, description="texts that fail")
    suppressed: int = Field(ge=0, description="findings that are not failures, since their texts say why")
    baselined: int = Field(ge=0, description="findings that are not failures, since they are in the baseline")
    discovery: Discovery
    day: str = Field(description="on which suppressions held or had expired, ISO 8601, UTC")
    inline_suppressions: bool = Field(description="whether the policy allows them")
    baseline: BaselineUse | None = None
    changed_since: str | None = Field(default=None, description="revision; only what changed since was judged")
    left_out: int = Field(default=0, ge=0, description="inputs that the policy does not cover")
