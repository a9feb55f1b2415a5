"""TextSeal's Gumbel mark (Meta): a 64-bit hash of the last tokens, reduced to 8,191 values.

h = (sum_i P_i x_i + 100000007 x_t + 500001713 key) * 15485863 * 40499 in 64-bit arithmetic, the x_i being the tokens before;
h ^= h >> 13; u = (h mod 8191) / 8191. With so few values -log(1 - u) is not exponential (mean .99934, at most 9.01); the law
used here counts the 8,191 values.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from llm_audit.detectors.watermark.schemes.base import (
    Floats,
    Ints,
    Key63,
    KeyedScheme,
    Observations,
    Step,
    TokenisedText,
    Vocabulary,
    behind_contexts,
    check_vocabulary,
    chosen,
    gumbel_choice,
    number,
)
from llm_audit.stats.lattice_laws import CoarseExponential
from llm_audit.stats.laws import Law

VALUES = 8191
_PRIMES = (10000019, 10000247, 10000439, 10000643, 10000747, 10000867, 10000993, 10001213, 10001357, 10001501)


class TextSeal(KeyedScheme):
    """x = argmax log(u_v) / p_v; a token scores -log(1 - u), rounded down to multiples of 1 / 256.

    Nearly exact: behind one token of context the hash is almost linear in the key, so that the scores of a text are not quite
    independent over keys. The variance of their sum is .97 to 1.03 of the law's in six texts (6,000 keys each); the worst of
    them is rejected in .0544, .0113 and .0012 at .05, .01 and .001 (60,000 keys). Two tokens or more: nothing was seen.
    """

    scheme: ClassVar[str] = "textseal"
    title: ClassVar[str] = "TextSeal, Gumbel"
    source: ClassVar[str] = "facebookresearch/textseal 2c63fb8, pseudorandom.py (MIT)"
    law: ClassVar[type[Law]] = CoarseExponential

    key: Key63
    ngram: Annotated[int, Field(ge=1, le=len(_PRIMES))] = 1
    vocab_size: Vocabulary | None = None

    def observe(self, text: TokenisedText) -> Observations:
        """One score for each token whose context is known."""
        check_vocabulary(text, self.vocab_size)
        return behind_contexts(self, text, self.ngram)

    @property
    def context_length(self) -> int:
        """Tokens of a context."""
        return self.ngram

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """-log(1 - u) of each token behind its context."""
        law, inputs = CoarseExponential(VALUES), np.concatenate([contexts, tokens[:, None]], axis=1)
        scores = law.score(self.values(contexts, tokens))
        return Observations(np.arange(len(tokens)), inputs, scores, law, len(tokens), context=self.ngram)

    def values(self, contexts: Ints, tokens: Ints) -> Ints:
        """The hash of each context and token modulo 8,191."""
        with np.errstate(over="ignore"):
            total = contexts @ np.array(_PRIMES[: self.ngram], dtype=np.int64) + tokens * np.int64(100000007)
            offset = (500001713 * number(self.key)) & (2**64 - 1)
            total = (total.view(np.uint64) + np.uint64(offset)).view(np.int64)
            total = total * np.int64(15485863) * np.int64(40499)
        return (total ^ (total >> np.int64(13))) % VALUES

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Logits that leave only the chosen token; unchanged where the context is too short."""
        past, size = step.context, len(step.logits)
        if len(past) < self.ngram:
            return step.logits
        contexts = np.broadcast_to(past[-self.ngram :], (size, self.ngram))
        return chosen(gumbel_choice(step.logits, self.values(contexts, np.arange(size)) / VALUES), size)
