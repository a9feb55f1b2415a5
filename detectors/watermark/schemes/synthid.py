"""SynthID-Text (Dathathri et al., Nature 634, 2024), in its two incompatible dialects.

Each of the key's layers gives a token a bit g that depends on its n-gram, and a tournament prefers tokens whose bits are 1:
layer by layer, p <- p (1 + g - sum g p) with two leaves, and with L leaves p <- p (1 - (1 - q)^L) / q where g = 1, or
p (1 - q)^(L - 1) where g = 0, q = sum g p. Neither dialect detects what the Gemini app writes, whose keys are Google's.

- `synthid-transformers` (transformers 4.46 to 5.24, the package synthid-text up to 0.2.1, MarkLLM): g is a table of 2^16 bits,
  looked up at the low 16 bits of a linear congruential hash. The table comes from torch's generator on the model's device; here
  the CPU's.
- `synthid-reference` (the repository google-deepmind/synthid-text, of which no release of the package is): the hash
  starts from SHA-256 of the keys, runs twelve more rounds, and g is bit 30.

The prompt never enters: contexts of the first tokens are filled with zeros. A context that has occurred is not marked.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.prf import congruence, mersenne
from llm_audit.detectors.watermark.prf.congruence import MULTIPLIER
from llm_audit.detectors.watermark.schemes.base import (
    Bits,
    Floats,
    Ints,
    Key63,
    KeyedScheme,
    Observations,
    Step,
    TokenisedText,
    Vocabulary,
    check_vocabulary,
    first_rows,
    number,
    windows,
)
from llm_audit.stats.lattice_laws import WeightedBits
from llm_audit.stats.laws import Law

Bits01 = NDArray[np.integer[Any]]
"""Zeros and ones."""

DEFAULT_DEPTH = 30


class _SynthId(KeyedScheme):
    """Base of the dialects: keys of layers, windows of ngram_len tokens, the tournament."""

    keys: tuple[Key63, ...] = Field(min_length=1, max_length=64)
    ngram_len: int = Field(5, ge=2, le=64)
    context_history_size: int = Field(1024, ge=1)
    vocab_size: Vocabulary | None = None

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """Thirty layers, as in the paper, or as many as `like` has."""
        depth = DEFAULT_DEPTH if like is None else len(like.keys)
        return {"keys": [str(bits(62)) for _ in range(depth)]}

    @property
    def layer_keys(self) -> Ints:
        """(layers,) the keys as numbers."""
        return np.array([number(key) for key in self.keys], dtype=np.int64)

    @property
    @abstractmethod
    def share(self) -> float:
        """Share of ones among the bits."""

    @abstractmethod
    def states(self, runs: Ints) -> Ints:
        """The hash of each n-gram of tokens, before a layer's key is mixed in, (n,)."""

    def hashes(self, runs: Ints) -> Ints:
        """The hash of each n-gram of tokens with each layer's key, (n, layers)."""
        with np.errstate(over="ignore"):
            hashes = self.states(runs) + self.layer_keys[:, None]
            hashes *= MULTIPLIER
            hashes += np.int64(1)
        return hashes.T

    @abstractmethod
    def bits(self, runs: Ints) -> Bits01:
        """The bits of each run of ngram_len ids: (n, layers)."""

    @abstractmethod
    def seen(self, runs: Ints) -> Ints:
        """(n, w) effective input of the hash for each run."""

    def observe(self, text: TokenisedText) -> Observations:
        """The weighted mean of its bits, for each token whose context occurs for the first time.

        Weighted as in the reference, falling from 10 to 1 over the layers, because the first layers carry more of the mark.
        """
        check_vocabulary(text, self.vocab_size)
        before = self.ngram_len - 1
        padded = np.concatenate([np.zeros(before, np.int64), text.ids]) if text.from_start else text.ids
        runs = windows(padded, self.ngram_len)
        first = first_rows(runs[:, :-1])
        positions = first + (0 if text.from_start else before)
        observations = self.score(runs[first, :-1], runs[first, -1])
        return replace(observations, positions=positions, tokens=len(text.ids), repeated=len(runs) - len(first))

    @property
    @abstractmethod
    def context_length(self) -> int:
        """Tokens of a context; 0 where n-grams of other contexts have the same bits."""

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """The weighted mean of the bits of each token behind its context."""
        runs, law = np.concatenate([contexts, tokens[:, None]], axis=1), WeightedBits(len(self.keys), self.share)
        scores: Floats = (self.bits(runs) @ law.weights) * np.float64(law.step)
        return Observations(np.arange(len(runs)), self.seen(runs), scores, law, len(runs), context=self.context_length)

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """The logits after the tournament of two leaves; unchanged after a context that has occurred lately."""
        before, size = self.ngram_len - 1, len(step.logits)
        runs = windows(np.concatenate([np.zeros(before, np.int64), step.output]), before)
        recent = runs[:-1][-self.context_history_size :]
        if (recent == runs[-1]).all(axis=1).any():
            return step.logits
        candidates = np.concatenate([np.broadcast_to(runs[-1], (size, before)), np.arange(size)[:, None]], axis=1)
        return self.tournament(step.logits, self.bits(candidates))

    @staticmethod
    def tournament(logits: Floats, bits: Bits01, leaves: int = 2) -> Floats:
        """Log-probabilities after all layers.

        Args:
            logits: (V,) before.
            bits: (V, layers).
            leaves: of each match; more than two leave the mean distribution changed.
        """
        p = np.exp(logits - logits.max())
        with np.errstate(divide="ignore"):
            marked: Floats = np.log(congruence.tournament(p / p.sum(), bits, leaves))
        return marked


