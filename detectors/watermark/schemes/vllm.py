"""vLLM's watermarks: Gumbel (one key, or two), and the red-green list of its history; all from Philox words.

`--watermark-config '{"algorithm": "gumbel", "key": 42}'`, since vLLM 0.32. The context is the last tokens of the output alone,
padded on the left with -1, and a context that has occurred in the output is sampled without the mark, so that the detector
scores the first token after each context only; so it does, too, where `deduplicate_contexts` is "none" and later ones are
marked. Verified against vLLM's own golden values, and against the detectors of vLLM 0.33.0.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from llm_audit.detectors.watermark.prf import philox
from llm_audit.detectors.watermark.schemes.base import (
    Bias,
    Floats,
    Ints,
    Key64,
    KeyedScheme,
    Observations,
    Share,
    Step,
    TokenisedText,
    Vocabulary,
    Width,
    check_split,
    check_vocabulary,
    chosen,
    exponential_scores,
    gumbel_choice,
    number,
    windows,
)
from llm_audit.stats.laws import Bernoulli, Exponential, Law, WeightedExponential

PADDING = -1


class _Philox(KeyedScheme):
    """Base of the three schemes: a 64-bit key and contexts from the output alone."""

    source: ClassVar[str] = "vLLM, vllm/v1/watermarking, philox4x32-10-v1 (Apache-2.0)"

    key: Key64
    context_width: Width = 4
    vocab_size: Vocabulary | None = None

    def contexts(self, text: TokenisedText) -> tuple[Ints, Ints]:
        """Places of the tokens with a known context, and these contexts."""
        check_vocabulary(text, self.vocab_size)
        skipped = 0 if text.from_start else min(self.context_width, len(text.ids))
        padded = np.concatenate([np.full(self.context_width - skipped, PADDING), text.ids]) if text.from_start else text.ids
        positions = np.arange(skipped, len(text.ids))
        return positions, windows(padded, self.context_width)[: len(positions)]

    @property
    def context_length(self) -> int:
        """Tokens of a context."""
        return self.context_width

    @abstractmethod
    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """The score of each token behind its context."""

    def observe(self, text: TokenisedText) -> Observations:
        """The scores of the tokens whose context is known, one each."""
        positions, contexts = self.contexts(text)
        return replace(self.score(contexts, text.ids[positions]), positions=positions, tokens=len(text.ids))

    def step_context(self, step: Step) -> Ints | None:
        """(width,) context of the next token; None if it has occurred in the output, which is then not marked."""
        past = np.concatenate([np.full(self.context_width, PADDING), step.output])
        runs = windows(past, self.context_width)
        return None if (runs[:-1] == runs[-1]).all(axis=1).any() else runs[-1]

    def uniforms(self, key: int, contexts: Ints, tokens: Ints) -> Floats:
        """U of each context with each of its candidates, (n, c)."""
        return philox.uniform(philox.words(key, contexts, tokens)).astype(np.float64)

    def step_uniforms(self, key: int, context: Ints, size: int) -> Floats:
        """U of one context with the whole vocabulary, (size,)."""
        return philox.uniform(philox.vocabulary_words(key, context, size)).astype(np.float64)


class VllmGumbel(_Philox):
    """x = argmax log(u_v) / p_v; a token scores -log(1 - u), standard exponential under the null."""

    scheme: ClassVar[str] = "vllm-gumbel"
    title: ClassVar[str] = "vLLM, Gumbel"
    law: ClassVar[type[Law]] = Exponential

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """-log(1 - u) of each token behind its context."""
        scores = exponential_scores(self.uniforms(number(self.key), contexts, tokens[:, None])[:, 0])
        positions = np.arange(len(tokens))
        return Observations(positions, contexts, scores, Exponential(), len(tokens), context=self.context_width)

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Logits that leave only the chosen token; unchanged after a repeated context."""
        context = self.step_context(step)
        if context is None:
            return step.logits
        u = self.step_uniforms(number(self.key), context, len(step.logits))
        return chosen(gumbel_choice(step.logits, u), len(step.logits))


class VllmDualKeyGumbel(_Philox):
    """Two keys derived from one; key B marks a share `alpha` of the tokens, drawn at random in secret.

    The statistic is vLLM's, the sum of (1 - alpha) A + alpha B; its law here is exact, whereas vLLM's moment-matched Gamma
    is anti-conservative (1.6 times too small at 1e-8, alpha .1, n 50).
    """

    scheme: ClassVar[str] = "vllm-dual-key-gumbel"
    title: ClassVar[str] = "vLLM, Gumbel with two keys"
    law: ClassVar[type[Law]] = WeightedExponential

    alpha: float = Field(0.1, ge=0, le=1)

    def derived(self) -> tuple[int, int]:
        """Keys A and B: the first eight bytes of SHA-256 of a label and the key."""
        base = number(self.key).to_bytes(8, "big")
        a, b = (int.from_bytes(hashlib.sha256(label + base).digest()[:8], "big") for label in (b"key_a", b"key_b"))
        return a, b

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """The weighted score of each token behind its context."""
        a, b = (exponential_scores(self.uniforms(key, contexts, tokens[:, None])[:, 0]) for key in self.derived())
        law, scores = WeightedExponential(self.alpha), (1 - self.alpha) * a + self.alpha * b
        return Observations(np.arange(len(tokens)), contexts, scores, law, len(tokens), context=self.context_width)

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Logits that leave only the token chosen under one of the keys; unchanged after a repeated context."""
        context = self.step_context(step)
        if context is None:
            return step.logits
        key = self.derived()[int(generator.random() < self.alpha)]
        u = self.step_uniforms(key, context, len(step.logits))
        return chosen(gumbel_choice(step.logits, u), len(step.logits))


class VllmRedGreen(_Philox):
    """Green where u < gamma; green logits gain delta. Stands in vLLM's history; version 0.33 does not have it."""

    scheme: ClassVar[str] = "vllm-red-green"
    title: ClassVar[str] = "vLLM, red-green list"
    law: ClassVar[type[Law]] = Bernoulli
    biased: ClassVar[bool] = True

    gamma: Share = 0.5
    delta: Bias = 2.0

    @model_validator(mode="after")
    def _check_list(self) -> Self:
        check_split(self.share, 1, "gamma")
        return self

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """Score 1 (green) or 0 of each token after its context."""
        green = (self.uniforms(number(self.key), contexts, tokens[:, None])[:, 0] < self.gamma).astype(np.float64)
        inputs, law = np.concatenate([contexts, tokens[:, None]], axis=1), Bernoulli(self.share)
        return Observations(np.arange(len(tokens)), inputs, green, law, len(tokens), context=self.context_width)

    @property
    def share(self) -> float:
        """Share of the 2^24 values of u that lie below gamma: the exact probability of green."""
        low, high = 0, 2**24
        while low < high:  # u ascends with the word
            middle = (low + high) // 2
            below = bool(philox.uniform(np.array([middle << 8], dtype=np.uint64))[0] < self.gamma)
            low, high = (middle + 1, high) if below else (low, middle)
        return low / 2**24

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """The logits with delta added where green."""
        context = np.concatenate([np.full(self.context_width, PADDING), step.output])[-self.context_width :]
        u = self.step_uniforms(number(self.key), context, len(step.logits))
        marked: Floats = step.logits + self.delta * (u < self.gamma)
        return marked
