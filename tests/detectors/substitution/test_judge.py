"""From numbers to verdicts: size over whole audits, composite nulls, Holm, what is said."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.detectors.substitution import judge
from llm_audit.detectors.substitution.judge import Distances
from llm_audit.detectors.substitution.yardstick import LOCAL
from llm_audit.results import Result, Verdict


def distances(endpoint: dict[str, np.ndarray], honest: dict[str, np.ndarray]) -> Distances:
    n = len(next(iter(endpoint.values())))
    return Distances(LOCAL, "distance", "nats", endpoint, honest, tuple(f"question {i}" for i in range(n)))


def test_an_endpoint_like_one_allowed_precision_is_no_finding_however_far_from_the_others() -> None:
    rng = np.random.default_rng(1)
    honest = {"f32": rng.exponential(0.01, 100), "bf16": rng.exponential(0.01, 100)}
    found = distances({"f32": rng.exponential(5.0, 30), "bf16": rng.exponential(0.001, 30)}, honest)
    assert found.nearest == "bf16"
    one, (two, mixture, _) = judge.compare(found, str(1)), judge.classify(found, 0.01)
    assert one.p_value == 1.0 and two.p_value == 1.0
    assert mixture.lower == 0
    assert "bf16, the nearest allowed precision" in one.reason


def test_size_of_the_two_together() -> None:
    """The endpoint is one of the allowed precisions, with noise as large as they are apart."""
    found = []
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        endpoint = {name: rng.exponential(1.0, 20) for name in ("a", "b")}
        honest = {name: rng.exponential(1.0, 60) for name in ("a", "b")}
        each = distances(endpoint, honest)
        results = judge.decide([judge.compare(each, str(seed)), judge.classify(each, 0.05)[0]], 0.05)
        found.append(any(result.verdict is Verdict.FINDING for result in results))
    assert np.mean(found) <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_other_weights_are_found_by_both_and_a_small_share_by_single_requests() -> None:
    rng = np.random.default_rng(2)
    honest = {"f32": rng.exponential(0.01, 200)}
    far = distances({"f32": 1 + rng.random(30)}, honest)
    one, (two, mixture, points) = judge.compare(far, str(2)), judge.classify(far, 0.01)
    assert one.p_value is not None and one.p_value < 1e-10 and one.e_value is not None and one.e_value > 1e10
    assert two.p_value is not None and two.p_value < 1e-10 and mixture.lower > 0.8
    assert all(point.value > point.limit == honest["f32"].max() for point in points)
    few = np.where(np.arange(60) % 10 == 0, 1.0, rng.exponential(0.001, 60))
    result, mixture, _ = judge.classify(distances({"f32": few}, honest), 0.01)
    assert result.p_value is not None and result.p_value < 0.001
    assert 0 < mixture.lower < 0.1 < mixture.upper


def test_more_requests_only_lengthen_what_fewer_came_to() -> None:
    rng = np.random.default_rng(3)
    honest, values = {"f32": rng.random(50)}, rng.random(40) + 0.5
    e_values = [judge.compare(distances({"f32": values[:n]}, honest), str(3)).e_value for n in (10, 20, 40)]
    assert e_values == sorted(e_values)  # type: ignore[type-var]  # the largest so far never falls


def result(p: float | None, floor: float | None = None) -> Result:
    verdict = Verdict.INCONCLUSIVE
    return Result(
        rule="AUD401", name="x", subject="endpoint", null="x", verdict=verdict, reason="Found", p_value=p, p_floor=floor
    )


@pytest.mark.parametrize(
    ("p_values", "verdicts"),
    [
        ([0.004, 0.5], ["finding", "pass"]),
        ([0.006, 0.5], ["pass", "pass"]),
        ([0.006], ["finding"]),
        ([0.004, 0.009], ["finding", "finding"]),
        ([None, 0.009], ["inconclusive", "finding"]),
    ],
)
def test_holm_over_the_tests_that_have_a_p_value(p_values: list[float | None], verdicts: list[str]) -> None:
    assert [each.verdict.value for each in judge.decide([result(p) for p in p_values], 0.01)] == verdicts


def test_what_could_not_have_decided_is_inconclusive() -> None:
    (decided,) = judge.decide([result(0.3, floor=0.02)], 0.01)
    assert decided.verdict is Verdict.INCONCLUSIVE and "no p-value below 0.02 was possible" in decided.reason


def test_texts_and_ranks_of_the_same_law_and_of_another() -> None:
    rng = np.random.default_rng(4)

    def texts(letters: str) -> list[tuple[str, str]]:
        return [(f"p{i}", "".join(rng.choice(list(letters), 30))) for i in range(15) for _ in range(5)]

    same = judge.same_texts(texts("abcdef"), texts("abcdef"), "4", LOCAL, 199)
    other = judge.same_texts(texts("abcdefgh"), texts("abcdef"), "4", LOCAL, 199)
    assert same.p_value is not None and same.p_value > 0.01 and other.p_value == other.p_floor == 1 / 200
    ranked = judge.rank_uniformity(rng.normal(3, 1, 40), rng.normal(0, 1, (40, 10)), "4", LOCAL)
    assert ranked.p_value is not None and ranked.p_value < 0.001 and ranked.effect and ranked.effect.value > 0.9
    assert judge.rank_uniformity(rng.normal(size=40), rng.normal(size=(40, 10)), "4", LOCAL).p_value > 0.01  # type: ignore[operator]
