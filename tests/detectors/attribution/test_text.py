"""Whose likelihood is how much larger, with equal and with different tokens."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from llm_audit.detectors.attribution.likelihood_ratio import least
from llm_audit.detectors.attribution.text import under
from llm_audit.scoring.tokens import Decoding
from llm_audit.stats.alignment import CAP, ESCAPE
from tests.detectors.attribution.world import N, author, draw, laws, scores, text


def test_the_columns_of_a_truncated_setting_give_back_the_mass_that_it_keeps() -> None:
    rng = np.random.default_rng(0)
    logits, setting = laws(rng), Decoding(temperature=0.8, top_k=6)
    found = under(scores(logits, draw(logits, rng, setting), (setting, Decoding(temperature=0.8))), setting)
    log_p = logits / 0.8 - np.logaddexp.reduce(logits / 0.8, axis=1, keepdims=True)
    kept = np.log(np.exp(np.sort(log_p, axis=1)[:, -6:]).sum(axis=1))
    assert found.kept is not None and found.free_logprob is not None
    np.testing.assert_allclose(found.kept, kept, atol=1e-5)
    np.testing.assert_allclose(found.free_logprob, found.logprob + kept, atol=1e-5)


def test_a_setting_without_truncation_needs_no_other() -> None:
    rng = np.random.default_rng(0)
    logits = laws(rng)
    found = scores(logits, draw(logits, rng))
    assert under(found, Decoding()) is found[Decoding()]
    assert author("a@temperature=0.5").decodings == (Decoding(temperature=0.5),)
    assert author("a@top_k=9|0").decodings == (Decoding(top_k=9), Decoding())


def test_the_e_value_against_a_set_is_the_smallest_over_members_and_settings() -> None:
    rng = np.random.default_rng(1)
    models = [laws(rng) for _ in range(3)]
    tokens = draw(models[2], rng)
    authors = [author("a@temperature=1|2"), author("b"), author("c")]
    whole = text(authors, [scores(model, tokens, one.decodings) for model, one in zip(models, authors, strict=True)])

    def total(number: int, setting: int = 0) -> float:
        return float(whole.settings(number)[setting].logprob.sum(dtype=np.float64))

    expected = total(2) - max(total(0), total(0, 1), total(1))
    assert least(whole.against([0, 1], [2])) == pytest.approx(expected, abs=1e-3)
    mixed = np.logaddexp(total(1), total(2)) - np.log(2)
    assert least(whole.against([0], [1, 2])) == pytest.approx(mixed - max(total(0), total(0, 1)), abs=1e-3)


def test_other_tokens_are_compared_at_the_ends_of_words() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = laws(rng), laws(rng)
    tokens = draw(ours, rng)
    mine = scores(ours, tokens)
    # The rival reads two words as one token: every second end is its own.
    found = scores(theirs[: N // 2], tokens[: N // 2])[Decoding()]
    doubled = dataclasses.replace(found, char_start=found.char_start * 2, char_end=mine[Decoding()].char_end[1::2])
    whole = text([author("a"), author("b")], [mine, {Decoding(): doubled}])
    assert not whole.same_tokens(0, 1)
    own = mine[Decoding()].logprob.astype(np.float64)
    ratio = np.cumsum(whole.columns(mine[Decoding()], [1])[:, 0] - own)
    steps = found.logprob.astype(np.float64) - own.reshape(-1, 2).sum(axis=1)
    expected = np.cumsum(np.minimum(steps, np.log(CAP)) - np.log1p(ESCAPE * CAP))
    np.testing.assert_allclose(ratio[1::2], expected, atol=1e-3)
    np.testing.assert_allclose(ratio[2::2], ratio[1:-1:2], atol=1e-9)


def test_rivals_of_a_set_member_are_outside_it_where_there_are_any() -> None:
    authors = [author("a", "sanctioned"), author("b", "sanctioned"), author("c", "other"), author("d")]
    rng = np.random.default_rng(3)
    logits = laws(rng)
    found = scores(logits, draw(logits, rng))
    whole = text(authors, [found, found, "It does not load.", found])
    assert whole.rivals(0) == [3]
    assert whole.rivals(3) == [0, 1]
    assert text(authors[:2], [found, found]).rivals(0) == [1]
