"""TokenScores: the statistics of every token of a text from one forward pass. The contract between engine and detectors.

Knows nothing about how the numbers are computed, and needs numpy only: everything after the engine works without a model.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

COLUMNS_VERSION = 2
"""Raised whenever a column's meaning or numerics change; part of every cache key."""

RENYI_ORDERS = (5.0, 3.0, 2.0, 1.5, 1.25, 1.125, 0.875, 0.75, 0.625, 0.5)
"""Orders a of `renyi`, on a grid of 1/8 so that one exponential serves all. As tempering exponents: lambda = 1 - a."""

STATE_BLOCK = 16
"""Scored tokens whose hidden states are averaged into one row of `states`: the step of the grid of judged lengths."""

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Decoding:
    """A decoding setting: how tokens are drawn from logits under the null. The head applies it before it computes statistics.

    In the order of `transformers`: temperature, top-k, top-p, min-p. The defaults change nothing. Other orders and other steps
    are a `chain.Chain`. `str` describes it for readers.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and self.top_k >= 0 and 0 < self.top_p <= 1 and 0 <= self.min_p <= 1):
            raise ValueError(f"not a decoding setting: {self!r}")

    @property
    def truncates(self) -> bool:
        """Whether some tokens have probability zero."""
        return self.top_k > 0 or self.top_p < 1 or self.min_p > 0

    @property
    def free(self) -> Decoding:
        """The same decoding setting without truncation, for a token that escapes it."""
        return Decoding(temperature=self.temperature)

    @property
    def looks_back(self) -> bool:
        """Whether the setting depends on earlier tokens, beyond the model's logits."""
        return False

    def __str__(self) -> str:
        parts = [f"temperature {self.temperature:g}"]
        parts += [f"top-k {self.top_k}"] if self.top_k else []
        parts += [f"top-p {self.top_p:g}"] if self.top_p < 1 else []
        parts += [f"min-p {self.min_p:g}"] if self.min_p else []
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class TokenScores:
    """One row per scored token. Natural logarithms; float32 unless said otherwise; n = number of scored tokens.

    p is the next-token distribution after the decoding transform, x the observed token, all conditional on the tokens to
    the left inside the window.

    Attributes:
        token_id: (n,) int32.
        char_start, char_end: (n,) int32, half-open range in the scored text. Tokens that share a character (an emoji's
            bytes) share its range.
        window: (n,) int32, index of the window that scored the token.
        context: (n,) int32, number of text tokens to its left inside that window.
        logprob: log p(x); -inf where the decoding transform excludes x.
        entropy: -sum p log p, nats.
        varentropy: Var of log p(X) for X ~ p, nats^2.
        max_logprob: max_v log p(v).
        rank: (n,) int32, 1 + number of strictly likelier tokens.
        mass_above: probability of the strictly likelier tokens.
        tie_mass: probability of the tokens exactly as likely as x, x included.
        renyi: (n, len(RENYI_ORDERS)), log sum_v p(v)^a.
        cross_entropy: (n,), -sum_v r(v) log p(v) with r the reference model's distribution; only with two models.
        cross_varentropy: (n,), Var of log p(X) for X ~ r; only with two models.
        states: (n_blocks, n_layers, hidden_size) float16, residual streams averaged over each whole block of `STATE_BLOCK`
            scored tokens of a window, counted from the window's first; on request.
        state_start: (n_blocks,) int32, the row at which each block begins, in order; on request.
        free_logprob: (n,), free_renyi: (n, len(RENYI_ORDERS)): logprob and renyi under the setting without truncation
            (`Decoding.free`); kept: (n,), log of the probability that the truncation keeps. Only where the decoding transform
            truncates, and only for the tests of AUD2xx, which copy them from a second setting of the same pass; of a chain,
            the head computes `kept` with the columns of its `free` setting.
        rivals: (n, k), log p of x under other models or settings; only for the tests of AUD2xx.
        top_ids: (n, k) int32 and top_logprobs: (n, k), most likely first; on request.
    """

    token_id: IntArray
    char_start: IntArray
    char_end: IntArray
    window: IntArray
    context: IntArray
    logprob: FloatArray
    entropy: FloatArray
    varentropy: FloatArray
    max_logprob: FloatArray
    rank: IntArray
    mass_above: FloatArray
    tie_mass: FloatArray
    renyi: FloatArray
    cross_entropy: FloatArray | None = None
    cross_varentropy: FloatArray | None = None
    states: NDArray[np.float16] | None = None
    state_start: IntArray | None = None
    free_logprob: FloatArray | None = None
    free_renyi: FloatArray | None = None
    kept: FloatArray | None = None
    rivals: FloatArray | None = None
    top_ids: IntArray | None = None
    top_logprobs: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.token_id)

    @classmethod
    def unscored(cls, offsets: Sequence[tuple[int, int]]) -> Self:
        """Rows of tokens of which only the character ranges (start, end) are known: all other columns are zero."""
        n, places = len(offsets), np.array(offsets, dtype=np.int32).reshape(-1, 2)
        count, number = np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.float32)
        return cls(
            token_id=count, char_start=places[:, 0], char_end=places[:, 1], window=count, context=count, logprob=number,
            entropy=number, varentropy=number, max_logprob=number, rank=count, mass_above=number, tie_mass=number,
            renyi=np.zeros((n, len(RENYI_ORDERS)), dtype=np.float32),
        )  # fmt: skip

    def __getitem__(self, rows: slice) -> Self:
        """The scores of rows [start, stop), with the blocks of `states` that lie inside."""
        columns = {
            field.name: column[rows]
            for field in dataclasses.fields(self)
            if (column := getattr(self, field.name)) is not None and field.name not in {"states", "state_start"}
        }
        if self.states is not None and self.state_start is not None:
            start, stop, _ = rows.indices(len(self))
            first = np.searchsorted(self.state_start, start)
            inside = slice(first, max(first, np.searchsorted(self.state_start, stop - STATE_BLOCK, side="right")))
            columns |= {"states": self.states[inside], "state_start": self.state_start[inside] - np.int32(start)}
        return type(self)(**columns)

    def windows(self) -> list[Self]:
        """The rows of each window, in order of the text."""
        edges = [0, *(np.flatnonzero(np.diff(self.window)) + 1).tolist(), len(self)]
        return [self[start:end] for start, end in pairwise(edges) if end > start]

    def to_bytes(self) -> bytes:
        """The columns as bytes: `parts`, joined."""
        return b"".join(self.parts())

    def parts(self) -> list[bytes | memoryview]:
        """A JSON header line (name, dtype, shape per column), then each column's bytes, little-endian, not copied."""
        header, chunks = [], []
        for field in dataclasses.fields(self):
            column = getattr(self, field.name)
            if column is not None:
                little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
                header.append((field.name, little.dtype.str, little.shape))
                chunks.append(little.reshape(-1).view(np.uint8).data)
        return [json.dumps(header).encode() + b"\n", *chunks]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of `to_bytes`. Raises ValueError, TypeError or KeyError on anything else."""
        end = data.find(b"\n")  # -1 leaves no header, which is no JSON
        columns, position, body = {}, end + 1, memoryview(data)
        for name, dtype, shape in json.loads(bytes(body[: max(end, 0)])):
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            columns[name] = np.frombuffer(body[position : position + size], dtype).reshape(shape)
            position += size
        if position != len(body):
            raise ValueError("stored token scores have the wrong length")
        return cls(**columns)
