"""Evidence of the membership tests of a collection of texts; see `results.evidence`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llm_audit.results.base import Model, Numbers, unset


class Drawn(Model):
    """Rank of the statistic among the draws that the result holds: p = (1 + exceeding) / (1 + count)."""

    kind: Literal["drawn"] = "drawn"
    effect: Literal["standardised", "gain"] | None = Field(
        default=None, description="how the effect follows: in standard deviations of the draws, or from their mean"
    )
    controlled: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="each number is less that of a model that cannot have seen the data"
    )


class Versions(Model):
    """Permutation of versions within items, repeated from its seed."""

    kind: Literal["versions"] = "versions"
    table: tuple[Numbers, ...] = Field(description="of each item: the published version first, nats per token")
    groups: tuple[int, ...] = Field(description="items with one number switch together")
    controlled: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="each number is less that of a model that cannot have seen the versions"
    )


class TwoSample(Model):
    """Permutation of labels over the documents kept for the test, repeated from its seed."""

    kind: Literal["two_sample"] = "two_sample"
    suspect: int = Field(ge=1, description="documents before they were divided into a half to learn from and one to test")
    held_out: int = Field(ge=1)
    scores: Numbers = Field(description="of the documents kept for the test")
    controlled: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="scores of features less those of a model that cannot have seen the texts"
    )


class RankSum(Model):
    """Sum of independent ranks, by convolution."""

    kind: Literal["rank_sum"] = "rank_sum"
    exceeding: tuple[int, ...] = Field(description="of each test: draws at least as large as what was observed")
    draws: tuple[int, ...]
    gains: Numbers = Field(description="of each test: what was observed minus the mean of its draws, nats")
    controlled: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="each number is less that of a model that cannot have seen the data"
    )
    t: float | None = Field(
        default=None, exclude_if=unset, description="Student's t over the gains, of tests that print it; it does not decide"
    )


class Continued(Model):
    """Ranks of how far an endpoint wrote the letters that follow the beginnings of published strings; Fisher's method."""

    kind: Literal["continued"] = "continued"
    exceeding: tuple[int, ...] = Field(description="of each beginning: siblings that fit better, ties broken at random")
    draws: tuple[int, ...] = Field(description="siblings")
    written: tuple[int, ...] = Field(description="continuations that were written")
    agreeing: Numbers = Field(description="letters in a row that they have as published, mean")
    by_chance: Numbers = Field(description="the same for siblings")


class Sign(Model):
    """One of the signs that a blind baseline looks for: draws at least as strong, of all draws."""

    name: str
    exceeding: int = Field(ge=0)
    draws: int = Field(ge=1)


class Signs(Model):
    """Bonferroni over the ranks of several signs."""

    kind: Literal["signs"] = "signs"
    signs: tuple[Sign, ...]
