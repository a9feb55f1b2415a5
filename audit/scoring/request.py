"""Request for scores: windows, decoding setting and optional columns; independent of the model. Knows no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from llm_audit.scoring.tokens import Decoding


@dataclass(frozen=True)
class Windowing:
    """A windowing: how a long text is cut into windows that the model sees at once.

    Attributes:
        size: text tokens per window, at most.
        overlap: tokens of left context that a window repeats from the one before; 0 starts every window afresh, so that
            each can be compared with the beginning of another text.
        balanced: cut the text into equal windows rather than full ones and a rest. Only without overlap.
        first_only: score the first window and leave the rest of the text.
    """

    size: int = 512
    overlap: int = 0
    balanced: bool = False
    first_only: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.size or (self.balanced and self.overlap):
            raise ValueError(f"not a windowing: {self}")

    def cut(self, n_tokens: int) -> list[Window]:
        """The windows of a text: every token, or every one of the first window, is scored by exactly one of them."""
        if self.first_only:
            n_tokens = min(n_tokens, self.size)
        if self.balanced and n_tokens:
            count = -(-n_tokens // self.size)
            edges = [round(i * n_tokens / count) for i in range(count + 1)]
            return [Window(a, a, b) for a, b in pairwise(edges)]
        windows, scored = [], 0
        while scored < n_tokens:
            start = max(0, scored - self.overlap)
            stop = min(start + self.size, n_tokens)
            windows.append(Window(start, scored, stop))
            scored = stop
        return windows


class Window(NamedTuple):
    """Tokens [start, stop) of a text, of which [scored, stop) get their score here."""

    start: int
    scored: int
    stop: int


@dataclass(frozen=True)
class Prompted:
    """A text, and the prompt that the model had read before it wrote the text.

    Attributes:
        text: normalised or, with `token_ids`, what they decode to.
        prompt: as the model reads it, control tokens included (a chat template filled in), in place of the prefix token; None:
            no prompt, only the prefix token.
        token_ids: as they were sampled, where that is known; None: as the tokenizer reads the text.
    """

    text: str
    prompt: str | None = None
    token_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Request:
    """Settings of a score apart from the model; together with the model's digest they identify the score."""

    windowing: Windowing = field(default_factory=Windowing)
    decoding: Decoding = field(default_factory=Decoding)
    hidden_layers: tuple[int, ...] = ()
    top_k: int = 0


def context_length(config: Mapping[str, Any]) -> int:
    """Tokens that a model can see at once, as its `config.json` says."""
    return int(config.get("max_position_embeddings") or config.get("n_positions") or 1024)


def plain_llama(config: Mapping[str, Any]) -> bool:
    """Whether `config.json` describes a Llama that `lean.py` and `llama.py` compute exactly; others go to transformers."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return (
        config.get("model_type") == "llama"
        and config.get("hidden_act", "silu") == "silu"
        and not config.get("attention_bias")
        and not config.get("mlp_bias")
        and rope.get("rope_type", rope.get("type", "default")) == "default"
    )
