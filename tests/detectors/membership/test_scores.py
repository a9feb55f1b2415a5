"""The membership scores: by hand, at their edges, and through the engine."""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership.base import SHIPPED, MembershipScore, Passes, default_frequencies, find_scores
from llm_audit.detectors.membership.dc_pdd import CAP, dc_pdd, saturated
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.detectors.membership.likelihood import (
    LEAST_LOSS,
    after_prefix,
    against_lowercase,
    against_reference,
    mean_logprob,
    mean_of_surprising,
    per_compressed_byte,
)
from llm_audit.detectors.membership.min_k import SMALLEST_DEVIATION, min_k_plus_plus_score, min_k_probability
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.request import Prompted, Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.scoring.tokens import TokenScores
from llm_audit.scoring.vocabulary import tokenizer_digest, vocabulary_size
from llm_audit.testing import certain_scores, sample_scores
from tests.processors import sums_hang_on_no_place

RULES = {
    "dc-pdd": "AUD301", "min-k": "AUD302", "min-k-plus-plus": "AUD302", "loss": "AUD303", "lowercase": "AUD303",
    "recall": "AUD303", "reference-ratio": "AUD303", "surp": "AUD303", "zlib": "AUD303",
}  # fmt: skip
SCORES = [pytest.param(score, id=score.name) for score in find_scores(tuple(RULES))]


def rows(logprob: Sequence[float], **columns: Sequence[float]) -> TokenScores:
    """Scores with these columns; the others are of a model that was certain."""
    given = {"logprob": logprob} | columns
    arrays = {name: np.array(values, np.int32 if name == "token_id" else np.float32) for name, values in given.items()}
    return dataclasses.replace(certain_scores(len(logprob)), **arrays)


def table(*counts: int) -> Frequencies:
    return Frequencies(np.array(counts, np.int64), "digest", "by hand", "", 1)


def passes(scores: TokenScores, text: str = "Some text.") -> Passes:
    """All passes, each like the first."""
    counts = np.arange(1 + int(scores.token_id.max()), dtype=np.int64)
    return Passes(text, scores, scores, scores, scores, table(*counts))


def test_ours_are_announced_under_their_codes() -> None:
    assert {score.name: score.code for score in find_scores()} == RULES
    for score in find_scores():
        assert score.title
        assert score.unit
        assert score.method


# DC-PDD. Counts 0, 1, 6 of 7 tokens: f = 1/10, 2/10, 7/10.

BY_HAND = table(0, 1, 6)
F = (0.1, 0.2, 0.7)


def test_dc_pdd_is_the_mean_of_p_times_minus_log_f() -> None:
    scores = rows(np.log([0.5, 0.25, 0.125]), token_id=[0, 1, 2])
    expected = -(0.5 * math.log(0.1) + 0.25 * math.log(0.2) + 0.125 * math.log(0.7)) / 3
    assert dc_pdd(scores, BY_HAND, math.inf) == pytest.approx(expected, rel=1e-6)


def test_dc_pdd_takes_the_first_occurrence_of_each_token() -> None:
    scores = rows(np.log([0.5, 0.9, 0.25, 0.8, 0.9]), token_id=[2, 2, 0, 0, 2])
    expected = -(0.5 * math.log(0.7) + 0.25 * math.log(0.1)) / 2
    assert dc_pdd(scores, BY_HAND, math.inf) == pytest.approx(expected, rel=1e-6)


def test_dc_pdd_caps_each_divergence_and_says_how_many() -> None:
    scores = rows(np.log([0.5, 0.001, 0.02, 0.5]), token_id=[0, 1, 2, 1])  # 1.15, .0016, .0071; the last has occurred
    assert dc_pdd(scores, BY_HAND) == pytest.approx((0.01 + 0.001 * -math.log(0.2) + 0.02 * -math.log(0.7)) / 3, rel=1e-6)
    assert saturated(scores, BY_HAND) == pytest.approx(1 / 3)
    assert saturated(rows([-20.0], token_id=[2]), BY_HAND) == 0
    assert saturated(rows([0.0, 0.0], token_id=[0, 1]), BY_HAND) == 1


