"""The order of a data set: exact size, a found order, and the signs of an order in the texts themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from llm_audit.detectors.membership import order
from llm_audit.errors import AuditError
from llm_audit.results import Verdict
from tests.detectors.membership.readers import Reader, holds

WORDS = [f"word{i}" for i in range(300)]


def rows(rng: np.random.Generator, n: int = 12) -> list[str]:
    return [" ".join(rng.choice(WORDS, 8)) for _ in range(n)]


def test_size_of_the_whole_and_of_shards() -> None:
    rng, reader = np.random.default_rng(1), Reader()
    whole, sharded = [], []
    for number in range(1000):
        texts = rows(rng, 20)
        whole.append(order.judge(reader, texts, draws=19, shards=1, alpha=0.05, seed=str(number)).p_value)
        sharded.append(order.judge(reader, texts, draws=9, shards=4, alpha=0.05, seed=str(number)).p_value)
    for p_values, mean in ((whole, 0.525), (sharded, 0.5)):
        assert holds(p_values)  # type: ignore[arg-type]  # p-values are there
        assert abs(np.mean(p_values) - mean) < 0.06  # type: ignore[arg-type]


def test_a_known_order_is_found_and_its_reverse_is_not() -> None:
    texts = rows(np.random.default_rng(2))
    known = [f"{a}\n{b}" for a, b in pairwise(texts)]
    reader = Reader(seen=known, gain=2.0)
    found = order.judge(reader, texts, draws=99, shards=1, alpha=0.01, seed="x")
    assert (found.verdict, found.p_value, found.p_floor) == (Verdict.FINDING, 0.01, 0.01)
    assert found.effect and found.effect.value > 2
    assert order.judge(reader, texts[::-1], draws=99, shards=1, alpha=0.01, seed="x").verdict is Verdict.PASS


def test_shards_find_what_each_alone_could_not() -> None:
    texts = rows(np.random.default_rng(3), 40)
    known = [f"{a}\n{b}" for a, b in pairwise(texts)]
    found = order.judge(Reader(seen=known, gain=0.5), texts, draws=19, shards=8, alpha=0.001, seed="x")
    assert found.verdict is Verdict.FINDING
    assert found.p_value is not None and found.p_value < 1 / 20
    assert "7 degrees of freedom" in found.reason


def test_the_same_seed_gives_the_same_number() -> None:
    texts = rows(np.random.default_rng(4))
    one, two, other = (order.judge(Reader(), texts, draws=99, shards=1, alpha=0.01, seed=seed) for seed in ("a", "a", "b"))
    assert one == two != other


@pytest.mark.parametrize(
    ("n", "draws", "shards", "said"),
    [(4, 99, 1, "needs 5 or more"), (1, 99, 1, "needs 5"), (20, 98, 1, "--draws 99"), (30, 99, 7, "at most 6")],
)
def test_what_cannot_decide_is_refused_with_the_number_needed(n: int, draws: int, shards: int, said: str) -> None:
    with pytest.raises(AuditError, match=said):
        order.check(n, draws, shards, 0.01)


def test_size_of_the_gate() -> None:
    rng = np.random.default_rng(5)
    p_values = [order.gate(rows(rng), str(number)).p_value for number in range(100)]
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there


@pytest.mark.parametrize("sorting", ["alphabet", "length", "number", "topic"])
def test_a_sorted_data_set_is_noticed_without_a_model(sorting: str) -> None:
    rng = np.random.default_rng(6)
    texts = [" ".join(rng.choice(WORDS, rng.integers(4, 20))) for _ in range(40)]
    if sorting == "number":
        texts = [f"Case {number}: {text}" for number, text in enumerate(texts)]
    if sorting == "topic":
        texts = [f"{text} {number // 10}a {number // 10}b {number // 10}c" for number, text in enumerate(texts)]
    if sorting in ("alphabet", "length"):
        texts = sorted(texts, key=len if sorting == "length" else None)
    assert order.gate(texts, "x").verdict is Verdict.FINDING


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("end", [False, True])
def test_rows_that_take_turns_are_noticed(period: int, end: bool) -> None:
    """A dialogue, or templates in a cycle: neighbours are less alike than usual."""
    texts = rows(np.random.default_rng(7), 40)
    turns = [f"Speaker{i % period}" for i in range(40)]
    texts = [f"{text} {turn}" if end else f"{turn}: {text}" for text, turn in zip(texts, turns, strict=True)]
    assert order.gate(texts, "x").verdict is Verdict.FINDING


def test_too_few_rows_to_see_that_they_were_sorted() -> None:
    with pytest.raises(AuditError, match="8 different rows are needed"):
        order.gate(rows(np.random.default_rng(8), 7), "x")


def test_equal_rows_are_ties_that_count_against_a_finding() -> None:
    assert order.judge(Reader(), ["the same"] * 10, draws=99, shards=1, alpha=0.01, seed="x").p_value == 1.0
    assert order.repeated(["a", "b", "a", "a"]) == 2
