"""Texts whose tokens a tokenizer does not give back: what the model may have drawn is found, and nothing else is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llm_audit.scoring.generate import Sampler
from llm_audit.scoring.reading import (
    UNLIKELY,
    Beginning,
    as_drawn,
    beginnings,
    hardly_drawn,
    without_doubtful_end,
)
from llm_audit.scoring.request import Prompted, Request
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.scoring.tokens import Decoding, TokenScores
from tests.detectors.attribution.world import draw, laws, scores
from tests.servers.ask import PROMPTS

MODEL = Path(__file__).parents[2] / "fixtures" / "membership" / "model"
REQUEST, COLD = Request(), Decoding(0.3, top_p=0.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> StoredModel:
    return Store(tmp_path_factory.mktemp("store")).resolve(str(MODEL), offline=True)


@pytest.fixture(scope="module")
def session(model: StoredModel) -> Session:
    return Session(model)


@pytest.fixture(scope="module")
def drawn(model: StoredModel) -> list[Prompted]:
    """Texts as they were drawn."""
    prompts = [PROMPTS[i % len(PROMPTS)] for i in range(24)]
    samples = Sampler(model)(prompts, COLD, 60, 3)
    return [Prompted(sample.text, prompt, sample.token_ids) for prompt, sample in zip(prompts, samples, strict=True)]


def scored(session: Session, texts: Sequence[Prompted]) -> list[Mapping[Decoding, TokenScores]]:
    return [{COLD: one} for (one,) in session.score_each(texts, REQUEST, (COLD,))]


def test_words_that_were_drawn_otherwise_are_found(session: Session, drawn: list[Prompted]) -> None:
    texts = [replace(one, token_ids=None) for one in drawn]
    before = scored(session, texts)
    otherwise = [
        number
        for number, (one, found) in enumerate(zip(drawn, before, strict=True))
        if found[COLD].token_id.tolist() != list(one.token_ids or ())
    ]
    assert otherwise
    found = as_drawn(session, texts, REQUEST, before)
    assert [found[number] for number in otherwise] == [drawn[number] for number in otherwise]
    assert [text for number, text in enumerate(found) if number not in otherwise] == [
        text for number, text in enumerate(texts) if number not in otherwise
    ]


def test_what_a_person_wrote_is_read_as_it_was(session: Session) -> None:
    texts = [Prompted("The ferry left before dawn, and nobody on the quay had paid for it.", PROMPTS[0])]
    assert as_drawn(session, texts, REQUEST, scored(session, texts)) == texts


def test_tokens_are_doubted_where_they_are_few() -> None:
    rng = np.random.default_rng(1)
    logits = laws(rng)
    (one,) = scores(logits, draw(logits, rng)).values()
    assert hardly_drawn(one) == []
    few, many = one.logprob.copy(), one.logprob.copy()
    few[[3, 9]] = -np.inf
    many[::5] = UNLIKELY - 1
    assert hardly_drawn(replace(one, logprob=few)) == [3, 9]
    assert hardly_drawn(replace(one, logprob=many)) == []


@pytest.mark.parametrize(("written", "cut"), [("", 0), ("\n", 1), ("  ", 2)])
def test_white_space_that_was_changed_at_the_beginning_is_found(
    session: Session, drawn: list[Prompted], written: str, cut: int
) -> None:
    texts = [replace(one, text=written + one.text[1:], token_ids=None) for one in drawn[:6]]
    assert all(one.text.startswith(" ") for one in drawn[:6])
    found = beginnings(session, texts, REQUEST, scored(session, texts))
    assert found == [Beginning(" ", cut)] * 6
    assert [beginning.whole(text.text) for beginning, text in zip(found, texts, strict=True)] == [one.text for one in drawn[:6]]
    (whole,) = session.score([drawn[0]], REQUEST)
    placed = found[0].placed(whole)
    assert (placed.char_start[0], placed.char_end[-1]) == (max(0, cut - 1), len(texts[0].text))


def test_a_beginning_that_may_have_been_drawn_is_left_as_it_is(session: Session, drawn: list[Prompted]) -> None:
    texts = [replace(one, token_ids=None) for one in drawn]
    assert beginnings(session, texts, REQUEST, scored(session, texts)) == [Beginning()] * len(texts)


def test_a_last_word_that_was_cut_is_left_out_for_all(session: Session, drawn: list[Prompted]) -> None:
    end = drawn[0].text.rindex(" ", 0, 150)
    cut = Prompted(drawn[0].text[:end] + " qx", drawn[0].prompt)
    (row,) = scored(session, [cut])
    (warm,) = session.score([cut], REQUEST)
    mine, rival = without_doubtful_end([row, {Decoding(): warm}], cut.text)
    assert mine[COLD].char_end[-1] == rival[Decoding()].char_end[-1] == end
    (whole,) = scored(session, [replace(drawn[0], text=drawn[0].text[:end], token_ids=None)])
    assert without_doubtful_end([whole], drawn[0].text[:end]) == [whole]