def test_an_unseen_token_has_the_frequency_of_one_smoothed_count() -> None:
    assert BY_HAND.log_frequency == pytest.approx(np.log(F), rel=1e-12)
    assert dc_pdd(rows([0.0], token_id=[0]), BY_HAND, math.inf) == pytest.approx(math.log(10), rel=1e-12)


def test_raw_counts_in_the_place_of_frequencies_would_turn_the_order_round() -> None:
    common, rare = 100_000, 10
    counted = table(common, rare)
    knows_the_rare = rows(np.log([0.1, 0.9]), token_id=[0, 1])
    knows_the_common = rows(np.log([0.9, 0.1]), token_id=[0, 1])
    first, second = (dc_pdd(scores, counted, 10.0) for scores in (knows_the_rare, knows_the_common))
    assert first == pytest.approx(0.45 * math.log(100_012 / 11), rel=1e-4)
    assert second == pytest.approx(0.05 * math.log(100_012 / 11), rel=1e-3)
    raw = [float((np.exp(scores.logprob) * np.log([common, rare])).mean()) for scores in (knows_the_rare, knows_the_common)]
    assert raw[0] < raw[1] / 2


def test_the_variants_are_the_other_caps_and_the_score_is_at_the_one_fixed_beforehand() -> None:
    (score,) = find_scores(["dc-pdd"])
    scores = rows(np.log([0.9, 0.5, 0.01]), token_id=[0, 1, 2])
    read = Passes("", scores, frequencies=BY_HAND)
    assert CAP == 0.01
    assert score.statistic(read) == dc_pdd(scores, BY_HAND, 0.01)
    assert {name: variant(read) for name, variant in score.variants} == {
        "a=0.001": dc_pdd(scores, BY_HAND, 0.001),
        "a=0.1": dc_pdd(scores, BY_HAND, 0.1),
        "a=1": dc_pdd(scores, BY_HAND, 1.0),
        "a=10": dc_pdd(scores, BY_HAND, 10.0),
        "no cap": dc_pdd(scores, BY_HAND, math.inf),
    }
    assert score.saturation is not None
    assert score.saturation(read) == saturated(scores, BY_HAND)


# Min-K% and Min-K%++


def test_min_k_is_the_mean_of_the_lowest_fifth() -> None:
    scores = rows([-1, -7, -2, -3, -1, -5, -2, -1, -1, -2, -1])  # 11 tokens: two of them
    assert min_k_probability(scores) == -6


@pytest.mark.parametrize("n", [1, 4, 5, 9])
def test_of_a_short_text_min_k_takes_one_token(n: int) -> None:
    scores = rows([-3.0, *[-1.0] * (n - 1)], entropy=[2.0] * n, varentropy=[4.0] * n)
    assert min_k_probability(scores) == -3
    assert min_k_plus_plus_score(scores) == -0.5


def test_min_k_plus_plus_standardises_by_entropy_and_varentropy() -> None:
    scores = rows([-1, -4, -2, -9, -1], entropy=[1, 2, 2, 8, 1], varentropy=[1, 4, 1, 9, 1])  # z = 0, -1, 0, -1/3, 0
    assert min_k_plus_plus_score(scores) == -1


def test_min_k_plus_plus_stays_finite_where_the_model_is_certain() -> None:
    assert min_k_plus_plus_score(certain_scores(3)) == 0
    surprised = rows([-2.0], entropy=[0.0], varentropy=[0.0])
    assert min_k_plus_plus_score(surprised) == pytest.approx(-2 / SMALLEST_DEVIATION)
    assert min_k_plus_plus_score(rows([-1.0], entropy=[2.0], varentropy=[-1e-9])) == pytest.approx(1 / SMALLEST_DEVIATION)


# The likelihood and its calibrations


def test_loss_is_the_mean_log_probability() -> None:
    assert mean_logprob(rows([-1, -2, -6])) == -3


def test_zlib_divides_by_the_compressed_bytes_of_the_utf_8_text() -> None:
    text = "Café 木工 " * 20
    assert per_compressed_byte(rows([-1, -3]), text) == -2 / len(zlib.compress(text.encode("utf-8")))


