"""SGLang's watermark: Gumbel from MurmurHash3, with one key or two.

`--enable-watermark`, since SGLang 0.5.23. The context is the last tokens of prompt and output; a context that has occurred is
sampled without the mark, and after 4,096 distinct contexts of a request nothing is marked any more. With two keys, a keyed
coin per context says which of them marks it, and the holder can toss it again. Verified against the detector of SGLang 0.5.23.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from llm_audit.detectors.watermark.prf.murmur import Words, murmur3
from llm_audit.detectors.watermark.schemes.base import (
    Bits,
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
    check_vocabulary,
    chosen,
    exponential_scores,
    first_rows,
    gumbel_choice,
    number,
    windows,
    with_prompt,
)
from llm_audit.stats.laws import Exponential, Law

MOST_CONTEXTS = 4096
"""Distinct contexts that a request marks."""

_MASK = 0xFFFFFFFF


class SglangGumbel(KeyedScheme):
    """x = argmax log(u_v) / p_v; a token scores -log(1 - u), standard exponential under the null.

    SGLang writes keys as 1 to 16 hexadecimal digits; a key file holds the same number in decimal digits.
    """

    scheme: ClassVar[str] = "sglang-gumbel"
    title: ClassVar[str] = "SGLang, Gumbel"
    source: ClassVar[str] = "SGLang 0.5.23, srt/sampling/watermarking (Apache-2.0)"
    law: ClassVar[type[Law]] = Exponential

    key: Key64
    key_b: Key64 | None = None
    mixing_probability: Share = 0.5
    context_window: Width = 4
    vocab_size: Vocabulary | None = None

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """One key, or two where `like` has two."""
        two = like is not None and like.key_b is not None
        return {"key": str(bits(63)), "key_b": str(bits(63)) if two else None}

    def observe(self, text: TokenisedText) -> Observations:
        """One score for each of the first 4,096 distinct contexts; without the prompt, the first tokens have none."""
        check_vocabulary(text, self.vocab_size)
        width = self.context_window
        ids, known = with_prompt(text, width)
        first = known if known else min(width, len(ids))
        # A prompt shorter than the window leaves shorter contexts, whose hash knows their length.
        padded = np.concatenate([np.full(width, -1), ids])
        contexts = windows(padded, width)[first : len(ids)]
        positions = np.arange(first - known, len(text.ids))
        kept = first_rows(contexts)[:MOST_CONTEXTS]
        observed = kept[-1] + 1 if len(kept) == MOST_CONTEXTS else len(positions)
        positions = positions[kept]
        observations = self.score(contexts[kept], text.ids[positions])
        return replace(observations, positions=positions, tokens=len(text.ids), repeated=int(observed) - len(kept))

    @property
    def context_length(self) -> int:
        """Tokens of a context."""
        return self.context_window

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """-log(1 - u) of each token behind its context."""
        scores = exponential_scores(self.uniforms(hash_contexts(contexts), tokens[:, None])[:, 0])
        positions = np.arange(len(tokens))
        return Observations(positions, contexts, scores, Exponential(), len(tokens), context=self.context_window)

    def uniforms(self, hashes: Words, tokens: Ints) -> Floats:
        """U of each context with each of its candidates, under the key that marks the context: (n, c)."""
        u = _uniforms(number(self.key), hashes, tokens)
        if self.key_b is None:
            return u
        return np.where(self.marks_with_a(hashes)[:, None], u, _uniforms(number(self.key_b), hashes, tokens))

    def marks_with_a(self, hashes: Words) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """The keyed coin of each context."""
        if self.key_b is None:
            return np.ones(len(hashes), dtype=np.bool_)
        coin = murmur3([*_halves(number(self.key)), *_halves(number(self.key_b)), hashes])
        return coin < np.uint64(int(self.mixing_probability * 2**32))

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Logits that leave only the chosen token; unchanged after a repeated context."""
        past, width = step.context, self.context_window
        runs = windows(np.concatenate([np.full(width, -1), past]), width)[len(step.prompt) :]
        if (runs[:-1] == runs[-1]).all(axis=1).any() or len(first_rows(runs[:-1])) >= MOST_CONTEXTS:
            return step.logits
        u = self.uniforms(hash_contexts(runs[-1:]), np.arange(len(step.logits))[None])[0]
        return chosen(gumbel_choice(step.logits, u), len(step.logits))


def hash_contexts(contexts: Ints) -> Words:
    """The hash of each context; -1 stands where there was no token yet."""
    out = np.zeros(len(contexts), np.uint64)
    lengths = (contexts >= 0).sum(axis=1)
    for length in np.unique(lengths):
        rows = lengths == length
        words = contexts[rows, contexts.shape[1] - length :].astype(np.uint64)
        out[rows] = murmur3(list(words.T)) if length else 0  # of the empty message
    return out


def _uniforms(key: int, hashes: Words, tokens: Ints) -> Floats:
    words = murmur3([*_halves(key), hashes[:, None], tokens.astype(np.uint64)])
    return (words.astype(np.float64) + 0.5) / 2**32


def _halves(key: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(key & _MASK), np.uint64(key >> 32)
