"""Evidence of the tests for a watermark; see `results.evidence`. It holds no key and no score of a single token."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llm_audit.results.base import Model, Numbers, unset

MOST_TOKENS = 10_000_000
"""Most tokens of a text: a forged number in a report must not exhaust the memory of its verifier."""

Tokens = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
Compared = Literal["best", "first"]
KeyId = Annotated[str, Field(pattern="^[0-9a-f]{12}$", description="digest by which the key is named; never the key")]
NullLaw = Annotated[dict[str, str | int | float], Field(description="law of one score under the null: its kind and numbers")]


LogP = Annotated[float, Field(le=0)]


class Summed(Model):
    """Sum of the scores of the distinct inputs of a reading: an exact tail of the law."""

    kind: Literal["summed"] = "summed"
    reading: str = Field(description="how the text became tokens")
    tokens: Tokens
    scored: Tokens = Field(description="tokens with a known context")
    distinct: Tokens = Field(description="of these, the first of each input of the pseudo-random function; they alone count")
    total: float = Field(description="sum of their scores")
    law: NullLaw


class LinedUp(Model):
    """Least alignment cost over blocks and shifts of a sequence of keys: an exact Gamma tail, Bonferroni over all of them."""

    kind: Literal["lined_up"] = "lined_up"
    reading: str
    tokens: Tokens
    keys: Tokens = Field(ge=1, description="in the sequence")
    block: Tokens = Field(ge=1)
    cells: Tokens = Field(ge=1, description="distinct pairs of key and token whose costs are summed")
    cost: float = Field(description="the least over blocks and shifts")


class FreshKeys(Model):
    """Rank of the least cost among those of fresh random keys, drawn until `stop` of them are as low or `most` are drawn."""

    kind: Literal["fresh_keys"] = "fresh_keys"
    reading: str
    alignment: Literal["simple", "edit"] = Field(description="without edits, or with insertions and deletions")
    tokens: Tokens
    keys: Tokens = Field(ge=1)
    cost: float
    draws: int = Field(ge=1, le=MOST_TOKENS)
    exceeding: int = Field(ge=0)
    most: int = Field(ge=1, le=MOST_TOKENS)
    stop: int = Field(ge=1)


Reading = Annotated[Summed | LinedUp | FreshKeys, Field(discriminator="kind")]


class _Keyed(Model):
    key: KeyId
    scheme: str
    tests: int = Field(ge=1, le=MOST_TOKENS, description="tests of this text that share alpha, those of other keys included")


class KeyedText(_Keyed):
    """The whole text under one key; the best of its readings, times their number."""

    kind: Literal["keyed_text"] = "keyed_text"
    readings: tuple[Reading, ...] = Field(min_length=1)


class KeyedWindows(_Keyed):
    """Windows of doubling length under one key: sums of scores, and places in the text."""

    kind: Literal["keyed_windows"] = "keyed_windows"
    reading: str
    distinct: Tokens = Field(ge=1)
    law: NullLaw
    least: int = Field(ge=2, le=MOST_TOKENS, description="scores in the shortest windows")
    draws: int = Field(ge=1, le=MOST_TOKENS, description="simulated texts")
    seed: str
    sums: Numbers = Field(description="of each window, the whole first")
    places: tuple[tuple[int, int], ...] = Field(default=(), description="characters of each window; empty: not known")


class KeyedBets(_Keyed):
    """Bets against the null after each distinct input, at the end and at their peak."""

    kind: Literal["keyed_bets"] = "keyed_bets"
    reading: str
    distinct: Tokens
    log_e: float
    log_peak: float = Field(ge=0)


class KeyedCalibration(_Keyed):
    """Rank of the text's p-value among those of unmarked texts of the user, under the same key."""

    kind: Literal["keyed_calibration"] = "keyed_calibration"
    log_p: LogP = Field(description="of the whole text, natural logarithm")
    references: tuple[LogP, ...] = Field(description="the same of each unmarked text")
    compared: Compared | None = Field(
        default=None,
        exclude_if=unset,
        description="whose p-value, uncorrected, it is of the text and of each unmarked one: the best reading of a text, or "
        "the first, which is the only one of token ids as given; None: in an early version, the best times their number",
    )


class KeyedTraining(Model):
    """Sum of the scores of tokens that a model puts after contexts of a key: each context once, and none that it could copy."""

    kind: Literal["keyed_training"] = "keyed_training"
    key: KeyId
    scheme: str
    mode: Literal["reading", "outputs"] = Field(description="what the model expects while it reads, or what it wrote")
    texts: Tokens = Field(ge=1, description="that it read, or wrote")
    counted: Summed


KeyedTest = Annotated[KeyedText | KeyedWindows | KeyedBets, Field(discriminator="kind")]


class KeyedTogether(Model):
    """All deciding tests of a text: Bonferroni."""

    kind: Literal["keyed_together"] = "keyed_together"
    tests: tuple[KeyedTest, ...] = Field(min_length=1)


Words = Annotated[tuple[str, ...], Field(min_length=2, max_length=64)]


class ProbedChoices(Model):
    """Counts of each word after each context in each sentence; the test permutes contexts within sentences."""

    kind: Literal["probed_choices"] = "probed_choices"
    statistic: Literal["log_odds", "agreement"]
    words: Words
    counts: tuple[tuple[tuple[int, ...], ...], ...] = Field(description="of each sentence, context and word")
    unread: int = Field(ge=0, description="answers without any of the words")
    draws: int = Field(ge=1, le=MOST_TOKENS)
    seed: str


class ProbedRepeats(Model):
    """Answers to one question that repeat an earlier one, against the chance of that by their own log-probabilities."""

    kind: Literal["probed_repeats"] = "probed_repeats"
    answers: int = Field(ge=0, le=MOST_TOKENS)
    distinct: int = Field(ge=0, le=MOST_TOKENS)
    repeats: int = Field(ge=0, le=MOST_TOKENS)
    expected: float = Field(ge=0, description="sum over answers of the probability of all that came before, each once")


class ProbedPhases(Model):
    """Counts of each word in two phases: with the context new to the server each time, and with it repeated at once."""

    kind: Literal["probed_phases"] = "probed_phases"
    words: Words
    fresh: tuple[int, ...]
    again: tuple[int, ...]
    unread: int = Field(ge=0)


ProbedTest = Annotated[ProbedChoices | ProbedRepeats | ProbedPhases, Field(discriminator="kind")]


class ProbedTogether(Model):
    """All tests of an endpoint that could be made: Bonferroni."""

    kind: Literal["probed_together"] = "probed_together"
    tests: tuple[ProbedTest, ...] = Field(min_length=1)
    asked: int | None = Field(default=None, ge=1, le=MOST_TOKENS, description="questions; None: in an early version")
    unanswered: int | None = Field(default=None, ge=0, le=MOST_TOKENS, description="of these, those without an answer")