def test_surp_averages_the_unlikely_tokens_at_which_the_model_was_sure() -> None:
    scores = rows([-1, -4, -6, -0.5, -3], entropy=[0.1, 1.9, 5.0, 0.1, 0.1])  # the lowest two: -4, -6
    assert mean_of_surprising(scores) == -4
    assert mean_of_surprising(rows([-1, -4, -6, -4, -3], entropy=[0, 1, 0, 0, 0])) == pytest.approx(-14 / 3)  # a tie
    assert mean_of_surprising(rows([-4.0, -1.0], entropy=[2.0, 0.0])) == 0.0  # nothing below 2 nats: no surprise


def test_lowercase_and_recall_are_ratios_of_mean_losses() -> None:
    assert against_lowercase(rows([-1, -3]), rows([-2, -4, -6])) == 2
    assert after_prefix(rows([-1, -3]), rows([-1, -2])) == 0.75


def test_recall_compares_the_same_tokens_where_the_prefix_left_no_room_for_all() -> None:
    assert after_prefix(rows([-1, -3, -100]), rows([-1, -2])) == 0.75


def test_recall_compares_the_same_tokens_where_the_text_alone_has_no_score_for_its_first() -> None:
    alone = dataclasses.replace(rows([-1, -3]), context=np.array([1, 2], np.int32))
    assert after_prefix(alone, rows([-100, -1, -2])) == 0.75


def test_the_reference_ratio_is_of_totals_so_that_tokenizers_may_differ() -> None:
    halves = dataclasses.replace(rows([-1, -1, -1, -1]), char_end=np.array([1, 1, 2, 2], np.int32))
    assert against_reference(rows([-1, -3]), halves) == -1


def test_the_reference_ratio_is_over_the_characters_that_both_have_scored() -> None:
    assert against_reference(rows([-1, -3, -50]), rows([-2, -6])) == -0.5
    assert against_reference(rows([-1, -3]), rows([-2, -6, -50])) == -0.5


def test_a_perfectly_predicted_text_divides_by_no_zero() -> None:
    certain, usual = certain_scores(4), rows([-2.0] * 4)
    assert against_lowercase(certain, certain) == after_prefix(certain, certain) == 1
    assert against_lowercase(certain, usual) == after_prefix(certain, usual) == pytest.approx(2 / LEAST_LOSS)
    assert against_reference(certain, certain) == -1
    assert -1e-6 < against_reference(certain, usual) < 0
    assert against_reference(usual, certain) == pytest.approx(-8 / LEAST_LOSS)


# All of them


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("n", [1, 2, 64])
def test_every_score_is_a_finite_number(score: MembershipScore, n: int) -> None:
    for scores in (sample_scores(n, np.random.default_rng(n)), certain_scores(n)):
        read = passes(scores)
        functions = [score.statistic, *(variant for _, variant in score.variants)]
        assert all(math.isfinite(function(read)) for function in functions)
        assert isinstance(score.statistic(read), float)
        if score.saturation:
            assert 0 <= score.saturation(read) <= 1


@pytest.mark.parametrize("score", SCORES)
def test_every_score_is_higher_where_the_model_knows_the_text(score: MembershipScore) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        known = sample_scores(100, rng)
        unknown = dataclasses.replace(known, logprob=known.logprob - np.float32(6))
        assert score.statistic(passes(known)) > score.statistic(passes(known)._replace(scores=unknown))


@pytest.mark.parametrize("score", [score for score in SCORES if score.values[0].needs])
def test_a_score_without_its_pass_is_a_mistake_of_ours(score: MembershipScore) -> None:
    with pytest.raises(ValueError, match="this score needs"):
        score.statistic(Passes("", certain_scores(3)))


def test_an_unknown_score_is_one_sentence() -> None:
    with pytest.raises(AuditError, match="There is no membership score 'min_k'; choose from dc-pdd, loss,"):
        find_scores(["min_k"])


