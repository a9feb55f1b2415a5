"""MarkLLM's own dialects of KGW, EXP, EXPGumbel and DiPmark: incompatible with the schemes whose names they bear.

Its Unigram and SynthID are those of `unigram` and `synthid-transformers`. MarkLLM's detectors count repeats and compare with
fixed thresholds; here each effective input counts once and the tail is exact.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, SecretStr, model_validator

from llm_audit.detectors.watermark.prf import mersenne
from llm_audit.detectors.watermark.schemes.base import (
    Bits,
    Floats,
    Ints,
    Key63,
    KeyedScheme,
    Observations,
    Share,
    Step,
    TokenisedText,
    Vocabulary,
    Width,
    behind_contexts,
    check_split,
    check_vocabulary,
    chosen,
    exponential_scores,
    gumbel_choice,
    number,
    windows,
)
from llm_audit.detectors.watermark.schemes.green_list import GreenList, Window, Words, products_by_key
from llm_audit.stats.laws import Bernoulli, Exponential, Law

SOURCE = "THU-BPM/MarkLLM 112fa74 (Apache-2.0)"


@lru_cache(maxsize=4)
def _permutation(seed: int, size: int) -> Ints:
    table = mersenne.randperm(seed, size)
    table.setflags(write=False)
    return table


class MarkLlmKgw(GreenList):
    """Seeds key * f mod V, f looked up in a permutation of the vocabulary: no more than V lists in all."""

    scheme: ClassVar[str] = "markllm-kgw"
    title: ClassVar[str] = "MarkLLM, KGW"
    source: ClassVar[str] = SOURCE

    key: Key63
    gamma: Share = 0.5
    prefix_length: Width = 1
    f_scheme: Literal["time", "additive", "skip", "min"] = "time"

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """An odd number of 31 bits: MarkLLM multiplies it by others within 64."""
        return {"key": str(bits(31) | 1)}

    @property
    def window(self) -> Window:
        """prefix_length tokens before the candidate."""
        return Window(self.prefix_length, False)

    def seeds(self, runs: Ints) -> Words:
        """F of the product or sum of the ids modulo V, of the first id, or the least f of all."""
        key, size = number(self.key), self.vocab_size
        table = _permutation(key, size)
        if self.f_scheme == "time":
            f = table[_product_modulo(runs, size)]
        elif self.f_scheme == "additive":
            f = table[runs.sum(axis=1) % size]
        else:
            f = table[runs[:, 0]] if self.f_scheme == "skip" else table[runs].min(axis=1)
        return np.array([key * int(value) % size for value in f], dtype=np.uint64)


class _Prefixed(KeyedScheme):
    """Base of the dialects other than KGW: a token's score depends on the `prefix_length` tokens before it."""

    source: ClassVar[str] = SOURCE

    key: SecretStr
    vocab_size: Vocabulary
    prefix_length: Width

    def observe(self, text: TokenisedText) -> Observations:
        """One score for each token whose context is known."""
        check_vocabulary(text, self.vocab_size)
        return behind_contexts(self, text, self.prefix_length)

    @property
    def context_length(self) -> int:
        """Tokens of a context."""
        return self.prefix_length

    @abstractmethod
    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """The score of each token behind its context."""

    @abstractmethod
    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """The logits from which the marked generator draws."""


class _Gumbel(_Prefixed):
    """Base of the Gumbel dialects: x = argmax log(u_v) / p_v; a token scores -log(1 - u), an exponential under the null."""

    law: ClassVar[type[Law]] = Exponential

    key: Key63

    @abstractmethod
    def uniforms_after(self, context: Ints, size: int) -> Floats:
        """U of the whole vocabulary, (size,), after a context of `prefix_length` ids."""

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Logits that leave only the chosen token; unchanged where the context is too short."""
        past, size = step.context, len(step.logits)
        if len(past) < self.prefix_length:
            return step.logits
        return chosen(gumbel_choice(step.logits, self.uniforms_after(past[len(past) - self.prefix_length :], size)), size)


class MarkLlmExp(_Gumbel):
    """Gumbel with torch.rand(V) seeded by key * (product of the last ids modulo V): blind to order; any id 0 gives seed 0."""

    scheme: ClassVar[str] = "markllm-exp"
    title: ClassVar[str] = "MarkLLM, EXP"

    prefix_length: Width = 4

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """An odd number of 31 bits: MarkLLM multiplies it by others within 64."""
        return {"key": str(bits(31) | 1)}

    def seeds(self, runs: Ints) -> Words:
        """The seed of each context."""
        return products_by_key(number(self.key), _product_modulo(runs, self.vocab_size)) & np.uint64(0xFFFFFFFF)

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """-log(1 - u) of each token behind its context."""
        seeds = self.seeds(contexts)
        scores = exponential_scores(mersenne.uniform(mersenne.word_at(seeds, tokens)))
        inputs, positions = np.stack([seeds.astype(np.int64), tokens], axis=1), np.arange(len(tokens))
        return Observations(positions, inputs, scores, Exponential(), len(tokens), keyless=seeds == 0, context=1)

    def uniforms_after(self, context: Ints, size: int) -> Floats:
        """U of the whole vocabulary: torch.rand of the context's seed."""
        return mersenne.uniform(mersenne.words(int(self.seeds(context[None])[0]), size)).astype(np.float64)


