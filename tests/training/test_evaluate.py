"""The evaluation on made-up scores: which texts are compared, and that the numbers are those of the formulas."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from llm_audit.detectors import find
from llm_audit.detectors.populations.population import Population, build
from llm_audit.results.benchmark import Benchmark
from llm_audit.stats.classification import auroc
from llm_audit.testing import sample_scores
from llm_audit.text import fingerprints
from llm_audit.training import evaluate
from llm_audit.training.labelled import Labelled, LabelledTexts
from tests.detectors.populations.test_population import datasheet

DETECTORS = find(["lrr", "log-rank"])


@pytest.fixture(scope="module")
def population() -> Population:
    rng = np.random.default_rng(0)
    return build(datasheet(target_n=50), [sample_scores(128, rng, vocabulary=12) for _ in range(99)], DETECTORS)


def texts(n: int, label: str, **more: str) -> list[Labelled]:
    name = label + "".join(more.values())
    return [Labelled(f"{name} {i}", label, f"{name} {i}", group=f"{name} {i}", **more) for i in range(n)]


ROWS = [
    *texts(40, "human", domain="news", population="native"),
    *texts(30, "human", domain="essay", population="learner"),
    *texts(20, "machine", domain="news", generator="A"),
    *texts(3, "machine", domain="essay", generator="B"),
    *texts(6, "machine-revised", domain="news", generator="A"),
]


@pytest.fixture(scope="module")
def judged(population: Population) -> list[evaluate.Judged]:
    rng = np.random.default_rng(1)
    scores = [sample_scores(int(rng.integers(64, 140)), rng, vocabulary=12 if t.label == "human" else 3) for t in ROWS]
    return [
        evaluate.judge_one(t, s[: population.longest_window], population, DETECTORS) for t, s in zip(ROWS, scores, strict=True)
    ]


@pytest.fixture(scope="module")
def found(judged: list[evaluate.Judged], population: Population) -> Benchmark:
    return evaluate.evaluate(LabelledTexts(tuple(ROWS), {"a": "0"}, ("noted",)), judged, DETECTORS, population)


def test_all_is_everybody(found: Benchmark, judged: list[evaluate.Judged]) -> None:
    (row,) = [row for row in found.power if (row.by, row.detector) == ("all", "lrr")]
    assert (row.n_human, row.n_machine) == (70, 23)
    known = [one for one in judged if one.text.label != "machine-revised"]
    expected = auroc([one.statistic["lrr"] for one in known], [one.text.is_machine for one in known])
    assert row.auroc is not None
    assert row.auroc.value == pytest.approx(expected)
    assert row.auroc.lower < expected <= row.auroc.upper
    machine = [one.p_value["lrr"] for one in known if one.text.is_machine]
    assert row.flagged_at_alpha_1_percent == pytest.approx(np.mean(np.array(machine) <= 0.01))


def test_a_generator_is_compared_with_the_people_of_its_domains(found: Benchmark) -> None:
    rows = {row.group: row for row in found.power if row.by == "generator" and row.detector == "AUD100"}
    assert (rows["A"].n_human, rows["A"].n_machine) == (40, 20)
    assert (rows["B"].n_human, rows["B"].n_machine) == (30, 3)
    assert rows["B"].auroc is None  # three texts say nothing
    assert rows["B"].flagged_at_alpha_5_percent is not None


def test_revised_texts_have_their_own_row_and_no_other(found: Benchmark) -> None:
    (row,) = [row for row in found.power if row.by == "label" and row.detector == "AUD100"]
    assert (row.group, row.n_machine) == ("machine-revised", 6)


def test_false_alarms_are_counted_by_group_of_writers(found: Benchmark, judged: list[evaluate.Judged]) -> None:
    rows = {(row.by, row.group): row for row in found.false_alarms if row.detector == "log-rank"}
    assert rows["population", "native"].n == 40
    assert rows["population", "learner"].n == 30
    assert rows["all", "all"].n == 70
    learners = [one.p_value["log-rank"] for one in judged if one.text.population == "learner"]
    assert rows["population", "learner"].at_5_percent.value == pytest.approx(np.mean(np.array(learners) <= 0.05))
    lengths = [row.n for (by, _), row in rows.items() if by == "length"]
    assert sum(lengths) == 70
    assert not [by for by, _ in rows if by in ("generator", "label")]


def test_the_calibration_curve_is_the_share_below_each_alpha(found: Benchmark, judged: list[evaluate.Judged]) -> None:
    (curve,) = [curve for curve in found.curves if curve.detector == "AUD100"]
    p = np.array([one.p_value["AUD100"] for one in judged if one.text.label == "human"])
    assert curve.realised == pytest.approx([np.mean(p <= alpha) for alpha in curve.nominal])


def test_the_same_data_give_the_same_numbers(found: Benchmark, judged: list[evaluate.Judged], population: Population) -> None:
    again = evaluate.evaluate(LabelledTexts(tuple(ROWS), {"a": "0"}, ("noted",)), judged, DETECTORS, population)
    assert again == found


def test_columns_of_the_user_are_groups(population: Population) -> None:
    rng = np.random.default_rng(2)
    rows = [Labelled(str(i), "human", str(i), group=str(i), columns=(("grade", str(i % 2)),)) for i in range(10)]
    judged = [evaluate.judge_one(row, sample_scores(70, rng), population, DETECTORS) for row in rows]
    found = evaluate.evaluate(LabelledTexts(tuple(rows), {}, ()), judged, DETECTORS, population, columns=["grade"])
    assert {(row.group, row.n) for row in found.false_alarms if row.by == "grade"} == {("0", 5), ("1", 5)}
    assert found.power == ()


def test_length_bins() -> None:
    assert [evaluate.length_bin(n).split()[1] for n in (64, 95, 96, 207, 255, 256, 383, 9999)] == [
        "64",
        "64",
        "96",
        "192",
        "192",
        "256",
        "256",
        "384",
    ]


ENGLISH = (
    "The harbour was quiet that morning, and the fishermen who had gone out before dawn were late in coming back, number {}."
)


def test_what_trained_or_calibrated_is_not_judged_nor_its_pair(population: Population) -> None:
    """Text 0 trained the detector; text 1 is its rewrite; text 2 is in the population; text 4 is German; text 5 is new."""
    sentences = [f"{name}: " + ENGLISH.format(name) for name in ("one", "two", "three", "four")]
    german = (
        "Der Hafen lag an jenem Morgen still, und die Fischer, die vor Tagesanbruch hinausgefahren waren, kamen nicht zurück."
    )
    groups = ["a", "a", "b", "c", "d"]
    rows = tuple(
        Labelled(text, "human", str(i), group=group)
        for i, (text, group) in enumerate(zip([*sentences, german], groups, strict=True))
    )
    detector = dataclasses.replace(DETECTORS[0], seen=fingerprints([sentences[0]]))
    made_of = dataclasses.replace(population, members=fingerprints([sentences[2]]))
    found = evaluate.fit_to_judge(LabelledTexts(rows, {}, ()), [detector], made_of)
    assert [text.text for text in found.texts] == [sentences[3]]
    assert [note.split()[0] for note in found.notes] == ["2", "1", "1"]


def test_intervals_that_would_not_cover_are_not_given(found: Benchmark) -> None:
    (row,) = [row for row in found.power if (row.by, row.detector) == ("all", "lrr")]
    assert row.tpr_at_5_percent_fpr is not None  # 70 human texts
    assert row.tpr_at_1_percent_fpr is None
