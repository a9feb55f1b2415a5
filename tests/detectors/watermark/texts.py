"""Fixed texts that repeat themselves, as token ids, and generations by a language model of our own making."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.watermark.schemes.base import Scheme, Step

TEXTS = Path(__file__).resolve().parents[3] / "fixtures" / "watermark" / "texts"
NAMES = ("licence", "poem", "comments")
VOCABULARY = 1000

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def ids(name: str, vocabulary: int = VOCABULARY) -> Ints:
    """Words and marks of a text, each hashed to an id; a few words share one, as do words of a real tokenizer."""
    words = re.findall(r"\w+|[^\w\s]", (TEXTS / f"{name}.txt").read_text(encoding="utf-8"))
    return np.array([int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % vocabulary for word in words])


def flat(vocabulary: int, spread: float, seed: int = 0) -> Callable[[Ints], Floats]:
    """A model whose logits after each context are fresh normal numbers of this deviation: 0 is the uniform model."""

    def logits(context: Ints) -> Floats:
        digest = hashlib.sha256(context[-8:].tobytes() + bytes([seed])).digest()
        return spread * np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal(vocabulary)

    return logits


def generate(
    scheme: Scheme | None,
    model: Callable[[Ints], Floats],
    length: int,
    generator: np.random.Generator,
    prompt: Ints | None = None,
    start: int = 0,
) -> Ints:
    """A text drawn from the model, marked if there is a scheme."""
    before = np.array([1, 2, 3, 4, 5, 6, 7, 8]) if prompt is None else prompt
    output = np.empty(0, np.int64)
    for _ in range(length):
        step = Step(model(np.concatenate([before, output])), output, before, start)
        logits = step.logits if scheme is None else scheme.embed(step, generator)
        weights = np.exp(logits - logits.max())
        output = np.append(output, generator.choice(len(weights), p=weights / weights.sum()))
    return output


def windows_of(text: Ints, positions: Ints, width: int) -> Ints:
    """The n-gram that ends at each position, padded with -1 before the text."""
    padded = np.concatenate([np.full(width - 1, -1), text])
    return np.lib.stride_tricks.sliding_window_view(padded, width)[positions]
