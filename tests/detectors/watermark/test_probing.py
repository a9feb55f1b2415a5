"""Endpoints asked without a key: each family is found on a real server that marks, and honest habits are not accused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import llm_audit
from fixtures.servers.completions import serve
from fixtures.servers.marking import Habit, Marking
from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.watermark import cache_augmented, choices, fixed_sampling, marked
from llm_audit.detectors.watermark.probing import CONTEXTS, LOST, SENTENCES, STORY, WORDS, Plan, chosen_word, probe
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import KeyedScheme
from llm_audit.endpoints.records import Ask, Cost, Failure, Position, Reply, Token
from llm_audit.results import Document, Fact, Verdict
from llm_audit.results.watermark_evidence import ProbedChoices, ProbedPhases, ProbedRepeats, ProbedTogether
from llm_audit.stats import row_exchange
from tests.detectors.laws import found_again

SLOW = pytest.mark.slow
R, C, W = len(SENTENCES), len(CONTEXTS), len(WORDS)


def asked(folder: Path, scheme: KeyedScheme | None, habit: Habit = "none", budget: int = 400) -> Document:
    server = Marking(folder, scheme, habit)  # type: ignore[arg-type]  # every scheme of ours embeds
    with serve(server.answer) as url:
        report = llm_audit.probe_watermark(llm_audit.EndpointSetup(url, "marking"), budget=budget)
    (document,) = report.documents
    assert server.requests == Plan.of(budget).requests <= budget
    assert found_again(document, Terms(0.01)) == document
    return document


def found(document: Document) -> set[str]:
    return {result.rule for result in document.results if result.verdict is Verdict.FINDING}


@SLOW
def test_green_lists_are_found(tiny_llama: Path) -> None:
    kgw = SCHEMES["transformers-kgw"].model_validate({"key": "15485863", "vocab_size": 400, "delta": 4.0, "gamma": 0.5})
    document = asked(tiny_llama, kgw, budget=1200)
    assert document.verdict is Verdict.FINDING and "AUD505" in found(document)


@pytest.mark.slow
def test_gumbel_is_found(tiny_llama: Path) -> None:
    document = asked(tiny_llama, SCHEMES["sglang-gumbel"].model_validate({"key": "74", "vocab_size": 400}))
    assert document.verdict is Verdict.FINDING and "AUD508" in found(document)


@SLOW
def test_a_short_list_of_keys_is_found(tiny_llama: Path) -> None:
    keys = SCHEMES["kuditipudi-exp"].model_validate({"key": "7", "vocab_size": 400, "length": 64})
    document = asked(tiny_llama, keys)
    assert document.verdict is Verdict.FINDING and "AUD506" in found(document)


@SLOW
def test_a_mark_that_remembers_contexts_is_found(tiny_llama: Path) -> None:
    gumbel = SCHEMES["sglang-gumbel"].model_validate({"key": "74", "vocab_size": 400})
    document = asked(tiny_llama, gumbel, "forgetful mark")
    assert "AUD507" in found(document)


@pytest.mark.parametrize("habit", ["none", pytest.param("cache", marks=SLOW), pytest.param("fixed seed", marks=SLOW)])
def test_an_unmarked_endpoint_is_not_accused_whatever_its_habits(tiny_llama: Path, habit: Habit) -> None:
    document = asked(tiny_llama, None, habit, budget=200)
    assert document.verdict is Verdict.PASS and found(document) == set()
    (repeats,) = [result for result in document.results if result.rule == fixed_sampling.rule.code]
    assert repeats.verdict is (Verdict.PASS if habit == "none" else Verdict.NOT_ASSESSABLE)


# What chance makes of it


def tables(kind: Habit, rng: np.random.Generator, samples: int = 5) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Choices of an unmarked endpoint whose odds differ by sentence and by cell, and which has a habit."""
    odds = 1.5 * rng.standard_normal((R, 1, W)) + rng.standard_normal((R, C, W))
    shares = np.exp(odds) / np.exp(odds).sum(axis=-1, keepdims=True)
    if kind == "none":
        counts = rng.multinomial(samples, shares)
    else:
        draws = rng.random((R, C)) if kind == "cache" else np.full((R, C), rng.random())
        word = (shares.cumsum(axis=-1) < draws[..., None]).sum(axis=-1).clip(max=W - 1)
        counts = samples * np.eye(W, dtype=np.int64)[word]
    return tuple(tuple(tuple(int(n) for n in words) for words in contexts) for contexts in counts)


