"""The order of a data set: exact size, a found order, and the signs of an order in the texts themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import order
from llm_audit.results import Verdict
from tests.detectors.laws import judge
from tests.detectors.membership.readers import Reader, holds

WORDS = [f"word{i}" for i in range(300)]


def rows(rng: np.random.Generator, n: int = 12) -> list[str]:
    return [" ".join(rng.choice(WORDS, 8)) for _ in range(n)]


@pytest.mark.parametrize("runs", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_size_of_the_whole_and_of_shards(runs: int) -> None:
    rng, reader = np.random.default_rng(1), Reader()
    whole, sharded = [], []
    for number in range(runs):
        texts = rows(rng, 20)
        whole.append(judge(order, reader, texts, draws=19, shards=1, alpha=0.05, seed=str(number)).p_value)
        sharded.append(judge(order, reader, texts, draws=9, shards=4, alpha=0.05, seed=str(number)).p_value)
    for p_values, mean in ((whole, 0.525), (sharded, 0.5)):
        assert holds(p_values)  # type: ignore[arg-type]  # p-values are there
        assert abs(np.mean(p_values) - mean) < 0.06


def test_a_known_order_is_found_and_its_reverse_is_not() -> None:
    texts = rows(np.random.default_rng(2))
    known = [f"{a}\n{b}" for a, b in pairwise(texts)]
    reader = Reader(seen=known, gain=2.0)
    found = judge(order, reader, texts, draws=99, shards=1, alpha=0.01, seed="x")
    assert (found.verdict, found.p_value, found.p_floor) == (Verdict.FINDING, 0.01, 0.01)
    assert found.effect and found.effect.value > 2
    assert judge(order, reader, texts[::-1], draws=99, shards=1, alpha=0.01, seed="x").verdict is Verdict.PASS


def test_shards_find_what_each_alone_could_not() -> None:
    texts = rows(np.random.default_rng(3), 40)
    known = [f"{a}\n{b}" for a, b in pairwise(texts)]
    found = judge(order, Reader(seen=known, gain=0.5), texts, draws=19, shards=8, alpha=0.001, seed="x")
    assert found.verdict is Verdict.FINDING
    assert found.p_value is not None and found.p_value < 1 / 20
    assert "7 degrees of freedom" in found.reason


def test_the_same_seed_gives_the_same_number() -> None:
    texts = rows(np.random.default_rng(4))
    one, two, other = (judge(order, Reader(), texts, draws=99, shards=1, alpha=0.01, seed=seed) for seed in ("a", "a", "b"))
    assert one == two != other


@pytest.mark.parametrize(
    ("n", "draws", "shards", "said"),
    [(4, 99, 1, "needs 5 or more"), (1, 99, 1, "needs 5"), (20, 98, 1, "--draws 99"), (30, 99, 7, "at most 6")],
)
def test_what_cannot_decide_is_refused_with_the_number_needed(n: int, draws: int, shards: int, said: str) -> None:
    with pytest.raises(AuditError, match=said):
        order.check(n, draws, shards, 0.01)


def test_equal_rows_are_ties_that_count_against_a_finding() -> None:
    assert judge(order, Reader(), ["the same"] * 10, draws=99, shards=1, alpha=0.01, seed="x").p_value == 1.0
    assert order.repeated(["a", "b", "a", "a"]) == 2
