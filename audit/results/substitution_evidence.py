"""Evidence of the tests of an endpoint; see `results.evidence`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llm_audit.results.base import Model, Numbers, Probability, unset

MOST = 10_000_000
"""Most requests of an audit."""


Count = Annotated[int, Field(ge=0, le=MOST)]

LOG_PROBABILITIES = "distance"
"""Name of the measure of distance between log-probabilities; all other measures compare texts."""


class Variant(Model):
    """Distances of answers from one allowed variant of the reference model: the endpoint's, and its own under the null."""

    name: str
    endpoint: Numbers = Field(description="of the endpoint's answers, in the order asked")
    honest: Numbers = Field(description="of the reference's own answers: the null distances")


class OnlineRanks(Model):
    """Online conformal ranks of distances among null distances, bet against in turn; the least over variants."""

    kind: Literal["online_ranks"] = "online_ranks"
    yardstick: Literal["local", "trusted"] = Field(description="a model run here, or recorded answers of trusted endpoints")
    measure: str = Field(description="what the distances are")
    unit: str
    seed: str = Field(description="of ties and intervals")
    requests: tuple[str, ...]
    missing: int = Field(ge=0, le=MOST, description="questions without an answer that can be compared")
    asked: int = Field(ge=0, le=MOST)
    variants: tuple[Variant, ...]


class Exceedance(Model):
    """The count of answers beyond every null distance, which follows from the `OnlineRanks` beside it."""

    kind: Literal["exceedance"] = "exceedance"


class RelativeRanks(Model):
    """Ranks of the endpoint's scores among the reference's, bet against in turn."""

    kind: Literal["relative_ranks"] = "relative_ranks"
    seed: str
    scores: Numbers
    references: tuple[Numbers, ...]
    repeated: tuple[Count, Count] | None = Field(
        default=None,
        exclude_if=unset,
        description="prompts all of whose texts are one and the same, of endpoint and reference; not there: not counted",
    )
    alone: tuple[Count, Count] | None = Field(
        default=None,
        exclude_if=unset,
        description="those where this is so of the endpoint alone, and of the reference alone; not there: not counted",
    )


class Kernel(Model):
    """Kernel matrix of the texts of one prompt: the first `first` are the endpoint's, the others the reference's."""

    first: int = Field(ge=1)
    size: int = Field(ge=2, le=10_000)
    above: Numbers = Field(description="the matrix above its diagonal, row by row")


class Discrepancy(Model):
    """Maximum mean discrepancy, permuted within prompts, repeated from its seed."""

    kind: Literal["discrepancy"] = "discrepancy"
    yardstick: Literal["local", "trusted"]
    seed: str
    prompts: tuple[Kernel, ...]
    raw_p: Probability | None = Field(
        default=None,
        exclude_if=unset,
        description="of the same test with white space and the Hamming kernel; it does not decide",
    )
    distinct: tuple[tuple[Count, Count], ...] | None = Field(
        default=None,
        exclude_if=unset,
        description="different texts of endpoint and reference at each prompt; not there: not counted",
    )
    repeats_p: Probability | None = Field(
        default=None,
        exclude_if=unset,
        description="of the test whether one side repeats its texts more; not there: an early version, without that test",
    )


class Change(Model):
    """Rows of log-probabilities of two occasions, for a permutation test repeated from the seed."""

    kind: Literal["change"] = "change"
    before: int = Field(ge=1, description="rows of the first occasion; the others are of the second")
    rows: tuple[Numbers, ...]
    binary: Literal["before", "after"] | None = Field(
        default=None,
        exclude_if=unset,
        description="occasion whose rows are logarithms to base 2, and converted to nats for the test; None: neither",
    )


class Flaw(Model):
    """A kind of defect, and how many answers have it."""

    name: str
    answers: int = Field(ge=1)


class Parameter(Model):
    """A parameter of requests, with the number of answers that show that it was ignored."""

    name: Literal["stop", "seed", "n"]
    tried: int = Field(ge=1, description="answers (stop, n) or pairs of them (seed)")
    ignored: int = Field(ge=0, description="of those: go on past the stop string; differ; are not as many as asked for")


