"""What Benjamini-Hochberg can find among p-values with a floor: against brute force, and its false discovery rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.stats.combination import benjamini_hochberg
from llm_audit.stats.discovery import Adjusting, Reaching, fewest_findings, findings_needed
from tests.results import arrays
from tests.stats.test_conformal import combined_p_value

ALPHAS = st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.5])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Conformal p-values from calibration sets of several sizes, with many ties."""
    sizes = draw(st.lists(st.integers(1, 60), min_size=1, max_size=12))
    ranks = [draw(st.integers(1, min(size + 1, 6))) if draw(st.booleans()) else size + 1 for size in sizes]
    floors = 1 / (np.array(sizes) + 1)
    return np.minimum(np.array(ranks) * floors, 1.0), floors


def pieces(order: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    """The numbers of the tests in their order, cut into pieces that are not empty."""
    return [piece for piece in np.split(order, sorted(cut % (len(order) + 1) for cut in cuts)) if len(piece)]


def could_be_found(p: np.ndarray, floors: np.ndarray, alpha: float, cuts: list[int]) -> np.ndarray:
    """Whether each test is or could be found, all from pieces."""
    q, reached, every = np.empty(len(p)), np.empty(len(p), bool), np.ones(len(p), bool)
    adjusting, reaching = Adjusting(len(p)), Reaching(len(p), alpha)
    rising = np.argsort(p)
    for piece in pieces(rising[::-1], cuts):
        q[piece] = adjusting(p[piece], every[piece])
    for piece in pieces(rising, cuts):
        reached[piece] = reaching(p[piece], floors[piece], every[piece])
    assert q.tolist() == benjamini_hochberg(p).tolist()
    return (q <= alpha) | reached


def fewest(floors: np.ndarray, alpha: float, cuts: list[int]) -> int | None:
    ordered = np.sort(floors)
    counted = ((piece, np.ones(len(piece), np.int64)) for piece in pieces(ordered, cuts))
    return fewest_findings(counted, len(floors), alpha)


CUTS = st.lists(st.integers(0, 12), max_size=4)


@given(worlds(), ALPHAS, CUTS)
def test_a_test_could_be_found_if_its_floor_in_its_place_would_be(
    world: tuple[np.ndarray, np.ndarray], alpha: float, cuts: list[int]
) -> None:
    p, floors = world
    expected = []
    for i in range(len(p)):
        other = p.copy()
        other[i] = floors[i]
        expected.append(bool(benjamini_hochberg(other)[i] <= alpha))
    assert could_be_found(p, floors, alpha, cuts).tolist() == arrays.could_be_found(p, floors, alpha).tolist() == expected


@given(worlds(), ALPHAS, CUTS)
def test_never_fewer_findings_than_the_fewest(world: tuple[np.ndarray, np.ndarray], alpha: float, cuts: list[int]) -> None:
    p, floors = world
    least = fewest(floors, alpha, cuts)
    assert least == arrays.fewest_findings(floors, alpha)
    found = int((benjamini_hochberg(p) <= alpha).sum())
    assert found == 0 or (least is not None and found >= least)
    # And it can be as few as that: the smallest floors reached, all other tests at 1.
    best = np.ones(len(p))
    smallest = np.argsort(floors)[: least or len(p)]
    best[smallest] = floors[smallest]
    assert int((benjamini_hochberg(best) <= alpha).sum()) == (least or 0)


def test_the_shipped_population_and_a_million_documents() -> None:
    def of(tests: int, alpha: float) -> int | None:
        return fewest_findings([(np.array([1 / 2390]), np.array([tests]))], tests, alpha)

    assert (of(1_000_000, 0.01), of(1000, 0.05), of(10, 0.01), of(10, 1e-4)) == (41842, 9, 1, None)


def test_no_tests() -> None:
    assert fewest_findings([], 0, 0.05) is None


@pytest.mark.slow
@pytest.mark.parametrize("machine", [0, 20])
def test_the_false_discovery_rate_of_combined_p_values_that_share_one_population(machine: int) -> None:
    """Four correlated scores, ranked anew with each document: Bates et al. prove it for one fixed score only."""
    rng, alpha, repetitions, documents, n = np.random.default_rng(8), 0.1, 400, 60, 150
    shares = []
    for _ in range(repetitions):
        common = rng.standard_normal((n + documents, 1))
        scores = 0.7 * common + 0.7 * rng.standard_normal((n + documents, 4))
        scores[n : n + machine] += 3.0
        p = [combined_p_value(scores[:n], tested) for tested in scores[n:]]
        found = benjamini_hochberg(p) <= alpha
        shares.append(found[machine:].sum() / max(1, found.sum()))
    error = np.std(shares) / np.sqrt(repetitions)
    assert np.mean(shares) <= alpha * (documents - machine) / documents + 2.6 * error
    assert machine == 0 or np.mean(shares) > 0.02  # it is not zero for want of findings


@given(worlds(), ALPHAS)
def test_the_findings_needed_are_as_few_as_suffice(world: tuple[np.ndarray, np.ndarray], alpha: float) -> None:
    """With so many p-values at the floor it is found; with one fewer it is not."""
    floor, m = float(world[1][0]), len(world[0])
    needed = findings_needed(floor, m, alpha)
    for together in range(1, m + 1):
        p = np.where(np.arange(m) < together, floor, 1.0)
        assert bool(benjamini_hochberg(p)[0] <= alpha) == (needed is not None and together >= needed)
