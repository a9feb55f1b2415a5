"""What is kept of the scores of a window: all that is judged of it, and nothing as large as they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from llm_audit.detectors import find, populations
from llm_audit.detectors.origin.window import read
from llm_audit.detectors.populations.population import PASSAGE, Population, Stretch, part_of
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.testing import sample_scores
from tests.detectors.populations.test_population import datasheet

DETECTORS = find(())
WITHOUT_STATES = [detector for detector in DETECTORS if not detector.hidden_layers]
(CLASSIFIER,) = (detector for detector in DETECTORS if detector.hidden_layers)
STATES = len(CLASSIFIER.hidden_layers), CLASSIFIER.hidden_size


@pytest.fixture(scope="module")
def population() -> Population:
    rng = np.random.default_rng(0)
    return populations.build(
        datasheet(target_n=10), [sample_scores(208, rng, vocabulary=12) for _ in range(20)], WITHOUT_STATES
    )


@pytest.mark.parametrize("detectors", [WITHOUT_STATES, DETECTORS])
@pytest.mark.parametrize("tokens", [64, 150, 208])
def test_a_window_is_read_as_a_population_measures_it(
    population: Population, tokens: int, detectors: list[StatisticRule]
) -> None:
    scores = sample_scores(tokens, np.random.default_rng(1), vocabulary=12, states=STATES)
    found = read(scores, population, detectors)
    assert len(found) == tokens
    assert found.beginning == population.beginning(tokens)
    assert part_of(found.beginning, found.statistics) == population.measure(scores, detectors)
    assert [start for start, _ in found.passages][:1] == [0]
    for start, statistics in found.passages:
        passage = population.measure(scores[start : start + PASSAGE], detectors, Stretch(0, PASSAGE))
        assert part_of(Stretch(0, PASSAGE), statistics) == passage
    part = scores[: found.beginning.stop]
    assert found.shares == tuple(tuple(each.explain(part)) if each.explain else () for each in detectors)


def test_a_window_too_short_to_judge_keeps_its_tokens_alone(population: Population) -> None:
    scores = sample_scores(63, np.random.default_rng(1), vocabulary=12, states=STATES)
    found = read(scores, population, DETECTORS)
    assert found.beginning is None and not found.passages and not found.statistics
    assert found.places.tolist() == np.column_stack([scores.char_start, scores.char_end]).tolist()
    np.testing.assert_array_equal(found.logprob, scores.logprob)
    np.testing.assert_array_equal(found.entropy, scores.entropy)


def test_nothing_of_a_window_keeps_its_scores_alive(population: Population) -> None:
    scores = sample_scores(208, np.random.default_rng(1), vocabulary=12, states=STATES)
    found = read(scores, population, DETECTORS)
    arrays = [value for value in vars(found).values() if isinstance(value, np.ndarray)]
    columns = [column for field in dataclasses.fields(scores) if (column := getattr(scores, field.name)) is not None]
    assert len(arrays) == 3
    assert not any(np.shares_memory(array, column) for array in arrays for column in columns)