class Conformance(Model):
    """Counts of answers whose claims differ from what was asked or from what they hold."""

    kind: Literal["conformance"] = "conformance"
    changes: tuple[str, ...] = Field(description="model or version named anew in the midst, as sentences")
    asked: str = Field(description="name of the model asked for")
    named: tuple[str, ...] = Field(description="other names that the answers gave, sorted")
    longer: int = Field(ge=0, description="than was asked for")
    counted: int = Field(ge=0, description="answers that are billed for some number of tokens, and have tokens")
    miscounted: int = Field(ge=0, description="of those, billed for another number than they have")
    fewer: int = Field(ge=0, description="with fewer alternatives than were asked for")
    answers: int | None = Field(default=None, ge=0, exclude_if=unset, description="answers for which numbers were asked")
    contradictory: int | None = Field(
        default=None, ge=0, exclude_if=unset, description="of those, with numbers that no honest server gives"
    )
    defective: int | None = Field(
        default=None, ge=0, exclude_if=unset, description="of those, with a defect of any kind, missing names and numbers too"
    )
    placeholders: int | None = Field(
        default=None, ge=0, exclude_if=unset, description="of those, with a number that stands for one that is missing"
    )
    flaws: tuple[Flaw, ...] | None = Field(default=None, exclude_if=unset, description="the kinds, the most frequent first")
    repaired: int | None = Field(default=None, ge=0, exclude_if=unset, description="answers in which something was put right")
    greedy: int | None = Field(
        default=None, ge=0, exclude_if=unset, description="tokens asked for at temperature 0 that have sound numbers"
    )
    unlikely: int | None = Field(
        default=None, ge=0, exclude_if=unset, description="of those, others are likelier by the endpoint's own numbers"
    )
    untold: int | None = Field(
        default=None, ge=0, exclude_if=unset, description="answers without the log-probabilities that were asked for"
    )
    parameters: tuple[Parameter, ...] | None = Field(default=None, exclude_if=unset, description="each that was tried")


class PromptCount(Model):
    """Tokens of one prompt: by the reference's tokenizer, and as the endpoint bills them."""

    name: str = Field(description="the kind of prompt")
    characters: int = Field(ge=1)
    reference: int = Field(ge=0, le=MOST, description="by the reference's tokenizer, template included")
    billed: int = Field(ge=0, le=MOST, description="by the endpoint")


class PromptCounts(Model):
    """Token counts of prompts that tokenizers split differently."""

    kind: Literal["prompt_counts"] = "prompt_counts"
    asked: int = Field(ge=0, le=MOST, description="requests that should tell a count")
    prompts: tuple[PromptCount, ...] = Field(description="those that did")


class BorderInput(Model):
    """Answers of one token to a prompt at which two tokens are nearly tied."""

    tokens: tuple[str, str] = Field(description="the two, white space aside")
    told: int = Field(ge=0, le=MOST, description="answers that are a token of the reference, white space aside")
    first: int = Field(ge=0, le=MOST, description="of those, the first token")
    second: int = Field(ge=0, le=MOST, description="of those, the second")
    same: bool | None = Field(
        default=None, exclude_if=unset, description="whether two or more came and all are one token; not there: not looked at"
    )
    expected: tuple[tuple[Probability, Probability], ...] = Field(
        description="probabilities of the two, one pair for each allowed variant"
    )


class BorderInputs(Model):
    """Answers to border inputs, against the reference's own probabilities."""

    kind: Literal["border_inputs"] = "border_inputs"
    seed: str
    asked: int = Field(ge=0, le=MOST, description="requests")
    variants: tuple[str, ...]
    inputs: tuple[BorderInput, ...]


MOST_ANSWERS = 1_000
"""Different answers to one prompt, at most."""


class FirstTokens(Model):
    """How often each answer of one token came to one prompt at two times: the counts of both in one order."""

    before: tuple[int, ...] = Field(max_length=MOST_ANSWERS)
    after: tuple[int, ...] = Field(max_length=MOST_ANSWERS)


class BorderChange(Model):
    """Answers of one token to border inputs at two times, dealt anew, repeated from the seed."""

    kind: Literal["border_change"] = "border_change"
    seed: str
    repeats: tuple[int, int] = Field(description="answers that equal the one before to the same prompt, at either time")
    inputs: tuple[FirstTokens, ...]
    strays: Count | None = Field(
        default=None,
        exclude_if=unset,
        description="answers that a prompt may have beside its one answer of now, before a cache held that; not there: 0",
    )


class TurningPoint(Model):
    """The bias of one token at which an endpoint's greedy first token turns into it, and the reference's."""

    lower: float = Field(description="nats; at this bias the endpoint writes another token")
    upper: float = Field(description="at this one, the favoured token")
    expected: tuple[float, ...] = Field(description="of the reference, in each allowed variant")


class LogOdds(Model):
    """Differences of two logits, found by logit bias, against those of the reference."""

    kind: Literal["log_odds"] = "log_odds"
    seed: str
    asked: int = Field(ge=0, le=MOST, description="requests")
    forced: int = Field(ge=0, le=MOST, description="requests whose bias must force the favoured token")
    obeyed: int = Field(ge=0, le=MOST, description="of those, the answers that are this token")
    variants: tuple[str, ...]
    points: tuple[TurningPoint, ...] = Field(description="of the endpoint, in the order asked")
    honest: tuple[tuple[float, ...], ...] = Field(
        description="turning points of the reference at prompts of its own, in each allowed variant"
    )
