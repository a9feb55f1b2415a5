"""Base of the green-list schemes on torch's permutation: a seed per context, a list per seed, a bias on the list.

The seed is a number that torch reduces to 32 bits, and the first int(gamma V) entries of randperm(V) under it are green. The
effective input is therefore (seed mod 2^32, target), which may coincide for different contexts; distinct by n-gram is not
enough (Kirchenbauer et al., arXiv 2301.10226 and 2306.04634, and their followers count by n-gram).
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.prf import mersenne
from llm_audit.detectors.watermark.schemes.base import (
    Bias,
    Floats,
    Ints,
    KeyedScheme,
    Observations,
    Share,
    Step,
    TokenisedText,
    Vocabulary,
    behind_contexts,
    check_split,
    check_vocabulary,
    first_rows,
)
from llm_audit.stats.laws import Bernoulli, Law

Words = NDArray[np.uint64]

MODULUS = 2**64 - 1
"""Seeds are taken modulo this, and then modulo 2^32 by torch."""

TABLE_SIZE = 1_000_003


class Window(NamedTuple):
    """The window of tokens from which a seed is computed.

    Attributes:
        width: tokens, the candidate included if `includes_candidate`.
        includes_candidate: whether the candidate is the last of them (selfhash: its own list decides about it).
    """

    width: int
    includes_candidate: bool

    @property
    def before(self) -> int:
        """Tokens before the candidate."""
        return self.width - self.includes_candidate


class GreenList(KeyedScheme):
    """Base of green-list schemes; subclasses define the window and the seeds."""

    law: ClassVar[type[Law]] = Bernoulli
    biased: ClassVar[bool] = True

    vocab_size: Vocabulary
    gamma: Share = 0.25
    delta: Bias = 2.0
    device: Literal["cpu", "cuda"] = "cpu"

    @model_validator(mode="after")
    def _check_list(self) -> Self:
        check_split(self.green_size, self.vocab_size, "gamma")
        return self

    @property
    @abstractmethod
    def window(self) -> Window:
        """The window of a seed."""

    @abstractmethod
    def seeds(self, runs: Ints) -> Words:
        """The seed of each row of (n, width) ids, any 64-bit value congruent to it modulo 2^32."""

    @property
    def green_size(self) -> int:
        """Number of green tokens: int(V gamma)."""
        return int(self.vocab_size * self.gamma)

    @property
    def candidates(self) -> int:
        """Number of likeliest tokens that are considered if each has a list of its own."""
        return 40

    def observe(self, text: TokenisedText) -> Observations:
        """Score 1 (green) or 0 of each token whose window is known.

        Where the seed is that of a window of zeros, the list may be the same under every key (lefthash after id 0: seed 0).
        """
        self.check_device()
        check_vocabulary(text, self.vocab_size)
        return behind_contexts(self, text, self.window.before)

    @property
    def context_length(self) -> int:
        """Tokens of a context; 0 where the list of a token may depend on that token alone."""
        return 0 if self.window.includes_candidate else self.window.before

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """Score 1 (green) or 0 of each token after its context."""
        runs = np.concatenate([contexts, tokens[:, None]], axis=1)
        inputs = np.stack([self.low_seeds(runs).astype(np.int64), tokens], axis=1)
        green = self.greens(inputs).astype(np.float64)
        keyless = inputs[:, 0] == self.low_seeds(np.zeros((1, runs.shape[1]), np.int64))[0].astype(np.int64)
        law, context = Bernoulli(self.share), int(not self.window.includes_candidate)
        return Observations(np.arange(len(runs)), inputs, green, law, len(runs), keyless=keyless, context=context)

    @property
    def share(self) -> float:
        """Share of green tokens in the vocabulary, exactly."""
        return self.green_size / self.vocab_size

    def low_seeds(self, runs: Ints) -> Words:
        """(n,) the seed of each run of context and candidate, reduced to 32 bits as by torch."""
        return self.seeds(runs if self.window.includes_candidate else runs[:, :-1]) & np.uint64(0xFFFFFFFF)

    def greens(self, inputs: Ints) -> NDArray[np.bool_]:
        """Whether each target is in the list of its seed; (n, 2) rows of both."""
        rows = first_rows(inputs)
        order = {row.tobytes(): i for i, row in enumerate(inputs[rows])}
        flags = mersenne.among_first(inputs[rows, 0], inputs[rows, 1], self.vocab_size, self.green_size)
        return flags[[order[row.tobytes()] for row in inputs]] if len(inputs) else flags

    def green_ids(self, past: Ints, logits: Floats) -> Ints:
        """Tokens that get the bias after `past`: the whole list or, with own lists, likely tokens that are green in theirs."""
        before = self.window.before
        if not self.window.includes_candidate:
            seed = int(self.seeds(past[None, len(past) - before :])[0])
            return self.listed(seed)
        likely = np.argsort(-logits, kind="stable")[: self.candidates]
        context = np.broadcast_to(past[len(past) - before :], (len(likely), before))
        runs = np.concatenate([context, likely[:, None]], axis=1)
        return likely[self.greens(np.stack([self.low_seeds(runs).astype(np.int64), likely], axis=1))]

    def listed(self, seed: int) -> Ints:
        """The green list of a seed."""
        return mersenne.randperm(seed, self.vocab_size)[: self.green_size]

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """The logits with delta added where green; unchanged where the context is too short."""
        self.check_device()
        past = step.context
        if len(past) < self.least_context:
            return step.logits
        marked = step.logits.copy()
        marked[self.green_ids(past, step.logits)] += self.delta
        return marked

    def check_device(self) -> None:
        """AuditError if the text was generated on a GPU, whose generator gives other lists."""
        if self.device != "cpu":
            raise AuditError(
                f"green lists that a GPU drew ({self.title}) differ from the CPU's and cannot be drawn here: only text "
                'generated with the watermark on the CPU can be tested ("device": "cpu")'
            )

    @property
    def least_context(self) -> int:
        """Number of tokens that must precede the first marked one."""
        return self.window.before


def reduced(values: list[int]) -> Words:
    """Integers of any size reduced to seeds: modulo 2^64 - 1, as torch's callers do."""
    return np.array([value % MODULUS for value in values], dtype=np.uint64)


def reduced_int64(values: Ints) -> Words:
    """Signed 64-bit numbers reduced to seeds modulo 2^64 - 1."""
    unsigned = values.view(np.uint64)
    with np.errstate(over="ignore"):
        return np.where(values < 0, unsigned - np.uint64(1), unsigned)


@lru_cache(maxsize=4)
def hash_table(seed: int) -> Ints:
    """randperm(1000003), from 1: the table that hashes token ids."""
    table = mersenne.randperm(seed, TABLE_SIZE) + 1
    table.setflags(write=False)
    return table


def products_by_key(key: int, sums: Ints) -> Words:
    """Key times each number, in unlimited precision."""
    distinct, place = np.unique(sums, return_inverse=True)
    return reduced([key * int(value) for value in distinct])[place.reshape(sums.shape)]
