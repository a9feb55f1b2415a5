from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score, roc_curve

from llm_audit.stats import classification

LABELLED = st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 1)), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(label for _, label in rows) < len(rows)
)


@given(LABELLED)
def test_areas_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    scores, labels = np.array(rows).T
    assert classification.auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    for limit in (0.05, 0.3, 0.999):
        expected = roc_auc_score(labels, scores, max_fpr=limit)
        assert classification.one_way_partial_auc(scores, labels, limit) == pytest.approx(expected)


@given(LABELLED)
def test_tpr_at_fpr_never_exceeds_the_rate(rows: list[tuple[int, int]]) -> None:
    scores, labels = np.array(rows).T
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    for limit in (0.0, 0.01, 0.25):
        threshold = classification.threshold_at_fpr(scores, labels, limit)
        assert np.mean(scores[labels == 0] >= threshold) <= limit
        assert classification.tpr_at_fpr(scores, labels, limit) == pytest.approx(tpr[fpr <= limit].max())
        assert np.mean(scores[labels == 1] >= threshold) == classification.tpr_at_fpr(scores, labels, limit)


def test_two_way_partial_auc_is_the_auc_of_hard_positives_and_hard_negatives() -> None:
    rng = np.random.default_rng(0)
    negatives, positives = rng.normal(size=200), rng.normal(1.5, size=100)
    scores, labels = np.append(negatives, positives), np.repeat([0, 1], [200, 100])
    hard = np.sort(negatives)[-20:], np.sort(positives)[:30]
    expected = np.mean(hard[1][:, None] > hard[0][None, :])
    assert classification.two_way_partial_auc(scores, labels, 0.1, 0.7) == pytest.approx(expected)


@given(LABELLED, st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from([0.0, 0.4]))
def test_two_way_partial_auc_is_a_fine_riemann_sum(rows: list[tuple[int, int]], limit: float, floor: float) -> None:
    scores, labels = np.array(rows).T
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    grid = (np.arange(20_000) + 0.5) * limit / 20_000
    slow = np.mean(np.maximum(np.interp(grid, fpr + 1e-12 * np.arange(len(fpr)), tpr) - floor, 0)) / (1 - floor)
    assert classification.two_way_partial_auc(scores, labels, limit, floor) == pytest.approx(slow, abs=2e-3)


def test_macro_f1_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=50), rng.integers(0, 2, 50)
    for threshold in (-9.0, 0.0, 9.0):
        expected = f1_score(labels, scores >= threshold, average="macro", zero_division=0.0)
        assert classification.macro_f1(scores, labels, threshold) == pytest.approx(expected)


@pytest.mark.parametrize(("scores", "labels"), [([1, 2], [1, 1]), ([1, 2], [0, 0]), ([1, np.nan], [0, 1])])
def test_what_has_no_curve_is_refused(scores: list[float], labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"both classes|finite"):
        classification.roc(scores, labels)


def test_bootstrap_interval_holds_the_truth_as_often_as_it_says() -> None:
    """AUROC of N(1,1) against N(0,1) is Phi(1/sqrt 2) = .7602; groups of two perfectly dependent copies."""
    rng, covered = np.random.default_rng(2), 0
    for _ in range(100):
        scores = np.append(rng.normal(size=60), rng.normal(1, size=60))
        labels, groups = np.repeat([0, 1], 60), np.arange(120)
        (found,) = classification.bootstrap(
            [classification.area], np.repeat(scores, 2), np.repeat(labels, 2), np.repeat(groups, 2).tolist(), rng, 100
        )
        covered += found.lower <= 0.7602 <= found.upper
    assert covered >= 85  # nominal 95; ignoring the groups gives about 82


def test_binomial_interval_is_exact() -> None:
    lower, upper = classification.binomial_interval(0, 100)
    assert lower == 0
    assert upper == pytest.approx(1 - 0.025 ** (1 / 100))
