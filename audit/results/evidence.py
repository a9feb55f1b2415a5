"""Evidence of a p-value: enough to compute it again without a model.

A closed set of kinds, told apart by `kind`. Each holds the sufficient statistics of one test, not the data: a few numbers a
document. `llm-audit verify` hands them to the functions that made the p-value. Natural logarithms; None stands for infinity.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llm_audit.results.base import Model, Numbers, Probability, empty, unset
from llm_audit.results.membership_evidence import Continued, Drawn, RankSum, Signs, TwoSample, Versions
from llm_audit.results.substitution_evidence import (
    BorderChange,
    BorderInputs,
    Change,
    Conformance,
    Discrepancy,
    Exceedance,
    LogOdds,
    OnlineRanks,
    PromptCounts,
    RelativeRanks,
)
from llm_audit.results.watermark_evidence import (
    KeyedBets,
    KeyedCalibration,
    KeyedText,
    KeyedTogether,
    KeyedTraining,
    KeyedWindows,
    ProbedChoices,
    ProbedPhases,
    ProbedRepeats,
    ProbedTogether,
)


class Part(Model):
    """Tokens [start, stop) of a window with the detectors' statistics on them, in the population's precision (float32)."""

    start: int = Field(ge=0)
    stop: int = Field(ge=0)
    statistics: Numbers = Field(description="of each rule, in the order of `rules`")


class Conformal(Model):
    """Rank among a population's texts at the same place: of one statistic, or of the Cauchy combination of several."""

    kind: Literal["conformal"] = "conformal"
    population: str
    digest: str = Field(description="SHA-256 of the population file")
    rules: tuple[str, ...]
    weights: Numbers = Field(description="shares of the rules in the combination; empty: one statistic, ranked itself")
    parts: tuple[Part, ...] = Field(description="of the text, whose p-values are merged")
    passages: tuple[Part, ...] = Field(default=(), description="of the spans that have a p-value, in their order")


class MartingaleZ(Model):
    """Normal tail of a standardised martingale: z = deviation / sqrt(variance), two-sided."""

    kind: Literal["martingale_z"] = "martingale_z"
    tokens: int = Field(ge=0, description="that the setting does not exclude; 0: nothing to measure, p = 1")
    deviation: float | None = Field(description="sum of surprisal minus entropy, nats")
    variance: float = Field(ge=0, description="sum of varentropy, nats²")
    vocabulary: int | None = Field(
        default=None, ge=2, exclude_if=unset, description="tokens that the model could choose from at each place"
    )


class Tempering(Model):
    """Mixture over exponents of running products: p = 1 / the mixture at its peak."""

    kind: Literal["tempering"] = "tempering"
    peak: tuple[float | None, ...] = Field(description="log of each product where the mixture is largest; empty: at the start")
    end: tuple[float | None, ...] = Field(description="log of each product after the last token")
    without: float | None = Field(description="log of the mixture at the peak without its strongest token")
    strongest: int | None = Field(default=None, exclude_if=unset, description="number of that token, from 1; 0: there is none")
    outside: int | None = Field(default=None, ge=0, exclude_if=unset, description="tokens that the setting excludes")
    tests: int | None = Field(default=None, ge=1, exclude_if=unset, description="tests of the candidate that share alpha")


class Ratio(Model):
    """Log-likelihoods of the text up to a place, under rivals and under the null, whose ratio of means is tested."""

    rivals: tuple[float | None, ...] = Field(description="None: the rival excludes the text")
    null: float | None


class LikelihoodRatio(Model):
    """Likelihood ratio along the text: p = 1 / the ratio at its peak."""

    kind: Literal["likelihood_ratio"] = "likelihood_ratio"
    peak: Ratio | None = Field(description="None: never above its start")
    end: Ratio | None = Field(description="None: there is no rival")
    without: float | None = Field(
        description="log of the ratio at the peak without its strongest token; None: that token makes it infinite"
    )
    strongest: int | None = Field(default=None, ge=0, exclude_if=unset, description="number of that token, from 1; 0: no rival")
    tests: int | None = Field(default=None, ge=1, exclude_if=unset, description="tests of the candidate that share alpha")


