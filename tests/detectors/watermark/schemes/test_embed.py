"""What each scheme marks it finds, under its own key alone; and what theory says about the strength of the mark."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.counts import RandomBits, count, whole_text
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import KeyedScheme, Scheme, Step, TokenisedText, TokenScheme
from llm_audit.detectors.watermark.schemes.green_list import GreenList
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.kuditipudi import KeySequence
from llm_audit.detectors.watermark.schemes.synthid import SynthIdReference, SynthIdTransformers
from llm_audit.detectors.watermark.schemes.vllm import VllmGumbel
from tests.detectors.watermark.texts import flat, generate

V, LENGTH = 211, 120
PROMPT = np.arange(1, 9)
EXTRA: dict[str, list[dict[str, Any]]] = {
    "transformers-kgw": [{"seeding_scheme": "selfhash", "context_width": 4}, {"context_width": 3}],
    "lm-watermarking": [
        {"prf": "anchored_minhash_prf", "context_width": 4, "self_salt": True},
        {"prf": "noncomm_prf", "context_width": 2, "select_green_tokens": False},
    ],
    "sglang-gumbel": [{"key_b": "77"}],
    "markllm-kgw": [{"f_scheme": "min", "prefix_length": 3}],
    "kuditipudi-exp": [],
    "kuditipudi-its": [],
}
CASES = [(name, more) for name in SCHEMES for more in [{}, *EXTRA.get(name, [])] if not name.startswith("kuditipudi")]


def keyed(name: str, more: dict[str, Any], seed: int = 5) -> KeyedScheme:
    cls = SCHEMES[name]
    return cls.model_validate({"vocab_size": V} | cls.draw_keys(RandomBits(np.random.default_rng(seed))) | more)


def log_p(scheme: object, ids: np.ndarray) -> float:
    assert isinstance(scheme, TokenScheme)
    return whole_text(count(scheme.observe(TokenisedText.of(ids, PROMPT, from_start=True)))).log_p


@pytest.mark.parametrize(("name", "more"), CASES)
def test_a_marked_text_is_found_under_its_key_alone(name: str, more: dict[str, Any]) -> None:
    scheme = keyed(name, more)
    assert isinstance(scheme, Scheme)
    marked = generate(scheme, flat(V, 1.5), LENGTH, np.random.default_rng(1), PROMPT)
    plain = generate(None, flat(V, 1.5), LENGTH, np.random.default_rng(1), PROMPT)
    assert log_p(scheme, marked) < math.log(1e-5)
    assert log_p(scheme, plain) > math.log(1e-4)
    assert log_p(scheme.rekeyed(RandomBits(np.random.default_rng(6))), marked) > math.log(1e-4)


@pytest.mark.parametrize("name", [name for name, cls in SCHEMES.items() if not cls.biased])
def test_distortion_free_schemes_keep_the_distribution_over_keys(name: str) -> None:
    """The mean over keys of the marked distribution is the model's: DiPmark, SynthID, Gumbel, EXP and ITS."""
    rng, size, runs = np.random.default_rng(2), 5, 1500
    logits = np.log([0.4, 0.3, 0.15, 0.1, 0.05])
    bits, total = RandomBits(rng), np.zeros(size)
    template = SCHEMES[name].model_validate({"vocab_size": size} | SCHEMES[name].draw_keys(bits))
    short = {"length": 4} if isinstance(template, KeySequence) else {}
    template = template.model_copy(update=short)
    for _ in range(runs):
        scheme = template.rekeyed(bits)
        assert isinstance(scheme, Scheme)
        weights = np.exp(scheme.embed(Step(logits, np.array([2, 1, 3, 4, 1]), np.array([1, 2, 3, 4, 3])), rng))
        total += weights / weights.sum()
    assert np.abs(total / runs - np.exp(logits)).max() < 5 * 0.5 / math.sqrt(runs)


def test_repeated_contexts_are_not_marked() -> None:
    logits = np.zeros(V)
    again = Step(logits, np.array([5, 6, 7, 8, 9, 5, 6, 7, 8]), PROMPT)
    for name in ("vllm-gumbel", "vllm-dual-key-gumbel", "sglang-gumbel", "synthid-transformers", "synthid-reference"):
        scheme = keyed(name, {})
        assert isinstance(scheme, Scheme)
        assert np.array_equal(scheme.embed(again, np.random.default_rng(0)), logits), name


