"""The counting test: what counts once, what the numbers are, and that the exact tail is that of fresh keys."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.counts import (
    Counts,
    RandomBits,
    anytime,
    count,
    described,
    distinct,
    law_of,
    tokens_needed,
    whole_text,
)
from llm_audit.detectors.watermark.schemes.base import KeyedScheme, TokenisedText, TokenScheme, first_rows
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.synthid import SynthIdTransformers
from llm_audit.detectors.watermark.schemes.vllm import VllmGumbel
from llm_audit.stats import spans
from llm_audit.stats.lattice_laws import CoarseExponential, WeightedBits
from llm_audit.stats.laws import Bernoulli, Exponential, Urn, WeightedExponential
from llm_audit.stats.sequential import Sequential, besag_clifford
from tests.detectors.watermark.texts import NAMES, flat, generate, ids

V = 211


def test_each_effective_input_counts_once_and_repeats_do_not_matter() -> None:
    scheme = TransformersKgw(key="15485863", vocab_size=1000, context_width=3)
    text = ids("licence")
    once, thrice = (count(scheme.observe(TokenisedText.of(np.tile(text, k)))) for k in (1, 3))
    found = scheme.observe(TokenisedText.of(text))
    pairs = {(int(a), int(b)): s for (a, b), s in zip(found.inputs.tolist(), found.scores, strict=True)}
    assert once.distinct == len(pairs) and once.total == sum(pairs.values())
    assert once.scored == len(text) - 3 and once.tokens == len(text)
    assert 0 <= thrice.distinct - once.distinct <= 3  # only the seams are new
    assert distinct(found).repeated == len(found) - len(pairs)


def test_inputs_of_earlier_texts_do_not_count_again() -> None:
    scheme = VllmGumbel(key="3")
    text = TokenisedText.of(ids("poem"), from_start=True)
    seen: set[bytes] = set()
    first, again = count(scheme.observe(text), seen), count(scheme.observe(text), seen)
    assert first.distinct > 100 and again.distinct == 0 and whole_text(again).p_value == 1
    other = count(scheme.observe(TokenisedText.of(ids("comments"), from_start=True)), seen)
    alone = count(scheme.observe(TokenisedText.of(ids("comments"), from_start=True)))
    assert other.distinct == alone.distinct - 1  # the empty context of the first token


def test_counts_alone_give_every_number_again() -> None:
    counts = Counts(100, 96, 90, 45.0, Bernoulli(0.25))
    found = whole_text(counts)
    assert found == whole_text(Counts(100, 96, 90, 45.0, Bernoulli(0.25)))
    assert found.log_p == pytest.approx(math.log(sum(math.comb(90, k) * 0.25**k * 0.75 ** (90 - k) for k in range(45, 91))))
    assert found.log_p_floor == pytest.approx(90 * math.log(0.25))
    assert found.mean == 0.5 and found.null_mean == 0.25
    assert math.log(0.001) > -found.log_e > found.log_p  # an e-value is weaker than the p-value


def test_a_law_is_read_as_it_was_described() -> None:
    for law in (
        Bernoulli(0.25),
        Exponential(),
        WeightedExponential(0.1),
        WeightedBits(30, 0.5),
        CoarseExponential(8191),
        Urn(9, 4),
    ):
        assert law_of(json.loads(json.dumps(described(law)))) == law
    for wrong in ({"kind": "normal"}, {}, {"kind": "bernoulli"}, {"kind": "exponential", "share": 0.5}):
        with pytest.raises(AuditError, match="no null law"):
            law_of(wrong)


def test_the_e_value_of_counts_is_the_end_of_the_e_process() -> None:
    found = TransformersKgw(key="15485863", vocab_size=1000).observe(TokenisedText.of(ids("licence")))
    process = anytime(found)
    assert process.log_e == pytest.approx(whole_text(count(found)).log_e)
    assert len(process.path) == count(found).distinct and process.log_peak >= process.log_e


@pytest.mark.parametrize("name", NAMES)
def test_the_exact_tail_is_that_of_fresh_keys(name: str) -> None:
    """Without repeats both nulls are the same, so the two p-values agree to Monte-Carlo error."""
    rng = np.random.default_rng(8)
    scheme, text = VllmGumbel(key="1"), ids(name)
    kept = distinct(scheme.observe(TokenisedText.of(text)))
    fewer = TokenisedText.of(text[: int(kept.positions[60])])
    deduplicated = TokenisedText.of(fewer.ids[: _first_repeat(scheme, fewer.ids)])
    drawn = key_permutation(scheme, deduplicated, rng, draws=1500, stop=1501)
    exact = whole_text(count(scheme.observe(deduplicated))).p_value
    assert drawn.p_value == pytest.approx(exact, abs=5 * math.sqrt(0.25 / 1500))


def key_permutation(
    scheme: TokenScheme, text: TokenisedText, generator: np.random.Generator, draws: int = 999, stop: int = 10
) -> Sequential:
    """The p-value of the sum of all scores among those of fresh keys: exact whatever repeats, and slow; the oracle."""
    assert isinstance(scheme, KeyedScheme)

    def total(other: KeyedScheme) -> float:
        found = other.observe(text) if isinstance(other, TokenScheme) else None
        return 0.0 if found is None else float(found.scores.sum())

    keyed: KeyedScheme = scheme
    return besag_clifford(total(keyed), lambda: total(keyed.rekeyed(RandomBits(generator))), draws, stop)


def _first_repeat(scheme: VllmGumbel, text: np.ndarray) -> int:
    found = scheme.observe(TokenisedText.of(text))
    kept = first_rows(found.inputs)
    gaps = np.flatnonzero(kept != np.arange(len(kept)))
    return int(found.positions[int(gaps[0])]) if len(gaps) else len(text)


def test_synthid_s_law_is_that_of_its_table_under_random_layer_keys() -> None:
    """For fixed text the exact law of a layer is the table read at the text's places, all shifted by one random number."""
    scheme = SynthIdTransformers(keys=["1", "2"], ngram_len=3)
    found = distinct(scheme.observe(TokenisedText.of(ids("comments"))))
    states, n = found.inputs[:, 0], len(found)
    table = scheme.table  # read at (state * multiplier + shift) modulo its size
    sums = np.array([table[(states * 0x7F2D + shift) % 2**16].sum() for shift in range(0, 2**16, 8)])
    assert sums.mean() / n == pytest.approx(scheme.share, abs=1e-3)
    assert sums.var() / n == pytest.approx(0.25, rel=0.05)


