"""Speed of the membership scores: all that share one pass, over 500 documents, against the bare forward pass over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.test_speed import best, model, texts
from llm_audit.common.progress import silent
from llm_audit.detectors.membership import screen
from llm_audit.detectors.membership.base import default_frequencies, find_scores
from llm_audit.detectors.membership.collection import Item
from llm_audit.detectors.membership.screen import Material
from llm_audit.detectors.membership.target import Target
from llm_audit.scoring.engine import GROUP_TEXTS, Engine
from llm_audit.scoring.lean import LeanModel
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.scoring.vocabulary import tokenizer_digest

__all__ = ["model", "texts"]

pytestmark = pytest.mark.bench
LIMIT = 1.15
DOCUMENTS, CHARACTERS = 500, 300


def bare(engine: Engine, documents: list[str]) -> float:
    """Body and output layer over the documents, packed as the engine packs them, and nothing else."""
    lm: Any = engine.model
    total = 0.0
    for start in range(0, len(documents), GROUP_TEXTS):
        encodings = lm.tokenizer.encode_batch(documents[start : start + GROUP_TEXTS], add_special_tokens=False)
        rows = sorted(([lm.prefix, *encoding.ids] for encoding in encodings), key=len, reverse=True)
        pack: list[list[int | None]] = []
        for row in [*rows, None]:
            if row is None or sum(map(len, pack)) + len(row) > 1024:
                hidden, _ = lm.body(np.array([t for each in pack for t in each]), [len(each) for each in pack])
                total += float((hidden @ lm.head_weight.T)[0, 0])
                pack = []
            if row is not None:
                pack.append(row)
    return total


def test_all_scores_of_one_pass_cost_little_more_than_the_pass(model: LeanModel, texts: list[str]) -> None:
    prose = " ".join(texts)
    documents = [prose[200 * i : 200 * i + CHARACTERS] for i in range(DOCUMENTS)]
    assert len(documents[-1]) == CHARACTERS
    target = Target(Session(Store().resolve(DEFAULT_MODEL, offline=True)))
    material = Material(default_frequencies(tokenizer_digest(model.tokenizer)))
    scores = [score for score in find_scores() if material.serves(score) and "lowercase" not in score.needs]
    items = [Item(text, str(i), str(i)) for i, text in enumerate(documents)]
    engine = Engine(model, Request(Windowing(512)))

    def everything() -> None:
        for item, read in zip(items, screen.passes(target, items, scores, material, silent), strict=True):
            screen.screened(item, "suspect", read, scores)

    everything()  # compiles the kernel, loads the model
    bare_seconds, all_seconds = best(lambda: bare(engine, documents), 2), best(everything, 2)
    ratio = all_seconds / bare_seconds
    print(
        f"\n{len(scores)} scores of {DOCUMENTS} documents: {all_seconds:.1f} s against {bare_seconds:.1f} s for the bare pass, "
        f"{ratio:.3f}x, limit {LIMIT}"
    )
    assert ratio <= LIMIT