def p_values(kind: Habit, statistic: str, runs: int) -> np.ndarray:
    rng, found = np.random.default_rng(11), []
    for number in range(runs):
        evidence = ProbedChoices.model_validate(
            {"statistic": statistic, "words": WORDS, "counts": tables(kind, rng), "unread": 0, "draws": 199}
            | {"seed": str(number)}
        )
        found.append(choices.ranked(evidence).p_value)
    return np.array(found)


@pytest.mark.parametrize("kind", ["none", "cache", "fixed seed"])
@pytest.mark.parametrize("statistic", ["log_odds", "agreement"])
def test_choices_of_an_unmarked_endpoint_reach_a_level_no_more_often_than_it_says(kind: Habit, statistic: str) -> None:
    p = p_values(kind, statistic, 200)
    for level in (0.05, 0.1):
        assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(p))


@SLOW
@pytest.mark.parametrize("kind", ["none", "cache", "fixed seed"])
@pytest.mark.parametrize("statistic", ["log_odds", "agreement"])
def test_the_same_over_1000_endpoints(kind: Habit, statistic: str) -> None:
    p = p_values(kind, statistic, 1000)
    for level in (0.01, 0.05):
        assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(p))


def test_repeats_of_independent_answers_reach_a_level_no_more_often_than_it_says() -> None:
    """Answers from so few texts that repeats are common: their log-probabilities say so."""
    rng, many = np.random.default_rng(4), []
    for _ in range(2000):
        shares = rng.dirichlet(np.full(60, 0.5))
        drawn = rng.choice(60, size=80, p=shares)
        evidence = fixed_sampling.measure([(str(one), float(np.log(shares[one]))) for one in drawn]).evidence
        many.append(np.exp(fixed_sampling.outcome(evidence).log_p))
    for level in (0.01, 0.05):
        assert np.mean(np.array(many) <= level) <= level


def test_phases_of_one_law_reach_a_level_no_more_often_than_it_says() -> None:
    rng, many = np.random.default_rng(4), []
    for _ in range(2000):
        first, second = rng.multinomial(40, [0.4, 0.3, 0.2, 0.1], size=2)
        evidence = ProbedPhases(words=WORDS, fresh=tuple(map(int, first)), again=tuple(map(int, second)), unread=0)
        many.append(np.exp(cache_augmented.outcome(evidence).log_p))
    for level in (0.01, 0.05):
        assert np.mean(np.array(many) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 2000)


def test_a_column_that_moves_all_rows_alike_is_found_and_an_odd_row_is_not() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((6, 10, 4))
    row, column = np.zeros((6, 1, 4)), np.zeros((1, 10, 4))
    row[2], column[0, 3] = 5, 3

    def draw(cells: np.ndarray) -> float:
        return row_exchange.within_rows(cells, row_exchange.common_shift, np.random.default_rng(1), 999).p_value

    assert draw(noise + column) == 1 / 1000 and draw(noise + row) > 0.05
    with pytest.raises(ValueError, match="rows, columns"):
        draw(np.zeros((2, 2)))


def test_impossible_evidence_is_refused() -> None:
    terms = Terms(0.01)
    for evidence in (
        ProbedRepeats(answers=9, distinct=3, repeats=3, expected=0.1),
        ProbedPhases(words=WORDS, fresh=(1, 2), again=(3, 4), unread=0),
        ProbedChoices(statistic="agreement", words=WORDS, counts=(((1, 2),),), unread=0, draws=9, seed="s"),
    ):
        with pytest.raises(ValueError):
            marked.derive(Measurement(ProbedTogether(tests=(evidence,))), terms)


# What got no answer, and answers that say nothing


@dataclass
class Told:
    """A source that answers as a function of the question and its number says: a text, or None."""

    answer: Callable[[Ask, int], str | None]
    asked: list[Ask] = field(default_factory=list)
    model: str = "m"
    facts: tuple[Fact, ...] = ()
    cost: Cost = field(default_factory=lambda: Cost(0, 0, 0, 0, 0))

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        return list(map(self._one, asks))

    def _one(self, ask: Ask) -> Reply | Failure:
        self.asked.append(ask)
        text = self.answer(ask, len(self.asked))
        if text is None:
            return Failure(ask, "connection", "The connection broke off.", None, 1)
        written = tuple(Position(Token(None, None, word), -1.0) for word in ("a", "b", "c"))
        return Reply(ask, text, written, (), "length", "m", "", (5, 3), (), 0.1, 1)

    def renamed(self, model: str) -> Told:
        return self


