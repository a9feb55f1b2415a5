"""Like is compared with like, the file survives, and the shipped population is what its datasheet says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors import find, populations
from llm_audit.detectors.origin.classifier import SHIPPED, load_head
from llm_audit.detectors.populations import Datasheet, Population
from llm_audit.detectors.populations.population import LENGTHS, STRETCHES, Stretch
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.request import Request
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokens import TokenScores
from llm_audit.testing import sample_scores

DETECTORS = [detector for detector in find(()) if not detector.hidden_layers]


def datasheet(**changes: object) -> Datasheet:
    fields: dict[str, object] = {
        "name": "ours",
        "description": "Made-up texts.",
        "sources": {"made up": 3},
        "collected": "now",
        "language": "en",
        "not_covered": (),
        "created": "2026-01-01",
        "target_n": 2,
        "scorer": "digest",
        "model": "tiny",
    }
    return Datasheet.model_validate(fields | changes)


def texts(*lengths: int, seed: int = 0) -> list[TokenScores]:
    rng = np.random.default_rng(seed)
    return [sample_scores(n, rng) for n in lengths]


@pytest.fixture(scope="module")
def small() -> Population:
    return populations.build(datasheet(), texts(64, 100, 300, 512, 63, 5, 700), DETECTORS)


def test_short_documents_are_left_out(small: Population) -> None:
    assert small.n == 5


def test_a_document_counts_at_every_length_that_it_reaches(small: Population) -> None:
    assert [small.size(Stretch(0, n)) for n in (64, 80, 96, 112, 288, 304, 512)] == [5, 4, 4, 3, 3, 2, 2]
    assert small.size(Stretch(64, 128)) == 3
    assert small.longest_window == 512  # target_n = 2


def test_scores_are_those_of_the_beginning_and_of_the_passage(small: Population) -> None:
    document = texts(64, 100, 300)[2]
    for detector in DETECTORS:
        row = small.scores[detector.code][2]
        assert row[STRETCHES.index(Stretch(0, 96))] == np.float32(detector.statistic(document[:96]))
        assert row[STRETCHES.index(Stretch(128, 192))] == np.float32(detector.statistic(document[128:192]))
        assert np.isnan(row[STRETCHES.index(Stretch(0, 304))])


def test_a_window_is_compared_at_its_own_length(small: Population) -> None:
    for n, expected in ((64, 64), (79, 64), (80, 80), (511, 496), (512, 512), (600, 512)):
        assert small.compare(sample_scores(n, np.random.default_rng(n)), DETECTORS[0]).stretch == (0, expected)


def test_a_window_longer_than_all_references_is_cut_to_them() -> None:
    population = populations.build(datasheet(target_n=1), texts(70, 75), DETECTORS)
    assert population.longest_window == 64
    assert population.compare_all(sample_scores(128, np.random.default_rng(0)), DETECTORS).stretch == (0, 64)


def test_a_document_of_the_population_gets_its_rank(small: Population) -> None:
    for detector in DETECTORS:
        documents = texts(64, 100, 300, 512, 63, 5, 700)
        p = [small.compare(document[:64], detector).p_value for document in documents if len(document) >= 64]
        assert sorted(p) == pytest.approx([2 / 6, 3 / 6, 4 / 6, 5 / 6, 6 / 6])


def test_the_file_round_trips(small: Population, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path))
    path = populations.save(small)
    again = populations.load("ours")
    assert "ours" in populations.names()
    assert again.digest == small.digest
    assert again.datasheet == small.datasheet
    for rule, table in small.scores.items():
        np.testing.assert_array_equal(again.scores[rule], table)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(AuditError, match="is damaged; calibrate it anew"):
        populations.load("ours")


@pytest.mark.parametrize("name", ["../evil", "", "Upper", "a/b", "x" * 65])
def test_names_that_are_paths_are_refused(name: str) -> None:
    with pytest.raises(AuditError, match="not a population name"):
        populations.check_name(name)
    with pytest.raises(AuditError, match="There is no population"):
        populations.load(name)


def test_the_shipped_name_cannot_be_taken(small: Population) -> None:
    taken = Population(datasheet(name=populations.DEFAULT_POPULATION), small.scores)
    with pytest.raises(AuditError, match="comes with llm-audit"):
        populations.save(taken)


def test_unknown_population_lists_the_known() -> None:
    with pytest.raises(AuditError, match=f"choose from .*{populations.DEFAULT_POPULATION}"):
        populations.load("nobody")


def test_a_population_without_long_texts_is_refused() -> None:
    with pytest.raises(AuditError, match="nothing to calibrate on"):
        populations.build(datasheet(), texts(10, 63), DETECTORS)


def test_a_population_without_this_detector_says_so(small: Population) -> None:
    poorer = Population(small.datasheet, {"AUD101": small.scores["AUD101"]})
    with pytest.raises(AuditError, match="no scores of AUD103"):
        poorer.compare(sample_scores(64, np.random.default_rng(0)), DETECTORS[2])


def test_p_values_of_fresh_documents_are_uniform() -> None:
    """The whole path from TokenScores to the combined p-value, not only its last step."""
    rng = np.random.default_rng(5)
    population = populations.build(datasheet(), [sample_scores(64, rng, vocabulary=20) for _ in range(999)], DETECTORS)
    p = np.array([population.compare_all(sample_scores(64, rng, vocabulary=20), DETECTORS).p_value for _ in range(1000)])
    for alpha in (0.05, 0.2, 0.5):
        # the population is one draw: its own Beta spread adds to the binomial one
        assert abs(np.mean(p <= alpha) - alpha) < 4 * np.sqrt(2 * alpha * (1 - alpha) / 1000)


def test_the_shipped_population_was_scored_by_the_embedded_model() -> None:
    """Whatever version of tokenizers or safetensors converted the model on this machine."""
    stored = Store().resolve(DEFAULT_MODEL, offline=True)
    population = populations.load(populations.DEFAULT_POPULATION)
    assert population.datasheet.scorer == Session(stored).conditions(Request())


def test_the_shipped_classifier_saw_no_text_of_the_population_and_no_pair() -> None:
    """Fingerprints of texts and of connected pairs, in both files."""
    seen, members = load_head(SHIPPED).seen, populations.load(populations.DEFAULT_POPULATION).members
    assert min(len(seen), len(members)) > 2000
    assert not np.intersect1d(seen, members).size


def test_the_shipped_population_is_as_its_datasheet_says() -> None:
    population = populations.load(populations.DEFAULT_POPULATION)
    assert population.n == sum(population.datasheet.sources.values())
    assert set(population.scores) == {detector.code for detector in find(())}
    assert all(population.size(Stretch(0, n)) >= 1000 for n in LENGTHS if n <= population.longest_window)
    assert population.longest_window >= 192


def test_a_comparison_counts_each_kind_of_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 essays and 90 letters, those that are at least as machine-like; counted one by one."""
    windows, kinds = texts(*[64] * 150, 10, seed=3), ["essays"] * 60 + ["letters"] * 90 + ["essays"]
    population = populations.build(datasheet(), windows, DETECTORS, kinds=kinds)
    assert population.datasheet.groups == ("essays", "letters") and len(population.groups) == 150
    detector, tested = DETECTORS[0], texts(64, seed=4)[0]
    extreme = [detector.statistic(window) >= np.float32(detector.statistic(tested)) for window in windows[:150]]
    found = population.compare(tested, detector)
    assert found.kinds == (("essays", 60, sum(extreme[:60])), ("letters", 90, sum(extreme[60:])))
    assert found.p_value == (1 + sum(extreme)) / 151
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path))
    populations.save(population)
    assert populations.load("ours").compare(tested, detector) == found


