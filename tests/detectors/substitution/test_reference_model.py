"""The reference: its tokens by a server's names, its precisions, its own answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.substitution import distance
from llm_audit.detectors.substitution.reference_model import GREEDY, PRECISIONS, ReferenceModel
from llm_audit.endpoints.records import Token
from llm_audit.scoring.store import Store

MODEL = Path(__file__).parents[3] / "fixtures" / "membership" / "model"
PROMPTS = ("The council of", "On Friday, 3 May", "Lot 4,711: a carved")


@pytest.fixture(scope="module")
def reference() -> ReferenceModel:
    return ReferenceModel(Store().resolve(str(MODEL), offline=True), "completions")


def test_a_token_is_found_by_id_bytes_or_text(reference: ReferenceModel) -> None:
    (known,) = reference.tokenizer.encode(" council", add_special_tokens=False).ids
    vocabulary = reference.vocabulary
    assert vocabulary.find(Token(known, None, "")) == known
    assert vocabulary.find(Token(None, b" council", "?")) == known
    assert vocabulary.find(Token(None, None, " council")) == known
    assert vocabulary.find(Token(None, b"\xff", "\ufffd")) is None
    assert vocabulary.find(Token(10**6, None, " council")) is None
    assert vocabulary.agrees(Token(known, None, " council")) is True
    assert vocabulary.agrees(Token(known, None, " other")) is False
    assert vocabulary.agrees(Token(None, b" council", " council")) is None


def test_greedy_answers_have_no_margin_in_their_own_precision_and_little_in_others(reference: ReferenceModel) -> None:
    answers = reference.draw(PROMPTS, 6, GREEDY, 0)
    scores = {name: reference.scores(answers, name, 5) for name in PRECISIONS}
    assert all(distance.margin(each) == pytest.approx(0, abs=1e-5) for each in scores["f32"])
    apart = {
        name: np.mean([distance.between(a, b, 5) for a, b in zip(scores["f32"], scores[name], strict=True)]) for name in scores
    }
    assert apart["f32"] == 0
    assert apart["f16"] < 1e-5, "the weights are float16 already; but another library multiplies them"
    assert 0 < apart["bf16"] < apart["bf16-logits"] < 0.1


def test_a_chat_needs_a_template(reference: ReferenceModel) -> None:
    with pytest.raises(AuditError, match="no chat template"):
        ReferenceModel(reference.stored, "chat").as_read("hello")
