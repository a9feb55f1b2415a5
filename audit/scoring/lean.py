"""A Llama in float32 on the CPU without torch: numpy's matrix products, compiled kernels between them, memory-mapped weights.

`import torch` takes as long as scoring a page of text, and 200 MB. Numpy's OpenBLAS multiplies as fast as torch's MKL
(docs/performance.md). All large memory is allocated once, in the size of the largest pack. The tests hold the columns to
those of `llama.py` and `head.py`, which compute the same for other devices and types.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.scoring import kernel
from llm_audit.scoring.lean_head import LeanHead
from llm_audit.scoring.request import context_length, plain_llama
from llm_audit.scoring.team import Meet, Team
from llm_audit.scoring.tokenizer import Reader, load_tokenizer, prefix_token
from llm_audit.scoring.tokens import STATE_BLOCK, Decoding
from llm_audit.scoring.weights import Matrix, Weights

QUERY_ROWS = 64
"""Queries that a thread multiplies with all keys at a time: 19 MB of products for nine heads and 8,192 keys, and few enough for
the second-level cache at 512. The body takes .973 of the time that it takes with 128 of them, and .985 of that with 32."""

SCORE_BYTES = 75_000_000
"""Most bytes of these products in all threads together; it limits how many threads take part in the attention."""


class _Layer(NamedTuple):
    """The weights of one decoder layer: (out, in) of each product, gate and up as one; (hidden,) of the two norms."""

    norm1: Matrix
    query: Matrix
    key: Matrix
    value: Matrix
    out: Matrix
    norm2: Matrix
    gate_up: Matrix
    down: Matrix


class _Queries(NamedTuple):
    """Rows `start` to `stop` of one sequence, as queries. The cut does not depend on the number of threads, for equal bits."""

    sequence: slice
    start: int
    stop: int


class _Pass(NamedTuple):
    """The buffers of one pass over n tokens, of which each thread writes its own rows, and the queries of each thread."""

    queries: list[list[_Queries]]  # of each thread
    positions: NDArray[np.int64]  # (n,), within each sequence
    turns: tuple[Matrix, Matrix]  # cosines and sines by position
    x: Matrix
    normed: Matrix
    delta: Matrix
    gate_up: Matrix
    gated: Matrix
    projected: Matrix  # queries, keys and values
    mixed: Matrix
    scores: Matrix  # (threads with queries, room for the products of some with all keys)
    taps: dict[int, Matrix]


class LeanBody:
    """The decoder stack without its head, on numpy arrays; the counterpart of `llama.LlamaBody`.

    Args:
        config: the parsed `config.json`.
        weights: tensors by their Hugging Face names; only the ones of the body are read.
        team: the threads that share the rows.
    """

    def __init__(self, config: dict[str, Any], weights: Weights, team: Team) -> None:
        self.team = team
        self.n_heads: int = config["num_attention_heads"]
        self.n_kv_heads: int = config.get("num_key_value_heads") or self.n_heads
        self.hidden_size: int = config["hidden_size"]
        self.head_dim: int = config.get("head_dim") or self.hidden_size // self.n_heads
        self.eps = np.float32(config.get("rms_norm_eps", 1e-6))
        self.n_layers: int = config["num_hidden_layers"]
        rope = config.get("rope_parameters") or {}
        theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
        self.frequency = (1.0 / theta ** (np.arange(0, self.head_dim, 2) / self.head_dim)).astype(np.float32)
        self.embedding = weights["model.embed_tokens.weight"]
        self.final_norm = weights["model.norm.weight"]
        self.layers = [_layer(weights, f"model.layers.{i}.") for i in range(self.n_layers)]
        self._kept: dict[str, NDArray[np.float32]] = {}

    def _buffer(self, name: str, *shape: int) -> NDArray[np.float32]:
        """An uninitialised buffer, reused by the next call with the same name."""
        size = int(np.prod(shape))
        if name not in self._kept or self._kept[name].size < size:
            self._kept[name] = np.empty(size, np.float32)
        return self._kept[name][:size].reshape(shape)

    def release(self) -> None:
        """Free the buffers that the calls share."""
        self._kept.clear()

    def __call__(
        self, token_ids: NDArray[np.int64], lengths: Sequence[int], layers: Sequence[int] = ()
    ) -> tuple[Matrix, list[Matrix]]:
        """Run packed sequences; see `llama.LlamaBody.__call__`. The returned arrays are overwritten by the next call."""
        n, width = len(token_ids), self.hidden_size
        inner = self.layers[0].down.shape[1]
        projected = (self.n_heads + 2 * self.n_kv_heads) * self.head_dim
        angles = np.arange(max(lengths), dtype=np.float32)[:, None] * self.frequency
        products = self.n_heads * QUERY_ROWS * max(lengths)
        queries = _deal(lengths, min(self.team.parts(n), max(1, SCORE_BYTES // (4 * products))))
        memory = _Pass(
            queries=queries,
            positions=np.concatenate([np.arange(length) for length in lengths]),
            turns=(np.cos(angles), np.sin(angles)),
            x=self._buffer("x", n, width),
            normed=self._buffer("normed", n, width),
            delta=self._buffer("delta", n, width),
            gate_up=self._buffer("gate_up", n, 2 * inner),
            gated=self._buffer("gated", n, inner),
            projected=self._buffer("projected", n, projected),
            mixed=self._buffer("mixed", n, self.n_heads * self.head_dim),
            scores=self._buffer("scores", len(queries), products),
            taps={layer: self._buffer(f"layer {layer}", n, width) for layer in layers},
        )
        self.team.share(n, lambda part, rows, meet: self._rows(token_ids, memory, part, rows, meet))
        return memory.normed, [memory.taps[layer] for layer in layers]

    def _rows(self, token_ids: NDArray[np.int64], memory: _Pass, part: int, rows: slice, meet: Meet) -> None:
        """Run all layers on some rows; the threads wait for each other before and after each layer's attention."""
        x, normed, delta = memory.x[rows], memory.normed[rows], memory.delta[rows]
        gate_up, gated = memory.gate_up[rows], memory.gated[rows]
        np.take(self.embedding, token_ids[rows], axis=0, out=x, mode="clip")  # with "raise", numpy fills a copy first
        delta.fill(0.0)
        for number, layer in enumerate(self.layers):
            if number in memory.taps:
                np.add(x, delta, out=memory.taps[number][rows])
            kernel.add_and_norm(x, delta, layer.norm1, self.eps, normed)
            self._project(normed, layer, memory, rows)
            meet()
            if part < len(memory.queries):
                self._attend(memory, part)
            meet()
            np.matmul(memory.mixed[rows], layer.out.T, out=delta)
            kernel.add_and_norm(x, delta, layer.norm2, self.eps, normed)
            np.matmul(normed, layer.gate_up.T, out=gate_up)
            kernel.gated(gate_up, gated)
            np.matmul(gated, layer.down.T, out=delta)
        if self.n_layers in memory.taps:
            np.add(x, delta, out=memory.taps[self.n_layers][rows])
        kernel.add_and_norm(x, delta, self.final_norm, self.eps, normed)

    def _project(self, x: Matrix, layer: _Layer, memory: _Pass, rows: slice) -> None:
        """Queries, keys and values of some rows, the first two rotated by their positions."""
        dim, q, kv, out = self.head_dim, self.n_heads, self.n_kv_heads, memory.projected[rows]
        edges = np.cumsum([0, q * dim, kv * dim, kv * dim])
        for number, matrix in enumerate((layer.query, layer.key, layer.value)):
            np.matmul(x, matrix.T, out=out[:, edges[number] : edges[number + 1]])
        kernel.rotate(out, q + kv, memory.positions[rows], *memory.turns)

    def _attend(self, memory: _Pass, part: int) -> None:
        """Causal attention of the queries of one thread, each within its sequence."""
        n, dim, q, kv = len(memory.projected), self.head_dim, self.n_heads, self.n_kv_heads
        heads, mixed = memory.projected.reshape(n, q + 2 * kv, dim), memory.mixed.reshape(n, kv, q // kv, dim)
        for sequence, start, stop in memory.queries[part]:
            self._mix(
                heads[sequence].transpose(1, 0, 2), mixed[sequence].transpose(1, 2, 0, 3), start, stop, memory.scores[part]
            )

    def _mix(
        self, heads: NDArray[np.float32], mixed: NDArray[np.float32], start: int, stop: int, room: NDArray[np.float32]
    ) -> None:
        """Attention of some queries of one sequence: queries, keys and values (heads, n, dim) to (kv heads, group, n, dim)."""
        kv, group, n, dim = mixed.shape
        query = heads[: kv * group].reshape(kv, group, n, dim)
        key, value = heads[kv * group : kv * group + kv, None], heads[kv * group + kv :, None]
        scores = room[: kv * group * (stop - start) * stop].reshape(kv, group, stop - start, stop)
        np.matmul(query[:, :, start:stop], key[:, :, :stop].swapaxes(2, 3), out=scores)
        kernel.causal_softmax(scores.reshape(kv * group, stop - start, stop), start, np.float32(dim**-0.5))
        np.matmul(scores, value[:, :, :stop], out=mixed[:, :, start:stop])


def _deal(lengths: Sequence[int], threads: int) -> list[list[_Queries]]:
    """All queries of a pack, in chunks of `QUERY_ROWS`, the largest first, each to the thread that has least to do so far."""
    pieces, first = list[_Queries](), 0
    for length in lengths:
        sequence = slice(first, first + length)
        pieces += [_Queries(sequence, start, min(start + QUERY_ROWS, length)) for start in range(0, length, QUERY_ROWS)]
        first += length
    dealt: list[list[_Queries]] = [[] for _ in range(threads)]
    work = [0] * threads
    for piece in sorted(pieces, key=_products, reverse=True):
        least = work.index(min(work))
        dealt[least].append(piece)
        work[least] += _products(piece)
    return dealt


def _products(piece: _Queries) -> int:
    """Number of products of its queries with the keys that it reads, to which its work is proportional."""
    return (piece.stop - piece.start) * piece.stop


def _layer(weights: Weights, prefix: str) -> _Layer:
    attention, mlp = prefix + "self_attn.", prefix + "mlp."
    query, key, value, out = (weights[f"{attention}{name}_proj.weight"] for name in "qkvo")
    return _Layer(
        norm1=weights[prefix + "input_layernorm.weight"],
        query=query,
        key=key,
        value=value,
        out=out,
        norm2=weights[prefix + "post_attention_layernorm.weight"],
        gate_up=weights.joined([mlp + "gate_proj.weight", mlp + "up_proj.weight"]),
        down=weights[mlp + "down_proj.weight"],
    )


@dataclass(frozen=True, eq=False)
class LeanModel(Reader):
    """A model computed with numpy; for the engine the counterpart of `model.LanguageModel`.

    Attributes:
        body: the decoder stack.
        head_weight: (vocabulary, hidden).
    """

    body: LeanBody
    head_weight: Matrix

    def head(self, decodings: Sequence[Decoding] = ()) -> LeanHead:
        """The output layer of this model with the statistics of its logits, under these decoding settings."""
        return LeanHead(self.head_weight, self.body.team, *decodings)

    def computing(self) -> AbstractContextManager[object]:
        """Context of every pass: an empty one."""
        return nullcontext()

    def run(
        self, token_ids: NDArray[np.int64], lengths: Sequence[int], layers: Sequence[int] = ()
    ) -> tuple[Matrix, list[Matrix]]:
        """Hidden states of packed sequences; see `LeanBody.__call__`."""
        return self.body(token_ids, lengths, layers)

    def release(self) -> None:
        """Free the buffers that the passes share."""
        self.body.release()

    def block_means(self, taps: Sequence[Matrix], first: int, blocks: int) -> NDArray[np.float16]:
        """(blocks, layers, hidden): each layer's states from row `first` on, averaged over blocks of `STATE_BLOCK`."""
        rows = slice(first, first + blocks * STATE_BLOCK)
        means = [tap[rows].reshape(blocks, STATE_BLOCK, tap.shape[1]).mean(1) for tap in taps]
        return np.stack(means, 1).astype(np.float16)


def load(name: str, digest: str, folder: Path, team: Team | None = None) -> LeanModel:
    """Load a folder that the store has checked and that `plain_llama` accepts.

    Args:
        name: of the model.
        digest: of the model.
        folder: where it lies.
        team: the threads that compute; by default as many as numpy's BLAS library would use.

    Raises:
        InvalidConfiguration: it is another model.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not plain_llama(config):
        raise InvalidConfiguration(f"{name} is not a plain Llama.")
    weights = Weights(folder)
    body = LeanBody(config, weights, team or Team())
    return LeanModel(
        name=name,
        digest=digest,
        tokenizer=load_tokenizer(folder),
        prefix=prefix_token(config),
        max_length=context_length(config),
        body=body,
        head_weight=weights.get("lm_head.weight", body.embedding),
    )