def test_the_gumbel_score_of_a_uniform_model_is_a_harmonic_number() -> None:
    size, scheme = 16, VllmGumbel(key="9")
    ids = generate(scheme, flat(size, 0.0), 1500, np.random.default_rng(3))
    found = count(scheme.observe(TokenisedText.of(ids, from_start=True)))
    expected = sum(1 / k for k in range(1, size + 1))
    assert found.total / found.distinct == pytest.approx(expected, abs=5 * 1.3 / math.sqrt(found.distinct))


def test_the_tournament_of_one_layer_lifts_the_mean_to_three_quarters() -> None:
    """Flat model: .5 + .25 (1 - 1 / V) with two leaves, 7/8 - 3 / (8 V) with three."""
    for leaves, expected in ((2, 0.5 + 0.25 * (1 - 1 / 50)), (3, 7 / 8 - 3 / 400)):
        rng, means = np.random.default_rng(4), []
        for _ in range(2000):
            bits = rng.integers(0, 2, (50, 1))
            weights = np.exp(SynthIdReference.tournament(np.zeros(50), bits, leaves))
            assert weights.sum() == pytest.approx(1)
            means.append(float(weights @ bits[:, 0]))
        assert np.mean(means) == pytest.approx(expected, abs=0.01)


def test_the_bias_goes_to_the_list_and_nowhere_else() -> None:
    scheme, logits = TransformersKgw(key="15485863", vocab_size=V, delta=2.0), np.zeros(V)
    marked = scheme.embed(Step(logits, np.array([7]), PROMPT), np.random.default_rng(0))
    greens = scheme.greens(np.stack([np.full(V, int(scheme.low_seeds(np.array([[7, 0]]))[0])), np.arange(V)], axis=1))
    assert np.array_equal(marked == 2.0, greens) and greens.sum() == scheme.green_size
    assert issubclass(TransformersKgw, GreenList)
    assert np.array_equal(scheme.embed(Step(logits, PROMPT[:0], PROMPT[:0]), np.random.default_rng(0)), logits)


def test_selfhash_without_a_green_candidate_is_no_crash() -> None:
    """Where transformers 5.24 ends in an IndexError."""
    scheme = TransformersKgw(key="15485863", vocab_size=V, gamma=0.01, seeding_scheme="selfhash", context_width=4)
    logits = np.random.default_rng(1).normal(size=V)
    marked = [scheme.embed(Step(logits, np.arange(k, k + 5), PROMPT), np.random.default_rng(0)) for k in range(40)]
    assert any(np.array_equal(one, logits) for one in marked)


def test_what_a_gpu_marked_says_what_is_missing() -> None:
    text = TokenisedText.of(np.arange(60) % 50)
    green = TransformersKgw(key="15485863", vocab_size=V, device="cuda")
    with pytest.raises(AuditError, match="only text generated with the watermark on the CPU"):
        green.observe(text)
    keys = [str(i) for i in range(1, 9)]
    with pytest.raises(AuditError, match="sampling_table"):
        SynthIdTransformers(keys=keys, device="cuda").observe(text)
    here = SynthIdTransformers(keys=keys)
    dumped = np.packbits(here.table.astype(np.uint8)).tobytes().hex()
    there = SynthIdTransformers(keys=keys, device="cuda", sampling_table=dumped)
    assert np.array_equal(there.observe(text).scores, here.observe(text).scores)
    with pytest.raises(ValueError, match="as many bits"):
        SynthIdTransformers(keys=keys, sampling_table="00")


def test_a_table_whose_bits_are_all_the_same_marks_nothing() -> None:
    keys, text = [str(i) for i in range(1, 9)], TokenisedText.of(np.arange(60))
    for given in ({"sampling_table": "ff" * 8192}, {"sampling_table_size": 2, "sampling_table_seed": 1}):
        scheme = SynthIdTransformers.model_validate({"keys": keys} | given)
        with pytest.raises(AuditError, match="bits of the key's table are 1, so that it marks nothing"):
            scheme.observe(text)
