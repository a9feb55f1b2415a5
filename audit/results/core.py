"""The result of a test, its parts, and the one rule that turns a p-value into a verdict."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from llm_audit.results.base import Model, Probability, unset
from llm_audit.results.evidence import Derivation
from llm_audit.results.rules import FAMILIES


class Verdict(StrEnum):
    """Outcome of a test of one subject. A closed set: an unreadable input is an `error`, never a `pass`."""

    FINDING = "finding"
    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    NOT_ASSESSABLE = "not_assessable"
    ERROR = "error"


def decide(p: float, floor: float, alpha: float) -> Verdict:
    """Verdict of one test: a finding if p <= alpha, inconclusive if no p-value that small was possible, else a pass.

    Args:
        p: in [0, 1], corrected for the number of tests that share alpha.
        floor: the smallest value that `p` could have had.
        alpha: in (0, 1).
    """
    if p <= alpha:
        return Verdict.FINDING
    return Verdict.INCONCLUSIVE if floor > alpha else Verdict.PASS


class Statistic(Model):
    """A test statistic, oriented so that higher is stronger evidence against the null."""

    name: str
    value: float
    unit: str


class Kind(Model):
    """A kind of text within a population, and how many of its documents look at least as machine-like as the subject."""

    name: str
    n: int = Field(ge=1, description="documents of this kind in the length bin")
    exceeding: int = Field(ge=0, description="of these, documents that look at least as machine-like as the subject")
    p_value: Probability | None = Field(default=None, exclude_if=unset, description="among these alone, merged over parts")


class Population(Model):
    """The reference population of a conformal null, as the reader must see it next to every p-value."""

    name: str
    description: str
    n: int = Field(ge=1, description="documents of the length bin that the subject was compared with")
    length_bin: str = Field(description="tokens of the subject and of every reference document, e.g. '192 tokens'")
    digest: str = Field(description="SHA-256 of the population file")
    nearest_kind: Kind | None = Field(
        default=None, exclude_if=unset, description="the kind of text with the largest p-value among its documents alone"
    )


class FalsePositiveRate(Model):
    """Interval of the true false-positive rate of the rule "p <= alpha", which varies between calibration sets of this size."""

    alpha: Probability
    lower: Probability
    upper: Probability
    confidence: Probability = 0.95


class Span(Model):
    """A stretch of the source text, in characters of the text as read, with the evidence it contributes."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    p_value: Probability | None = Field(description="of this passage alone, before multiplicity; None: too short to judge")
    p_floor: Probability | None = Field(description="the smallest p-value that could have come out for this passage")
    q_value: Probability | None = Field(description="Benjamini-Hochberg adjusted over the passages of the document")
    n: int = Field(ge=0, description="reference documents that this passage was compared with")
    place: str | None = Field(default=None, description="where it stands in the source: 'page 3, line 4 to 9', 'row 17'")


class Interval(Model):
    """A value and its 95 % interval: bootstrap over independent units for areas and effects, Clopper-Pearson for rates."""

    value: float
    lower: float
    upper: float


class Effect(Model):
    """Effect size: the departure from the null on a scale that does not grow with the number of texts."""

    name: str
    value: float
    unit: str
    lower: float | None = Field(default=None, description="of the 95 % interval; None: no interval is known")
    upper: float | None = None


class Draws(Model):
    """The reference distribution of a permutation or rank test: what the statistic was under the null."""

    count: int = Field(ge=0, description="draws, or all rearrangements if they were enumerated")
    exceeding: int = Field(ge=0, description="draws at least as extreme as what was observed")
    seed: str | None = Field(description="of the generator, so that the draws can be repeated; None: enumerated")
    values: tuple[float, ...] = Field(
        default=(), description="the statistic of each draw, or of the first 999, for the picture"
    )


class Histogram(Model):
    """Histogram of a statistic over the population: counts, and the edges of the bins, one more than there are counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Share(Model):
    """Contribution of one part of the evidence to a statistic, in the statistic's unit; positive is machine-like."""

    name: str
    value: float


class Result(Model):
    """Result of one test of one subject, or of several combined."""

    in_a_line = ("rule", "name", "verdict", "p_value")

    rule: str = Field(pattern=r"^AUD\d{3}$")
    name: str
    subject: Literal["document", "passage", "collection", "endpoint"]
    null: str = Field(description="the null hypothesis, as a sentence")
    verdict: Verdict
    reason: str = Field(description="one sentence: why this verdict")
    statistic: Statistic | None = None
    p_value: Probability | None = None
    e_value: float | None = None
    p_floor: Probability | None = Field(default=None, description="the smallest p-value that could have come out")
    p_upper: Probability | None = Field(
        default=None,
        description="95 % upper confidence bound on the chance that a text of the population scores at least as high",
    )
    population: Population | None = None
    false_positive_rate: FalsePositiveRate | None = None
    n: int | None = Field(
        default=None, description="tokens judged; of integrity rules: characters; of a collection: independent units"
    )
    histogram: Histogram | None = Field(default=None, description="the statistic over the population, for the picture")
    log_e: tuple[float, ...] = Field(
        default=(), description="logarithm of the e-process after each independent unit, in their order, for the picture"
    )
    effect: Effect | None = None
    draws: Draws | None = Field(default=None, description="of permutation and rank tests")
    evidence: Derivation | None = Field(default=None, description="what the p-value follows from, without a model")
    spans: tuple[Span, ...] = ()
    shares: tuple[Share, ...] = Field(default=(), description="what moved a trained statistic, largest first")
    assumptions: tuple[str, ...] = ()
    method: str = Field(default="", description="reference, and where we differ from it")

    @property
    def family(self) -> str:
        """The family of the result's rule: `origin`, `attribution` and so on; "" if no rule has this code."""
        return FAMILIES.get(self.rule[3], "")


class Fact(Model):
    """One condition of the measurement, as a name and a value."""

    name: str
    value: str


class ModelIdentity(Model):
    """Which model scored the text, by content rather than by name."""

    name: str
    digest: str = Field(description="SHA-256 over the weight, configuration and tokenizer files")
    dtype: str
    files: dict[str, str] = Field(default={}, description="SHA-256 of each of these files, by name")