def test_a_marked_part_is_located_in_the_tokens_of_the_text() -> None:
    rng, scheme = np.random.default_rng(11), VllmGumbel(key="5")
    human = rng.integers(0, V, 700)
    marked = generate(scheme, flat(V, 1.0), 100, rng)
    text = np.concatenate([human[:300], marked, human[300:]])
    kept = distinct(scheme.observe(TokenisedText.of(text)))
    found = spans.scan(kept.scores, kept.law, rng, draws=199)
    assert found.p_simulated == 1 / 200 and found.log_p_cover < math.log(1e-6)
    loud = spans.disjoint(found, 0.001)
    parts = [(kept.positions[start], kept.positions[stop - 1] + 1) for start, stop in found.windows[loud]]
    assert parts and all(start < 400 and stop > 300 for start, stop in parts) and (found.log_p[loud] < math.log(0.001)).all()


def test_how_many_tokens_a_decision_needs() -> None:
    assert tokens_needed(Bernoulli(0.25), 1e-5) == math.ceil(math.log(1e-5) / math.log(0.25))
    assert tokens_needed(Exponential(), 0.01) == 1


def test_random_bits_are_bits() -> None:
    bits = RandomBits(np.random.default_rng(0))
    drawn = [bits(3) for _ in range(200)]
    assert set(drawn) == set(range(8)) and bits(64) < 2**64