def of_source(answer: Callable[[Ask, int], str | None]) -> tuple[Document, Told]:
    source = Told(answer)
    document = probe(source, "http://e", Plan.of(400), "completions", 0.01, "ab")
    assert document.combined is None or found_again(document, Terms(0.01)) == document
    return document, source


def sound(ask: Ask, number: int) -> str:
    """Independent words, and stories of which no two are alike."""
    return f" story {number}" if ask.prompt == STORY else f" {np.random.default_rng(number).choice(WORDS)}"


def test_an_endpoint_of_which_a_tenth_is_missing_passes_and_of_which_more_is_not_assessed() -> None:
    whole, _ = of_source(sound)
    most, _ = of_source(lambda ask, number: None if number % 11 == 0 else sound(ask, number))
    assert whole.verdict is most.verdict is Verdict.PASS
    few, _ = of_source(lambda ask, number: None if number % 8 == 0 else sound(ask, number))
    assert few.verdict is Verdict.NOT_ASSESSABLE
    assert few.summary.startswith("Not assessable. 49 of 398 questions got no answer, and the others show no mark: p = ")
    assert any(note.startswith("49 of 398 questions got no answer; the first: The conn") for note in few.notes)


def test_a_finding_stands_whatever_is_missing() -> None:
    document, _ = of_source(lambda ask, number: None if number > 330 else f" {WORDS[0 if ' 0 0' in ask.prompt else 1]}")
    assert document.verdict is Verdict.FINDING


def test_an_endpoint_that_dies_is_not_asked_for_all_phases() -> None:
    document, source = of_source(lambda ask, number: sound(ask, number) if number <= 330 else None)
    assert document.verdict is Verdict.NOT_ASSESSABLE
    assert len(source.asked) == 330 + LOST and "68 of 398 questions got no answer" in " ".join(document.notes)


@pytest.mark.parametrize("text", ["", " \n", " always the same"])
def test_answers_of_no_text_or_of_one_are_not_called_unmarked(text: str) -> None:
    document, _ = of_source(lambda ask, number: text)
    assert document.verdict is Verdict.NOT_ASSESSABLE and "No sign of a watermark" not in document.summary


@dataclass
class Cold(Told):
    """A cache that stores no answer before four requests with the same question are under way."""

    stored: dict[str, str] = field(default_factory=dict)

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        known, outcomes = dict(self.stored), []
        for number, ask in enumerate(asks):
            text = known.get(ask.prompt) or self.answer(ask, len(self.asked))
            outcomes.append(Told(lambda ask, _, text=text: text)._one(ask))  # type: ignore[misc]  # a default of its own
            self.asked.append(ask)
            self.stored = {ask.prompt: str(text)} | self.stored
            known = self.stored if number >= 3 else known
        return outcomes


def test_a_cache_that_is_cold_at_first_is_not_accused() -> None:
    document = probe(Cold(sound), "http://e", Plan.of(400), "completions", 0.01, "ab")
    (repeats,) = [result for result in document.results if result.rule == fixed_sampling.rule.code]
    assert repeats.verdict is Verdict.NOT_ASSESSABLE and document.verdict is not Verdict.FINDING


def test_the_same_choice_always_is_not_called_unmarked() -> None:
    document, _ = of_source(lambda ask, number: " plum")
    assert document.verdict is Verdict.NOT_ASSESSABLE
    assert document.summary.startswith("Not assessable. No test could have found a mark in these answers: p = 1")


def test_a_report_of_an_early_version_keeps_its_verdict() -> None:
    test = ProbedRepeats(answers=40, distinct=1, repeats=39, expected=0.5)
    early = marked.derive(Measurement(ProbedTogether(tests=(test,))), Terms(0.01))
    now = marked.derive(Measurement(ProbedTogether(tests=(test,), asked=400, unanswered=0)), Terms(0.01))
    assert (early.verdict, now.verdict) == (Verdict.PASS, Verdict.NOT_ASSESSABLE)


def test_a_plan_stays_within_its_budget() -> None:
    for budget in (200, 999, 9000):
        assert Plan.of(budget).requests <= budget
    with pytest.raises(InvalidConfiguration, match="decides nothing"):
        Plan.of(199)
    assert chosen_word("a Plum, or an apple") == 2 and chosen_word("pineapples") is None
