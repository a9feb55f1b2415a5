"""The alignment test: closed forms against fresh keys, size, and that edits do not hide the mark."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.alignment import closed_form, fresh_keys, least_cost
from llm_audit.detectors.watermark.schemes.base import TokenisedText
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, Its, KeySequence
from llm_audit.stats import key_alignment
from llm_audit.stats.sequential import besag_clifford
from tests.detectors.watermark.texts import flat, generate, ids

V = 97


def key_of(cls: type[KeySequence], seed: int = 1, length: int = 64) -> KeySequence:
    return cls.model_validate({"key": str(seed), "vocab_size": V, "length": length})


@pytest.mark.parametrize("cls", [Exp, Its])
def test_closed_form_and_fresh_keys_agree_on_unmarked_texts(cls: type[KeySequence]) -> None:
    """For ITS given the secret order, as the closed form is: only the uniforms are fresh."""
    rng, scheme = np.random.default_rng(1), key_of(cls)
    pairs = []
    for _ in range(40):
        ids = rng.integers(0, V, 30)
        text, ranks = TokenisedText.of(ids), scheme.ranks(ids) if isinstance(scheme, Its) else None

        def null(ids: np.ndarray = ids, ranks: np.ndarray | None = ranks) -> float:
            fresh = scheme.null_costs(ids, rng) if ranks is None else np.abs(ranks[:, None] - rng.random(scheme.length))
            return -least_cost(scheme, fresh, "simple", 30)

        observed = -least_cost(scheme, scheme.costs(ids), "simple", 30)
        pairs.append((math.exp(closed_form(scheme, text).log_p), besag_clifford(observed, null, 400, 401).p_value))
    closed, drawn = np.array(pairs).T
    small = drawn < 0.2
    assert (closed > drawn - 4 * np.sqrt(drawn / 400)).all()  # a bound from above
    assert small.sum() >= 4 and (closed[small] < 1.6 * drawn[small] + 0.05).all()  # and not a loose one
    assert np.corrcoef(closed[closed < 1], drawn[closed < 1])[0, 1] > 0.95


@pytest.mark.parametrize("cls", [Exp, Its])
@pytest.mark.parametrize("repeats", [False, True])
def test_size_of_the_closed_form(cls: type[KeySequence], repeats: bool) -> None:
    """Also on a text that repeats itself, and for EXP on one longer than its key sequence."""
    runs = 1000 if cls is Exp else 150
    text = ids("poem", V)[:40] if repeats else np.random.default_rng(0).permutation(V)[:40]
    length = 16 if repeats and cls is Exp else 64
    found = np.array([closed_form(key_of(cls, seed, length), TokenisedText.of(text)).log_p for seed in range(runs)])
    for alpha in (0.05, 0.01):
        assert binomtest(int((found <= math.log(alpha)).sum()), runs, alpha, alternative="greater").pvalue > 1e-4
    assert (found <= math.log(0.05)).mean() > 0.02


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Exp, Its])
def test_size_of_the_closed_form_over_ten_thousand_keys(cls: type[KeySequence]) -> None:
    text = TokenisedText.of(ids("poem", V)[:60])
    found = np.array([closed_form(key_of(cls, seed), text).log_p for seed in range(10_000)])
    rejected = [int((found <= math.log(alpha)).sum()) for alpha in (0.05, 0.01, 0.001)]
    print(cls.__name__, rejected)
    for alpha, number in zip((0.05, 0.01, 0.001), rejected, strict=True):
        assert binomtest(number, 10_000, alpha, alternative="greater").pvalue > 1e-4


def test_blocks_shorter_than_the_text() -> None:
    scheme, text = key_of(Exp), TokenisedText.of(np.random.default_rng(3).integers(0, V, 50))
    found = closed_form(scheme, text, block=20)
    assert found.block == found.cells == 20
    assert found.phi == pytest.approx(key_alignment.simple(scheme.costs(text.ids), 20).min())
    marked = generate(scheme, flat(V, 1.0), 20, np.random.default_rng(4), start=9)
    hidden = TokenisedText.of(np.concatenate([text.ids[:25], marked, text.ids[25:]]))
    assert closed_form(scheme, hidden, block=20).log_p < math.log(1e-4)


@pytest.mark.parametrize("cls", [Exp, Its])
def test_a_marked_text_is_found_and_edits_do_not_hide_it(cls: type[KeySequence]) -> None:
    rng, scheme = np.random.default_rng(5), key_of(cls)
    text = generate(scheme, flat(V, 1.0), 50, rng, start=23)
    assert closed_form(scheme, TokenisedText.of(text)).log_p < math.log(1e-6)
    substituted = text.copy()
    places = rng.choice(50, 15, replace=False)
    substituted[places] = rng.integers(0, V, 15)
    assert closed_form(scheme, TokenisedText.of(substituted)).log_p < math.log(1e-2)
    deleted = TokenisedText.of(np.delete(text, [10, 25, 40]))
    assert fresh_keys(scheme, deleted, rng, "edit", draws=99).p_value == 0.01
    assert fresh_keys(scheme, TokenisedText.of(rng.integers(0, V, 50)), rng, "edit", draws=99, stop=5).p_value > 0.01


def test_size_of_fresh_keys_with_edits() -> None:
    rng, runs = np.random.default_rng(6), 400
    texts = [TokenisedText.of(rng.integers(0, V, 12)) for _ in range(runs)]
    p = [fresh_keys(key_of(Exp, seed, 16), text, rng, "edit", draws=39, stop=40).p_value for seed, text in enumerate(texts)]
    assert binomtest(sum(one <= 0.05 for one in p), runs, 0.05, alternative="greater").pvalue > 1e-4


def test_null_costs_are_like_those_of_other_seeds() -> None:
    rng, text = np.random.default_rng(7), ids("poem", V)[:30]
    for cls in (Exp, Its):
        scheme = key_of(cls)
        fresh = [least_cost(scheme, scheme.null_costs(text, rng), "simple", 30) for _ in range(400)]
        seeds = [least_cost(scheme, key_of(cls, seed).costs(text), "simple", 30) for seed in range(400)]
        assert np.mean(fresh) == pytest.approx(np.mean(seeds), abs=5 * np.std(fresh) / 14)


def test_what_has_no_closed_form_says_so() -> None:
    long = TokenisedText.of(np.arange(80) % V)
    with pytest.raises(AuditError, match="whole text no longer than the key sequence"):
        closed_form(key_of(Its), long)
    with pytest.raises(AuditError, match="no closed form"):
        closed_form(key_of(Exp), long, block=70)
    with pytest.raises(AuditError, match="no block of 90"):
        closed_form(key_of(Exp), long, block=90)
    with pytest.raises(AuditError, match="outside the key's vocabulary"):
        closed_form(key_of(Exp), TokenisedText.of([V]))


def test_the_demo_s_uniforms_never_reach_one() -> None:
    scheme = Exp(key="42", vocab_size=V, length=64, dialect="demo")
    assert scheme.xi(np.arange(V)).max() < 1 and np.isfinite(scheme.costs(np.arange(V))).all()
