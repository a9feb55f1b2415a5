"""Size of the exact tests by simulation: random keys, three fixed texts that repeat themselves.

A p-value of the whole text is at most alpha if and only if the sum of its scores reaches a critical value, which is found once
for each number of distinct inputs.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_audit.detectors.watermark.counts import RandomBits, distinct
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import KeyedScheme, Observations, TokenisedText, TokenScheme, first_rows
from llm_audit.detectors.watermark.schemes.kgw_lm_watermarking import LmWatermarking
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.sglang import SglangGumbel
from llm_audit.detectors.watermark.schemes.synthid import SynthIdReference, SynthIdTransformers
from llm_audit.stats.lattice_laws import Lattice
from llm_audit.stats.laws import Law
from tests.detectors.watermark.texts import NAMES, VOCABULARY, ids, windows_of

ALPHAS = (0.05, 0.01, 0.001)
LAYERS = [str(i) for i in range(30)]
V = VOCABULARY

VARIANTS: dict[str, KeyedScheme] = {
    name: SCHEMES[name].model_validate({"key": "1"})
    for name in ("vllm-gumbel", "vllm-dual-key-gumbel", "vllm-red-green", "sglang-gumbel", "textseal")
} | {
    "sglang two keys": SglangGumbel(key="1", key_b="2"),
    "synthid-transformers": SynthIdTransformers(keys=LAYERS),
    "synthid-reference": SynthIdReference(keys=LAYERS),
    "lefthash": TransformersKgw(key="1", vocab_size=V),
    "lefthash of width 3": TransformersKgw(key="1", vocab_size=V, context_width=3),
    "selfhash": TransformersKgw(key="1", vocab_size=V, seeding_scheme="selfhash", context_width=4),
    "unigram": SCHEMES["unigram"].model_validate({"key": "1", "vocab_size": V}),
    "lm simple": LmWatermarking.named("simple_1", key="1", vocab_size=V),
    "lm minhash": LmWatermarking.named("minhash", key="1", vocab_size=V),
    "lm selfhash": LmWatermarking.named("selfhash", key="1", vocab_size=V),
    "lm skipgram": LmWatermarking.named("skipgram", key="1", vocab_size=V),
    "markllm-exp": SCHEMES["markllm-exp"].model_validate({"key": "1", "vocab_size": V}),
    "markllm-kgw": SCHEMES["markllm-kgw"].model_validate({"key": "1", "vocab_size": V}),
    "markllm-dip": SCHEMES["markllm-dip"].model_validate({"key": "01", "vocab_size": V}),
}


BY_NGRAM = {"lefthash of width 3": 4, "selfhash": 4, "lm minhash": 5, "lm selfhash": 4}
"""Variants whose hash sees less than an n-gram of this width, by which their peers count."""


@cache
def critical(law: Law, n: int, alpha: float) -> float:
    """The least sum of n scores whose p-value is at most alpha."""
    step = law.step if isinstance(law, Lattice) else 1.0 if not _continuous(law) else 2.0**-20
    low, high = 0, 1 + math.ceil(n * (1 if step == 1.0 else 10) / step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if law.log_tail(middle * step, n) <= math.log(alpha) else (middle, high)
    return high * step - 1e-9


def _continuous(law: Law) -> bool:
    return "exponential" in law.kind


def rejections(scheme: KeyedScheme, texts: list[TokenisedText], keys: int, *, by_ngram: int = 0) -> np.ndarray:
    """How often each text is rejected at each level; by_ngram: distinct by n-gram of this width, as peers count."""
    counts = np.zeros((len(texts), len(ALPHAS)), dtype=np.int64)
    bits = RandomBits(np.random.default_rng(20261128))
    for _ in range(keys):
        keyed = scheme.rekeyed(bits)
        assert isinstance(keyed, TokenScheme)
        for row, text in enumerate(texts):
            found = keyed.observe(text)
            kept = found.taken(first_rows(windows_of(text.ids, found.positions, by_ngram))) if by_ngram else distinct(found)
            total = kept.scores.sum()
            counts[row] += [total >= critical(kept.law, len(kept), alpha) for alpha in ALPHAS]
    return counts


def assert_size(counts: np.ndarray, keys: int) -> None:
    for row in counts:
        for alpha, rejected in zip(ALPHAS, row, strict=True):
            assert binomtest(int(rejected), keys, alpha, alternative="greater").pvalue > 1e-4, (alpha, int(rejected), keys)


@pytest.mark.parametrize("variant", ["vllm-gumbel", "lefthash of width 3", "synthid-reference"])
def test_size_over_a_thousand_keys(variant: str) -> None:
    assert_size(rejections(VARIANTS[variant], [TokenisedText.of(ids("comments"))], 1000), 1000)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_size_over_ten_thousand_keys_on_three_texts(variant: str) -> None:
    counts = rejections(VARIANTS[variant], [TokenisedText.of(ids(name)) for name in NAMES], 10_000)
    print(variant, counts.tolist())
    assert_size(counts, 10_000)


def test_inputs_without_a_key_do_not_count() -> None:
    """After id 0 the seed is 0 under every key: flags that no key draws would move the sum of all keys alike."""
    text = np.where(np.arange(600) % 2, 0, np.random.default_rng(1).permutation(600) + 1)
    for variant in ("lefthash", "lm simple", "lm skipgram", "markllm-exp"):
        scheme = VARIANTS[variant]
        assert isinstance(scheme, TokenScheme)
        found = scheme.observe(TokenisedText.of(text))
        assert found.keyless is not None and found.keyless.sum() > 290
        assert len(distinct(found)) <= len(found) - found.keyless.sum()
        assert_size(rejections(scheme, [TokenisedText.of(text)], 100), 100)


def test_distinct_by_ngram_is_not_enough() -> None:
    """The lefthash of transformers sees one token whatever its width; its detector's (width + 1)-grams repeat that input."""
    scheme, text = VARIANTS["lefthash of width 3"], [TokenisedText.of(ids("licence"))]
    ours, peers = (rejections(scheme, text, 1000, by_ngram=width)[0] for width in (0, 4))
    assert ours[1] <= 20 and peers[1] > 20, (ours, peers)
    assert binomtest(int(peers[1]), 1000, 0.01, alternative="greater").pvalue < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "width"), BY_NGRAM.items())
def test_distinct_by_ngram_exceeds_its_level(variant: str, width: int) -> None:
    texts = [TokenisedText.of(ids(name)) for name in NAMES]
    peers = rejections(VARIANTS[variant], texts, 10_000, by_ngram=width)
    print(variant, "by n-gram", peers.tolist())
    assert binomtest(int(peers[:, 1].max()), 10_000, 0.01, alternative="greater").pvalue < 1e-4


def test_a_critical_value_is_where_the_p_value_crosses_its_level() -> None:
    for name in ("vllm-gumbel", "vllm-dual-key-gumbel", "lefthash", "unigram", "textseal"):
        variant = VARIANTS[name]
        assert isinstance(variant, TokenScheme)
        kept: Observations = distinct(variant.observe(TokenisedText.of(ids("poem"))))
        for alpha in (0.05, 0.001):
            value = critical(kept.law, len(kept), alpha)
            assert kept.law.log_tail(value + 2e-9, len(kept)) <= math.log(alpha) * (1 - 1e-6)
            below = value - (kept.law.step if isinstance(kept.law, Lattice) else 1e-4 if _continuous(kept.law) else 1)
            assert kept.law.log_tail(below, len(kept)) > math.log(alpha)