def _absorbed(state: Ints, columns: Ints) -> Ints:
    """H <- (h + x) multiplier + 1 over the columns, wrapped to 64 bits."""
    with np.errstate(over="ignore"):
        for column in columns.T:
            state = (state + column) * MULTIPLIER + np.int64(1)
    return state


class SynthIdTransformers(_SynthId):
    """Bits from a table at the low 16 bits of the hash.

    Only ids modulo 65,536 and the low 16 bits of the keys matter, so the effective input of a token is 16 bits of state. Under
    the null of random layer keys each layer looks the table up at a uniform place, layers independently.
    """

    scheme: ClassVar[str] = "synthid-transformers"
    title: ClassVar[str] = "SynthID-Text, transformers"
    source: ClassVar[str] = (
        "transformers 5.24, SynthIDTextWatermarkLogitsProcessor; synthid-text 0.2.1 (Apache-2.0); Nature 634 (2024)"
    )
    law: ClassVar[type[Law]] = WeightedBits

    sampling_table_seed: int = Field(0, ge=0, lt=2**64)
    sampling_table_size: int = Field(2**16, ge=2, le=2**24)
    device: Literal["cpu", "cuda"] = "cpu"
    sampling_table: str | None = Field(None, pattern="^([0-9a-f]{2})+$", max_length=2**22)
    """The table's bits on the GPU that marked the text, in hexadecimal digits: eight bits a byte, highest first."""

    @model_validator(mode="after")
    def _check_table(self) -> Self:
        if self.sampling_table is not None and len(self.sampling_table) * 4 != -(-self.sampling_table_size // 8) * 8:
            raise ValueError(f"a sampling_table of {self.sampling_table_size} bits has as many bits, rounded up to bytes")
        return self

    @property
    def table(self) -> NDArray[np.int64]:
        """(size,) the bits.

        Raises:
            AuditError: of a GPU, and not given; or all bits are the same.
        """
        table = self._given_or_drawn()
        if table.min() == table.max():
            raise AuditError(
                f"all {len(table):,} bits of the key's table are {table[0]}, so that it marks nothing: make another key"
            )
        return table

    def _given_or_drawn(self) -> NDArray[np.int64]:
        if self.sampling_table is not None:
            packed = np.frombuffer(bytes.fromhex(self.sampling_table), dtype=np.uint8)
            return np.unpackbits(packed)[: self.sampling_table_size].astype(np.int64)
        if self.device != "cpu":
            raise AuditError(
                "the table that transformers draws on a GPU differs from the CPU's and cannot be drawn here: run `llm-audit "
                'watermark table` on a machine with such a device, which writes it into the key file as "sampling_table"'
            )
        return _table(self.sampling_table_seed, self.sampling_table_size)

    @property
    def share(self) -> float:
        """Share of ones in the table: 32,743 of 65,536 for seed 0."""
        return float(self.table.mean())

    @property
    def context_length(self) -> int:
        """0: all contexts share the 65,536 places of the table."""
        return 0

    def states(self, runs: Ints) -> Ints:
        """The hash before the layer keys."""
        return _absorbed(np.ones(len(runs), np.int64), runs)

    def bits(self, runs: Ints) -> Bits01:
        """The bits, looked up in the table."""
        table, size = self.table, self.sampling_table_size
        if size & (size - 1):
            return table[self.hashes(runs) % size]
        return congruence.looked_up(self.states(runs), self.layer_keys, table.astype(np.uint8))

    def seen(self, runs: Ints) -> Ints:
        """The state modulo the table's size where that is a power of two; else the state."""
        states, size = self.states(runs), self.sampling_table_size
        return (states if size & (size - 1) else states & (size - 1))[:, None]


@lru_cache(maxsize=4)
def _table(seed: int, size: int) -> NDArray[np.int64]:
    table = (mersenne.words(seed, size) & np.uint32(1)).astype(np.int64)
    table.setflags(write=False)
    return table


class SynthIdReference(_SynthId):
    """Bits from the hash itself, on every device the same."""

    scheme: ClassVar[str] = "synthid-reference"
    title: ClassVar[str] = "SynthID-Text, reference repository"
    source: ClassVar[str] = "google-deepmind/synthid-text addb4a1, not released (Apache-2.0); Nature 634 (2024)"
    law: ClassVar[type[Law]] = WeightedBits

    @property
    def share(self) -> float:
        """Share of ones among the bits: one half."""
        return 0.5

    @property
    def context_length(self) -> int:
        """Tokens of a context."""
        return self.ngram_len - 1

    @property
    def initial(self) -> int:
        """The state before the first id: SHA-256 of the keys as 64-bit numbers, modulo 2^63 - 1."""
        keys = b"".join(number(key).to_bytes(8, "little") for key in self.keys)
        return int.from_bytes(hashlib.sha256(keys).digest(), "big") % (2**63 - 1)

    def states(self, runs: Ints) -> Ints:
        """The hash before the layer keys."""
        return _absorbed(np.full(len(runs), self.initial, np.int64), runs)

    def bits(self, runs: Ints) -> Bits01:
        """Bit 30 after twelve more rounds."""
        return congruence.bits(self.hashes(runs))

    def seen(self, runs: Ints) -> Ints:
        """The run itself."""
        return runs
