"""The cut of a sequence of p-values into two kinds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pytest

from llm_audit.stats.segmentation import AFTER, CHANGE, SHAPE, SMALLEST, runs


def likelihood(states: Sequence[bool], p_values: Sequence[float | None], weight: float) -> float:
    """Of one sequence of states, as the module defines it."""
    shapes = [SHAPE if inside else AFTER if any(states[:place]) else 1.0 for place, inside in enumerate(states)]
    pairs = zip(p_values, shapes, strict=True)
    gains = [0.0 if p is None else math.log(shape * max(p, SMALLEST) ** (shape - 1)) for p, shape in pairs]
    changes = sum(a != b for a, b in pairwise(states))
    return weight * sum(gains) - CHANGE * changes


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_no_other_cut_is_likelier(seed: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.random(8) ** rng.choice([1, 6], size=8)
    p_values: list[float | None] = [None if rng.random() < 0.1 else float(p) for p in drawn]
    found = runs(p_values, weight)
    states = [any(first <= place < stop for first, stop in found) for place in range(8)]
    best = max(likelihood(each, p_values, weight) for each in product((False, True), repeat=8))
    assert likelihood(states, p_values, weight) == pytest.approx(best)


def test_a_run_of_small_p_values_is_found_where_it_is() -> None:
    assert runs([0.5, 0.9, 0.4, 0.001, 0.002, 0.3, 0.001, 0.7, 0.8]) == [(3, 7)]
    assert runs([0.001] * 4 + [0.6] * 4) == [(0, 4)]
    assert runs([0.6] * 4 + [0.001] * 4) == [(4, 8)]
    assert runs([0.4, 0.9, 0.6]) == [] == runs([]) == runs([None, None])
    assert runs([0.001] * 3) == [(0, 3)]


def test_what_follows_a_run_may_take_after_it() -> None:
    machine, taking_after, usual = [0.001] * 6, [0.04, 0.06, 0.03, 0.08], [0.5, 0.7, 0.4, 0.9]
    assert runs([*machine, *taking_after, *usual], 0.5) == [(0, 6)]
    assert runs([*usual, *taking_after, *machine], 0.5) == [(4, 14)]
