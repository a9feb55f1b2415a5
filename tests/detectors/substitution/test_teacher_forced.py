"""Distances of an endpoint among null distances: the composite null, other weights, and a share of single requests."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.detectors.substitution import exceedance, teacher_forced
from llm_audit.detectors.substitution.exceedance import Moved
from llm_audit.detectors.substitution.reference import LOCAL
from llm_audit.detectors.substitution.teacher_forced import Distances
from llm_audit.results import Result
from llm_audit.results.substitution_evidence import Exceedance
from tests.detectors.laws import again, judge


def distances(endpoint: dict[str, np.ndarray], null: dict[str, np.ndarray], missing: int = 0) -> Distances:
    n = len(next(iter(endpoint.values())))
    return Distances(LOCAL, "distance", "nats", endpoint, null, tuple(f"question {i}" for i in range(n)), missing, n + missing)


def both(found: Distances, seed: int, alpha: float) -> tuple[Result, Result, Moved]:
    """The results of both tests of distances, before Holm."""
    first = judge(teacher_forced, found, str(seed), alpha=alpha)
    terms = Terms(alpha, beside=(first,))
    second = exceedance.derive(Measurement(Exceedance()), terms)
    assert again(second, terms) == second
    return first, second, exceedance.moved(found, alpha)


def test_an_endpoint_like_one_allowed_precision_is_no_finding_however_far_from_the_others() -> None:
    rng = np.random.default_rng(1)
    null = {"f32": rng.exponential(0.01, 100), "bf16": rng.exponential(0.01, 100)}
    found = distances({"f32": rng.exponential(5.0, 30), "bf16": rng.exponential(0.001, 30)}, null)
    assert found.nearest == "bf16"
    one, two, mixture = both(found, 1, 0.01)
    assert one.p_value == 1.0 and two.p_value == 1.0
    assert mixture.rate.lower == 0
    assert "bf16, the nearest allowed precision" in one.reason


def test_other_weights_are_found_by_both_and_a_small_share_by_single_requests() -> None:
    rng = np.random.default_rng(2)
    null = {"f32": rng.exponential(0.01, 200)}
    far = distances({"f32": 1 + rng.random(30)}, null)
    one, two, mixture = both(far, 2, 0.01)
    assert one.p_value is not None and one.p_value < 1e-10 and one.e_value is not None and one.e_value > 1e10
    assert two.p_value is not None and two.p_value < 1e-10 and mixture.rate.lower > 0.8
    assert all(point.value > point.limit == null["f32"].max() for point in mixture.points)
    few = np.where(np.arange(60) % 10 == 0, 1.0, rng.exponential(0.001, 60))
    _, result, mixture = both(distances({"f32": few}, null), 2, 0.01)
    assert result.p_value is not None and result.p_value < 0.001
    assert 0 < mixture.rate.lower < 0.1 < mixture.rate.upper


def test_more_requests_only_lengthen_what_fewer_came_to() -> None:
    rng = np.random.default_rng(3)
    null, values = {"f32": rng.random(50)}, rng.random(40) + 0.5
    e_values = [both(distances({"f32": values[:n]}, null), 3, 0.01)[0].e_value for n in (10, 20, 40)]
    assert e_values == sorted(e_values)  # type: ignore[type-var]  # the largest so far never falls


def test_exceedance_follows_from_the_distances_beside_it_and_from_nothing_else() -> None:
    with pytest.raises(NotDerivable, match="no distances beside it"):
        exceedance.derive(Measurement(Exceedance()), Terms(0.01))
