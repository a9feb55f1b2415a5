"""The kind of text that comes nearest: with the largest p-value among its texts alone, over all parts."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.detectors.origin import generated
from llm_audit.detectors.populations.datasheet import Datasheet
from llm_audit.detectors.populations.population import STRETCHES, Population, Stretch, part_of
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.reports.wording.origin import nearest_kind
from llm_audit.results import Kind, Result
from llm_audit.results.evidence import Conformal
from llm_audit.stats.combination import simes
from llm_audit.verification.documents import derived
from llm_audit.verification.ledger import Ledger
from tests.detectors.populations.test_population import datasheet

RUNS = 400


def population(scores: dict[str, np.ndarray]) -> Population:
    """One statistic of texts of several kinds, the same at every length."""
    values = np.concatenate(list(scores.values())).astype(np.float32)
    sizes = [len(column) for column in scores.values()]
    sheet = Datasheet.model_validate(datasheet().model_dump() | {"groups": tuple(scores)})
    columns = {"AUD101": np.repeat(values[:, None], len(STRETCHES), axis=1)}
    return Population(sheet, columns, groups=np.repeat(np.arange(len(sizes), dtype=np.int16), sizes))


def judged(people: Population, *values: float) -> Result:
    parts = tuple(part_of(Stretch(0, 64), [value]) for value in values)
    evidence = Conformal(population="ours", digest=people.digest, rules=("AUD101",), weights=(1.0,), parts=parts)
    return generated.rule.derive(Measurement(evidence), Terms(0.01, population=lambda _: people))


def kind_of(people: Population, *values: float) -> Kind:
    found = judged(people, *values).population
    assert found is not None and found.nearest_kind is not None
    return found.nearest_kind


def test_the_kind_with_the_largest_p_value_is_named_and_small_kinds_are_not() -> None:
    people = population({"letters": np.arange(50.0), "essays": np.arange(200.0) / 4, "few": np.full(49, 99.0)})
    found = kind_of(people, 49.5)  # the largest share is of essays, the largest p-value is of letters
    assert (found.name, found.n, found.exceeding, found.p_value) == ("letters", 50, 0, 1 / 51)
    found = kind_of(people, 10.0)
    assert (found.name, found.exceeding) == ("letters", 40)


def test_parts_are_merged_kind_by_kind() -> None:
    people = population({"letters": np.arange(100.0), "essays": np.arange(100.0) - 50})
    found = kind_of(people, 90.0, 20.0, 98.0)
    assert (found.name, found.exceeding) == ("letters", 2)  # of the most machine-like part
    assert found.p_value == simes([11 / 101, 81 / 101, 3 / 101])
    assert "as its most machine-like part; over all parts p = 0.089 among these alone" in nearest_kind(found)


@pytest.mark.parametrize("parts", [1, 4, 16])
def test_a_text_of_any_one_kind_keeps_the_level(parts: int) -> None:
    rng, p_values = np.random.default_rng(parts), []
    for _ in range(RUNS):
        people = population({"plain": rng.normal(0, 1, 400), "odd": rng.normal(1, 1, 60)})
        p_values.append(kind_of(people, *rng.normal(1, 1, parts)).p_value)
    for level in (0.05, 0.02):
        assert np.mean(np.array(p_values) <= level) <= level + 3 * np.sqrt(level / RUNS)


def test_a_report_of_0_2_0_names_the_kind_of_the_largest_share_and_verifies() -> None:
    people = population({"letters": np.arange(50.0), "essays": np.arange(200.0) / 4})
    terms, now = Terms(0.01, population=lambda _: people), judged(people, 49.5)
    assert now.population is not None and now.population.nearest_kind is not None
    for exceeding, holds in ((2, True), (3, False)):
        kind = Kind(name="essays", n=200, exceeding=exceeding)
        stored = now.model_copy(update={"population": now.population.model_copy(update={"nearest_kind": kind})})
        ledger = Ledger()
        assert derived("result", stored, terms, ledger, ())
        assert (ledger.mismatches == []) is holds
    ledger = Ledger()
    derived("result", now, terms, ledger, ())
    assert ledger.mismatches == []


def test_reports_of_earlier_versions_state_no_p_value_of_a_kind() -> None:
    sentence = nearest_kind(Kind(name="letters", n=100, exceeding=3))
    assert sentence == "Among its kinds of text, letters comes nearest: 3 of 100 (3%) look at least as machine-like."