def test_the_table_that_ships_is_of_the_embedded_model_alone(tiny_llama: Path) -> None:
    embedded = load_tokenizer(Store().resolve(DEFAULT_MODEL, offline=True).folder)
    shipped = default_frequencies(tokenizer_digest(embedded))
    assert shipped is not None
    assert len(shipped.counts) == vocabulary_size(embedded)
    assert shipped.total > 1_000_000
    the, probability = (embedded.encode(word, add_special_tokens=False).ids for word in (" the", " probability"))
    assert shipped.log_frequency[the[0]] > shipped.log_frequency[probability[0]] + 4
    assert default_frequencies(tokenizer_digest(load_tokenizer(tiny_llama))) is None
    assert SHIPPED.stat().st_size < 200_000


# Through the engine

REQUEST = Request(Windowing(256, first_only=True))


def through(model: Path, texts: Sequence[str | Prompted]) -> list[TokenScores]:
    return list(Session(Store().resolve(str(model), offline=True)).score(texts, REQUEST))


def all_passes(model: Path, rival: Path, texts: Sequence[str]) -> list[Passes]:
    prompted = [Prompted(text, "<s>" + SENTENCES[3]) for text in texts]
    size = vocabulary_size(load_tokenizer(model))
    counts = table(*np.random.default_rng(0).integers(0, 1000, size))
    columns = (
        through(model, texts), through(model, [text.lower() for text in texts]), through(rival, texts), through(model, prompted)
    )  # fmt: skip
    return [Passes(text, *each, counts) for text, *each in zip(texts, *columns, strict=True)]


def test_no_score_depends_on_what_is_scored_beside_the_text(tiny_llama: Path, tiny_rival: Path) -> None:
    rel = 0 if sums_hang_on_no_place() else 1e-5
    text, mates = SENTENCES[2], [SENTENCES[0] * 4, SENTENCES[1] * 3, "x"]
    (alone,) = all_passes(tiny_llama, tiny_rival, [text])
    beside = all_passes(tiny_llama, tiny_rival, [mates[0], text, *mates[1:]])[1]
    for score in find_scores(tuple(RULES)):
        assert score.statistic(alone) == pytest.approx(score.statistic(beside), rel=rel, abs=0), score.name


def test_the_first_text_token_is_scored_after_the_start_token_and_enters_dc_pdd(tiny_llama: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    tokenizer = load_tokenizer(tiny_llama)
    first, *_ = tokenizer.encode(SENTENCES[0], add_special_tokens=False).ids
    (one_token,) = through(tiny_llama, [tokenizer.decode([first])])
    assert one_token.token_id.tolist() == [first]

    with torch.inference_mode():
        logits = LlamaForCausalLM.from_pretrained(tiny_llama)(torch.tensor([[0]])).logits[0, 0]  # <s> is token 0
    p = torch.softmax(logits.double(), 0)[first].item()
    counts = np.full(vocabulary_size(tokenizer), 99)
    counts[first] = 0
    expected = p * math.log(counts.sum() + len(counts))
    assert dc_pdd(one_token, table(*counts), math.inf) == pytest.approx(expected, rel=1e-4)


def test_min_k_plus_plus_agrees_with_the_full_distribution(tiny_llama: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    text = SENTENCES[0] + " " + SENTENCES[3]
    ids = load_tokenizer(tiny_llama).encode(text, add_special_tokens=False).ids
    with torch.inference_mode():
        logits = LlamaForCausalLM.from_pretrained(tiny_llama)(torch.tensor([[0, *ids]])).logits[0, :-1].double()
    z = []
    for row, token in zip(torch.log_softmax(logits, dim=1), ids, strict=True):
        p = row.exp()
        mu = (p * row).sum()
        sigma = ((p * row**2).sum() - mu**2).sqrt()
        z.append(((row[token] - mu) / sigma).item())
    expected = np.sort(z)[: int(len(z) * 0.2)].mean()
    (scores,) = through(tiny_llama, [text])
    assert len(scores) == len(ids) > 20
    assert min_k_plus_plus_score(scores) == pytest.approx(expected, rel=1e-3)