class Fisher(Model):
    """Fisher's statistic of the randomised PIT, and the count of tokens outside a truncated setting."""

    kind: Literal["fisher"] = "fisher"
    tokens: int = Field(ge=1)
    total: float = Field(description="sum of -log(1 - U) over the tokens, nats")
    impossible: int = Field(ge=0, description="tokens with U = 1, which make the sum infinite")
    outside: int | None = Field(description="tokens outside the kept set; None: nothing is truncated")
    share: float = Field(description="of tokens that may escape the truncation")
    without: Probability | None = Field(description="median p without the strongest token; None: not asked for")
    kolmogorov_smirnov: Probability | None = Field(default=None, exclude_if=unset, description="p of another form of the test")
    anderson_darling: Probability | None = Field(default=None, exclude_if=unset, description="p of another form of the test")
    tests: int | None = Field(default=None, ge=1, exclude_if=unset, description="tests of the candidate that share alpha")


class Odd(Model):
    """A kind of odd character, and how many of it there are."""

    code_point: int = Field(ge=0, le=0x10FFFF)
    count: int = Field(ge=1)


class Way(Model):
    """A kind of odd stretches, with the number of their characters (for traces: of stretches)."""

    how: str
    count: int = Field(ge=1)


class Characters(Model):
    """Count of odd characters, without chance: a finding if there are more than are tolerated."""

    kind: Literal["characters"] = "characters"
    count: int = Field(ge=0)
    tolerated: int = Field(ge=0, description="so many of them are no finding")
    named: tuple[Odd, ...] = Field(description="the most frequent kinds of them")
    others: int = Field(ge=0, description="further kinds")
    ways: tuple[Way, ...] = Field(default=(), exclude_if=empty, description="of rules that look for more than characters")
    first: str | None = Field(
        default=None, exclude_if=unset, description="the beginning of the first odd stretch, of such rules"
    )


Derivation = Annotated[
    Conformal
    | MartingaleZ
    | Tempering
    | LikelihoodRatio
    | Fisher
    | Characters
    | Drawn
    | Versions
    | TwoSample
    | RankSum
    | Continued
    | Signs
    | OnlineRanks
    | Exceedance
    | RelativeRanks
    | Discrepancy
    | Change
    | Conformance
    | PromptCounts
    | BorderInputs
    | BorderChange
    | LogOdds
    | KeyedText
    | KeyedWindows
    | KeyedBets
    | KeyedCalibration
    | KeyedTogether
    | KeyedTraining
    | ProbedChoices
    | ProbedRepeats
    | ProbedPhases
    | ProbedTogether,
    Field(discriminator="kind"),
]
"""The stored statistics from which a p-value follows, one model for each kind of test."""


class Deciding(Model):
    """One exact test under one setting."""

    rule: str
    evidence: Derivation | None = Field(description="None: that of the test shown, or one that cannot be stored")


class Setting(Model):
    """The tests that decide about a candidate under one of its settings."""

    name: str
    tests: tuple[Deciding, ...]


class Against(Model):
    """Likelihood of a candidate (or of all outside a set) against another one, under each setting of the latter."""

    candidate: int = Field(description="place of the other one among the candidates")
    settings: tuple[Ratio, ...]


class Settings(Model):
    """Evidence of an attribution with a known prompt: the least refuted of its settings."""

    kind: Literal["settings"] = "settings"
    settings: tuple[Setting, ...]
    shown: int = Field(description="the setting whose tests are shown")
    against: tuple[Against, ...] = Field(default=(), description="this candidate against each other one, where it was asked")
    same: tuple[int, ...] | None = Field(
        default=None, exclude_if=unset, description="places of the candidates that predict the same, whatever they are called"
    )
    other_tokens: bool | None = Field(
        default=None, exclude_if=unset, description="whether a rival reads the text by another tokenizer"
    )


class Generations(Model):
    """Evidence of an attribution with an unknown prompt: its rank among the generations of each setting."""

    kind: Literal["generations"] = "generations"
    settings: tuple[Conformal, ...]


class Members(Model):
    """Evidence of a set's e-values: all outside it against each member, and the reverse where it was asked."""

    against: tuple[Against, ...] = Field(description="all outside against each member")
    outside: tuple[Against, ...] = Field(default=(), description="all members against each one outside")
