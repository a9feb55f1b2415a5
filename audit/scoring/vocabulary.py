"""Identity of a tokenizer: a digest of its vocabulary and of how it reads a probe text; and sizes of vocabularies."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_audit.scoring.store import StoredModel

PROBE = (
    "Whether another measured the weather, then the unbelievable reinterpretations withered thereafter. "
    "Naïve déjà-vu:\r\n\t12,345.67 % of “it’s”  don't… x = [0]*n\u00a0\ufb01 \u212b e\u0301 \U0001f469\u200d\U0001f527 "
    "Плотник 測った 한국어 مرحبا हिन्दी"
)
"""A text that tokenizers with one vocabulary, but different merges or normalisers, read differently."""


def tokenizer_digest(tokenizer: Any) -> str:
    """SHA-256 over the vocabulary and the tokens of a probe text, for a tokenizer from `tokenizer.load_tokenizer`.

    Unlike a digest of `tokenizer.json` it does not change when a library writes the same tokenizer in another way.
    """
    vocabulary = sorted(tokenizer.get_vocab().items())
    probe = tokenizer.encode(PROBE, add_special_tokens=False).ids
    return hashlib.sha256(json.dumps([vocabulary, probe]).encode()).hexdigest()


def vocabulary_size(tokenizer: Any) -> int:
    """|V|: one more than the largest id, so that ids index an array of this size."""
    return 1 + int(max(tokenizer.get_vocab().values()))


def tokens_of(model: StoredModel) -> tuple[str, int]:
    """Digest of a model's tokenizer, and the number of tokens that the model gives probabilities to."""
    from llm_audit.scoring.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model.folder)
    return tokenizer_digest(tokenizer), int(model.config.get("vocab_size") or vocabulary_size(tokenizer))