def test_a_kind_of_few_texts_is_not_counted(small: Population) -> None:
    window = texts(64)[0]
    assert small.compare(window, DETECTORS[0]).kinds == ()
    few = populations.build(datasheet(), texts(*[64] * 30), DETECTORS, kinds=["letters"] * 30)
    assert few.compare(window, DETECTORS[0]).kinds == ()


def test_a_statistic_that_is_no_number_is_no_small_p_value(small: Population) -> None:
    """Every comparison with NaN is false: counted, it would be the smallest p-value there is."""
    window, detector = texts(64)[0], DETECTORS[0]
    found = small.evidence([detector], [small.measure(window, [detector])])
    part = found.parts[0].model_copy(update={"statistics": (float("nan"),)})
    for weights in ((), found.weights):
        with pytest.raises(ValueError, match="finite"):
            small.judge(found.model_copy(update={"weights": weights}), part)


def test_kinds_that_the_datasheet_does_not_name_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path))
    sound = populations.build(datasheet(), texts(64, 64, 64), DETECTORS, kinds=["a", "b", "b"])
    for groups in ([0, 1, 2], [0, 1], [-1, 0, 1]):
        populations.save(Population(sound.datasheet, sound.scores, sound.members, np.array(groups, np.int16)))
        with pytest.raises(AuditError, match="calibrate it anew"):
            populations.load("ours")
