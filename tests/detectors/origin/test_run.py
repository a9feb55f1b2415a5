"""What comparisons come to: verdict, floor, reason, coverage. On made-up scores, with the real population code."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from llm_audit.detectors import find, judging, populations
from llm_audit.detectors.origin import curvature, generated, plot_data
from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.populations.population import Comparison, Population, Stretch
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.results import Result, Verdict
from llm_audit.results.evidence import Conformal, Part
from llm_audit.scoring.tokens import TokenScores
from llm_audit.testing import sample_scores
from llm_audit.text import RawText, normalise
from tests.detectors.origin.reading import windows
from tests.detectors.populations.test_population import datasheet

DETECTORS = [detector for detector in find(()) if not detector.hidden_layers]


@pytest.fixture(scope="module")
def population() -> Population:
    rng = np.random.default_rng(0)
    return populations.build(datasheet(target_n=50), [sample_scores(128, rng, vocabulary=12) for _ in range(199)], DETECTORS)


def settings(population: Population, alpha: float) -> judging.Settings:
    return judging.Settings(alpha=alpha, detectors=DETECTORS, population=population)


class Ranks(Population):
    """A population among which the first statistic of a part is its p-value."""

    def judge(self, found: Conformal, part: Part) -> Comparison:
        return Comparison(part.statistics[0], self.n, Stretch(part.start, part.stop))


def result(population: Population, p_values: list[float], alpha: float = 0.05, code: str = "AUD100") -> Result:
    """The result of a rule for parts of 128 tokens that have these p-values."""
    ranks = Ranks(population.datasheet, population.scores)
    parts = tuple(Part(start=0, stop=128, statistics=(p,)) for p in p_values)
    found = Conformal(population="ours", digest=ranks.digest, rules=("AUD101",), weights=(1.0,), parts=parts)
    rule = {"AUD100": generated.rule, "AUD101": curvature.rule}[code]
    return rule.derive(Measurement(found), Terms(alpha, population=lambda _: ranks))


def test_the_verdict_is_p_against_alpha(population: Population) -> None:
    assert result(population, [0.05]).verdict is Verdict.FINDING
    assert result(population, [0.0501]).verdict is Verdict.PASS
    assert result(population, [0.025, 0.9]).verdict is Verdict.FINDING
    assert result(population, [0.03, 0.9]).verdict is Verdict.PASS


def test_what_cannot_be_decided_is_inconclusive(population: Population) -> None:
    undecided = result(population, [1 / 200], alpha=0.001)
    assert undecided.verdict is Verdict.INCONCLUSIVE
    assert undecided.p_floor == 1 / 200
    assert "with 199 human texts and 1 part no p-value below 0.005 is possible" in undecided.reason
    assert result(population, [1 / 200, 0.5], alpha=0.001).p_floor == 1 / 200  # what two parts can reach together


def test_the_sentence_has_the_raw_count_and_the_merged_p(population: Population) -> None:
    assert "of 199 human texts, cut to 128 tokens, 3 look" in result(population, [4 / 200]).reason
    assert "2 parts; over all parts p = 0.04" in result(population, [4 / 200, 0.9]).reason


def test_bounds_that_hold_for_one_part_only_are_not_claimed_for_several(population: Population) -> None:
    one, two = (result(population, [0.01] * m, code="AUD101") for m in (1, 2))
    assert one.p_upper is not None
    assert one.p_upper > 0.01
    assert one.false_positive_rate is not None
    assert two.p_upper is two.false_positive_rate is None
    assert result(population, [0.01]).p_upper is None  # the combined statistic is ranked anew


def document(scores: TokenScores, population: Population, alpha: float = 0.05) -> origin.Document:
    text = "".join(f"{number:03d} " for number in range(len(scores))) + "."  # four characters a token, as in sample_scores
    raw = RawText("a.txt", "0" * 64, "utf-8", text, len(text))
    chosen = settings(population, alpha)
    return origin.judge((raw, normalise(text), "en"), windows(scores, chosen), chosen)


def test_a_human_like_text_passes_and_a_likely_one_is_found(population: Population) -> None:
    from dataclasses import replace

    human = sample_scores(128, np.random.default_rng(9), vocabulary=12)
    machine = replace(human, logprob=human.max_logprob, rank=np.ones(128, np.int32))
    assert document(human, population).verdict is Verdict.PASS
    found = document(machine, population)
    assert found.verdict is Verdict.FINDING
    assert found.combined is not None
    assert found.combined.p_value == found.combined.p_floor == 1 / 200
    assert [span.p_value for span in found.combined.spans] == [1 / 200] * 2
    assert [result.rule for result in found.results] == [detector.code for detector in DETECTORS]


@pytest.mark.parametrize("texts", [100, pytest.param(300, marks=pytest.mark.slow)])
def test_passages_of_human_like_texts_rarely_stand_out(population: Population, texts: int) -> None:
    rng = np.random.default_rng(10)
    documents = [document(sample_scores(128, rng, vocabulary=12), population) for _ in range(texts)]
    flagged = sum(any(span.q_value <= 0.05 for span in d.combined.spans if span.q_value) for d in documents if d.combined)
    assert flagged <= 0.05 * texts + 4 * np.sqrt(texts * 0.05 * 2)  # the population is one draw: twice the variance


@pytest.mark.parametrize("tokens", [64, 65, 127, 128, 150, 160])
def test_every_token_stands_in_a_passage_that_is_judged(population: Population, tokens: int) -> None:
    found = document(sample_scores(tokens, np.random.default_rng(0), vocabulary=12), population).combined
    assert found is not None
    assert all(span.p_value is not None for span in found.spans)
    assert all(a.start <= b.start <= a.end <= b.end for a, b in zip(found.spans, found.spans[1:], strict=False))
    assert found.spans[0].start == 0 and found.spans[-1].end >= 4 * tokens - 1


def test_a_result_carries_its_population_and_a_document_its_tokens_for_the_pictures(
    population: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(7)
    text = " ".join("word" for _ in range(128))
    scores = sample_scores(128, rng, vocabulary=12)
    raw = RawText("a.txt", "0" * 64, "utf-8", text, len(text))
    chosen = judging.Settings(alpha=0.05, detectors=DETECTORS, population=population, keep_tokens=True)
    document = origin.judge((raw, normalise(text), "en"), windows(scores, chosen), chosen)
    for result, detector in zip(document.results, DETECTORS, strict=True):
        assert result.histogram and result.statistic
        assert sum(result.histogram.counts) == 199 and len(result.histogram.edges) == len(result.histogram.counts) + 1
        own = population.scores[detector.code][:, populations.population.STRETCHES.index(Stretch(0, 128))]
        assert result.histogram.edges[0] == pytest.approx(own.min(), rel=1e-5)
        assert result.histogram.edges[-1] == pytest.approx(own.max(), rel=1e-5)
    assert document.trace and len(document.trace.surprisal) == 128
    assert document.trace.surprisal == pytest.approx([-value for value in scores.logprob], abs=0.0051)
    assert document.trace.entropy == pytest.approx(list(scores.entropy), abs=0.0051)
    without = settings(population, 0.05)
    assert origin.judge((raw, normalise(text), "en"), windows(scores, without), without).trace is None
    monkeypatch.setattr(plot_data, "MOST_TOKENS", 127)
    assert origin.judge((raw, normalise(text), "en"), windows(scores, chosen), chosen).trace is None


def test_of_many_texts_only_findings_carry_the_pictures_of_the_population(population: Population) -> None:
    text = " ".join(f"w{number:03d}" for number in range(128))
    raw = RawText("a.txt", "0" * 64, "utf-8", text, len(text))
    scores = sample_scores(128, np.random.default_rng(7), vocabulary=12)
    drawn = {}
    for alpha in (0.999, 1e-9):
        chosen = judging.Settings(alpha=alpha, detectors=DETECTORS, population=population, many=True)
        judged = origin.judge((raw, normalise(text), "en"), windows(scores, chosen), chosen)
        drawn[judged.verdict] = {bool(result.histogram) for result in judged.results}
    assert drawn == {Verdict.FINDING: {True}, Verdict.INCONCLUSIVE: {False}}


def test_too_few_tokens_are_not_assessable(population: Population) -> None:
    short = document(sample_scores(63, np.random.default_rng(0), vocabulary=12), population)
    assert short.verdict is Verdict.NOT_ASSESSABLE
    assert short.tokens == 63
    assert "63 tokens" in short.summary


def judged_peak(population: Population, parts: int) -> int:
    """Bytes that judging a text of so many parts of 208 tokens allocates at most, beyond the text and its scores."""
    tokens = 208 * parts
    scores = sample_scores(tokens, np.random.default_rng(1), vocabulary=12)
    scores = replace(scores, window=np.arange(tokens, dtype=np.int32) // 208)
    text = " ".join(str(number % 1000) for number in range(tokens))[: 4 * tokens].ljust(4 * tokens, ".")
    raw = RawText("book", "0" * 64, "utf-8", text, len(text))
    prepared, chosen = (raw, normalise(text), "en"), settings(population, 0.05)
    tracemalloc.start()
    try:
        read = windows(scores, chosen)  # of each window, what is left when its scores are gone
        assert origin.judge(prepared, read, chosen).tokens == tokens
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_judging_a_long_text_takes_little_beside_its_scores() -> None:
    """Per token: what the report says of its passages, and no list of words, places or rows."""
    rng = np.random.default_rng(0)
    people = populations.build(datasheet(target_n=10), [sample_scores(208, rng, vocabulary=12) for _ in range(20)], DETECTORS)
    judged_peak(people, 2)  # what is made once
    few, many = judged_peak(people, 10), judged_peak(people, 60)
    per_token = (many - few) / (50 * 208)
    assert per_token < 185  # 148; with the rows of all passages and lists of places it was 228