class MarkLlmExpGumbel(_Gumbel):
    """Gumbel with row (sum of the last ids) of one table torch.rand(prefix_length * V, V).

    The table of a vocabulary of 50,000 has 5e9 words, 20 GB. Here its stream is passed over once for each key and only what a
    text meets is kept, which takes some .6 s; later tokens and texts begin at a state that was kept on the way.
    """

    scheme: ClassVar[str] = "markllm-exp-gumbel"
    title: ClassVar[str] = "MarkLLM, EXPGumbel"

    prefix_length: Width = 2
    eps: float = Field(1e-20, gt=0, lt=1)

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """A seed of 32 bits: torch keeps no more."""
        return {"key": str(bits(32))}

    def uniforms(self, rows: Ints, tokens: Ints) -> Floats:
        """U of each row and token."""
        table = mersenne.stream(number(self.key), self.prefix_length * self.vocab_size**2)
        u = mersenne.uniform(table.words(rows * self.vocab_size + tokens))
        return np.maximum(u, np.float32(self.eps)).astype(np.float64)

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """-log(1 - u) of each token behind its context."""
        inputs = np.stack([contexts.sum(axis=1), tokens], axis=1)
        scores = exponential_scores(self.uniforms(inputs[:, 0], inputs[:, 1]))
        return Observations(np.arange(len(tokens)), inputs, scores, Exponential(), len(tokens), context=1)

    def uniforms_after(self, context: Ints, size: int) -> Floats:
        """U of the whole vocabulary: a row of the table."""
        return self.uniforms(context.sum(), np.arange(size))


def _hexadecimal(value: SecretStr) -> SecretStr:
    digits = value.get_secret_value()
    if not digits or len(digits) % 2 or not all(digit in "0123456789abcdef" for digit in digits):
        raise ValueError("a key of this scheme is a string of hexadecimal digits, two for each byte")
    return value


class MarkLlmDip(_Prefixed):
    """DiPmark (Wu et al., arXiv 2310.07710): green if the token stands in the upper share 1 - gamma of a permutation.

    A token scores 1 (green) or 0. Repeated contexts are not marked, so each counts once.

    The permutation is torch's, seeded by SHA-256 of the last ids and of the key's bytes. The class of MarkLLM's head never
    sets its bytes; the convention of its Unbiased class is random.seed(key); getrandbits(1024), big endian: give these.
    """

    scheme: ClassVar[str] = "markllm-dip"
    title: ClassVar[str] = "MarkLLM, DiPmark"
    source: ClassVar[str] = SOURCE + "; arXiv 2310.07710"
    law: ClassVar[type[Law]] = Bernoulli

    key: Annotated[SecretStr, AfterValidator(_hexadecimal)]
    prefix_length: Width = 5
    gamma: Share = 0.5
    alpha: float = Field(0.45, ge=0, le=0.5)

    @model_validator(mode="after")
    def _check_list(self) -> Self:
        check_split(self.vocab_size - self.first_green, self.vocab_size, "gamma")
        return self

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """A key of 1,024 bits."""
        return {"key": bits(1024).to_bytes(128, "big").hex()}

    @property
    def first_green(self) -> int:
        """The first place of the permutation that is green: (place + 1) / V >= gamma, in float32 as there."""
        quantiles = np.arange(1, self.vocab_size + 1, dtype=np.float32) / np.float32(self.vocab_size)
        return int(np.searchsorted(quantiles, np.float32(self.gamma)))

    def seeds(self, contexts: Ints) -> Words:
        """Seed of each row of ids, (n,), below 2^32."""
        secret = bytes.fromhex(self.key.get_secret_value())
        digests = (hashlib.sha256(np.ascontiguousarray(row).tobytes() + secret).digest() for row in contexts)
        return np.array([int.from_bytes(digest, "big") % (2**32 - 1) for digest in digests], dtype=np.uint64)

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """Score 1 (green) or 0 of each token after its context."""
        seeds, first = self.seeds(contexts), self.first_green
        green = (~mersenne.among_first(seeds, tokens, self.vocab_size, first)).astype(np.float64)
        inputs, law = seeds.astype(np.int64)[:, None], Bernoulli((self.vocab_size - first) / self.vocab_size)
        return Observations(np.arange(len(tokens)), inputs, green, law, len(tokens), context=1)

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Log-probabilities moved up the permutation, with the same mean over keys; unchanged after a repeated context."""
        past = step.context
        runs = windows(past, self.prefix_length)[max(len(step.prompt) - self.prefix_length, 0) :]
        if len(runs) == 0 or (runs[:-1] == runs[-1]).all(axis=1).any():
            return step.logits
        order = mersenne.randperm(int(self.seeds(runs[-1:])[0]), len(step.logits))
        p = np.exp(step.logits - step.logits.max())[order]
        below = np.concatenate([[0.0], np.cumsum(p / p.sum())])
        moved = np.maximum(below - self.alpha, 0) + np.maximum(below - (1 - self.alpha), 0)
        out = np.empty_like(step.logits)
        with np.errstate(divide="ignore"):
            out[order] = np.log(np.maximum(np.diff(moved), 0.0))
        return out


def _product_modulo(runs: Ints, size: int) -> Ints:
    product = np.ones(len(runs), np.int64)
    for column in runs.T:
        product = product * column % size
    return product
