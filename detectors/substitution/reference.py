"""The reference of an audit: a model on this machine, or recorded answers of trusted endpoints.

Knows nothing about tests or verdicts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.rule import Measurement
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.records import Reply, Surface
from llm_audit.results import Fact

Floats = NDArray[np.float64]


class Words(NamedTuple):
    """Words for one kind of reference in the sentences of results.

    Attributes:
        name: in reports.
        null: the hypothesis of every test.
        variant: one of the allowed ones.
        assumptions: of the tests of distances.
    """

    name: Literal["local", "trusted"]
    null: str
    variant: str
    assumptions: tuple[str, ...]


LOCAL = Words(
    name="local",
    null="The endpoint serves the reference model, in one of the allowed precisions.",
    variant="allowed precision",
    assumptions=(
        "Prompts were dealt to endpoint and reference at random, so under the null hypothesis their distances are "
        "exchangeable, or the endpoint's smaller.",
        "The endpoint's software (its batching, kernels and caches) moves log-probabilities no more than the coarsest allowed "
        "precision does.",
    ),
)

TRUSTED = Words(
    name="trusted",
    null="The endpoint answers as the trusted endpoints do.",
    variant="trusted answer",
    assumptions=(
        "Prompts were dealt at random, those to the endpoint and those on which trusted answers are compared with each other, "
        "so under the null hypothesis their distances are exchangeable, or the endpoint's smaller.",
        "The endpoint's machines and software differ from a trusted endpoint no more than trusted answers differ from each "
        "other: repeats of one endpoint know its own machines only.",
        "Alpha is over prompts, not over machines: of some trusted machines and one more of the same kind, any may be the "
        "farthest from the others, so with m trusted ones the last is it in up to 1 of m + 1 cases.",
        "The trusted endpoints served what was promised when they were recorded, and have not been changed since.",
    ),
)

WORDS: dict[str, Words] = {words.name: words for words in (LOCAL, TRUSTED)}
"""Name in stored reports -> words."""


class Favoured(NamedTuple):
    """A prompt, and the token there whose logit is raised until it comes first.

    Attributes:
        prompt: as it is sent.
        token: id of the second likeliest first token.
        text: of this token, white space at its ends aside.
        turning_point: bias in nats from which on it comes first, by the variant that chose it.
    """

    prompt: str
    token: int
    text: str
    turning_point: float


class Reference(Protocol):
    """A reference with one or several allowed variants: distances of answers from each, and distances between the variants."""

    @property
    def surface(self) -> Surface:
        """The surface on which endpoints are asked: chat or completions."""

    @property
    def name(self) -> str:
        """Name for sentences."""

    @property
    def words(self) -> Words:
        """Words for the sentences of the tests."""

    @property
    def allowed(self) -> tuple[str, ...]:
        """Names of the allowed variants, for the report."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Facts about the reference, for the report."""

    @property
    def supports_prefixes(self) -> bool:
        """Whether beginnings of prompts can be asked, too."""

    @property
    def no_signal_reason(self) -> str:
        """The reason why nothing can be concluded if all null distances are 0, as a sentence; "" if it can."""

    @property
    def alternatives(self) -> int | None:
        """Most alternatives per position; None: any number."""

    def vocabulary_mismatch(self, replies: Sequence[Reply]) -> str:
        """The reason why these replies' tokens cannot be compared with it, as a sentence; "" if they can."""

    def comparable(self, replies: Sequence[Reply], k: int) -> list[Reply]:
        """The replies that have something to compare: places with `k` alternatives or, with k = 0, a text."""

    def ended_alike(self, replies: Sequence[Reply], k: int) -> int:
        """Number of replies with nothing to compare that are empty as the reference's are."""

    def measures(self, k: int) -> tuple[str, str]:
        """Name of the distance, and its unit."""

    def null_distances(
        self, prompts: Sequence[str], k: int, progress: Progress = silent, *, rounded: float = 0.0
    ) -> Mapping[str, Floats]:
        """Variant -> (N,) distance of the farthest other variant from it, over the prompts that can be used.

        If the endpoint rounds its numbers, the distance of the farthest variant, itself included, after the same rounding.
        """

    def distances(self, replies: Sequence[Reply], k: int, progress: Progress = silent) -> Mapping[str, Floats]:
        """Variant -> (n,) distances of comparable replies from it."""

    def token_counts(self, prompts: Sequence[str]) -> Mapping[str, int]:
        """Prompt -> tokens that it has as the reference reads it, template included; without those of which it is not known."""

    @property
    def first_texts(self) -> Collection[str]:
        """Every text that a first token can be, white space at its ends aside; none where it is not known."""

    def next_texts(
        self, prompts: Sequence[str], progress: Progress = silent, *, variants: int | None = None
    ) -> Mapping[str, Sequence[Mapping[str, float]]]:
        """Variant -> for each prompt, the probability of each of `first_texts` to be the first token; none where not known.

        Of all variants, or of the first so many.
        """

    def favoured(self, prompts: Sequence[str], progress: Progress = silent) -> Sequence[Favoured]:
        """The prompts at which the second likeliest first token is known and little behind the first, each with this token."""

    def turning_points(self, favoured: Sequence[Favoured], progress: Progress = silent) -> Mapping[str, Sequence[float]]:
        """Variant -> for each prompt, the bias in nats from which on the favoured token comes first; none where not known."""

    def text_prompts(self, prompts: Sequence[str]) -> Sequence[str]:
        """The prompts to which texts at temperature 1 can be compared."""

    def measure_texts(
        self, texts: Sequence[tuple[str, str]], settings: Settings, progress: Progress = silent
    ) -> list[tuple[SubstitutionRule[Any, Any], Measurement[Any]]]:
        """The tests of texts that it can make, with what they rest on, of `settings.draws` texts to each prompt."""
