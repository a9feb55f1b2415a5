"""Marking while drawing: a text is marked the same alone as beside others, and every fast path gives the obvious one's bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.counts import RandomBits
from llm_audit.detectors.watermark.embedding import Marker
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.scoring import generate
from llm_audit.scoring.generate import Sampler
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokens import Decoding

PROMPTS = [None, "A", "A word", *("A word " * i for i in range(2, 9))]
LENGTH, SEED = 25, 3


@pytest.fixture(scope="module")
def sampler(tiny_llama: Path) -> Sampler:
    made = Sampler(Store(tiny_llama.parent / "store").resolve(str(tiny_llama), offline=True))
    made.ends = frozenset(range(20))
    return made


def key(name: str, size: int) -> Key:
    cls = SCHEMES[name]
    vocabulary = {"vocab_size": size} if "vocab_size" in cls.model_fields else {}
    return Key(cls.model_validate(vocabulary | cls.draw_keys(RandomBits(np.random.default_rng(1)))))


@pytest.mark.parametrize("name", SCHEMES)
def test_a_text_is_marked_the_same_alone_as_beside_others(name: str, sampler: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same key, same stream for each text: up to rounding, which may flip one token and so change one text."""
    marked, size = {}, int(sampler.model.config.vocab_size)
    for batch in (64, 1):
        monkeypatch.setattr(generate, "BATCH", batch)
        drawn = sampler(PROMPTS, Decoding(), LENGTH, SEED, adjust=Marker(key(name, size), SEED))
        marked[batch] = [sample.token_ids for sample in drawn]
    plain = [sample.token_ids for sample in sampler(PROMPTS, Decoding(), LENGTH, SEED)]
    assert sum(a != b for a, b in zip(marked[64], marked[1], strict=True)) <= 1
    assert len({len(ids) for ids in marked[1]}) > 1  # some leave the batch before the others
    assert marked[1] != plain


def test_a_key_for_a_smaller_vocabulary_is_refused(sampler: Sampler) -> None:
    with pytest.raises(AuditError, match="is for a vocabulary of 50 tokens, and the model has"):
        list(sampler(["A"], Decoding(), 2, SEED, adjust=Marker(key("unigram", 50), SEED)))
