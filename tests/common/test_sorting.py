"""Rows sorted on the disk: the order of numpy's stable sort, whatever the keys and however few rows memory holds."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_audit.common import sorting
from llm_audit.common.sorting import Pile, Sorter

KIND = np.dtype([("key", "<f8"), ("number", "<i8")])


def rows_of(keys: list[float]) -> np.ndarray:
    rows = np.zeros(len(keys), KIND)
    rows["key"], rows["number"] = keys, np.arange(len(keys))
    return rows


def sorted_by(sorter: Sorter, rows: np.ndarray, together: int) -> np.ndarray:
    for start in range(0, len(rows), together):
        sorter.add(rows[start : start + together])
    return np.concatenate([rows[:0], *sorter])


FLOATS = st.floats(allow_nan=False) | st.sampled_from([0.0, 1.0, 5e-324])


@given(st.lists(FLOATS, max_size=80), st.integers(1, 20), st.integers(1, 30), st.integers(1, 63))
@settings(max_examples=150, deadline=None)
def test_equal_keys_stay_as_they_were_added(keys: list[float], held: int, together: int, cuts: int) -> None:
    rows = rows_of(keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "CUTS", cuts)
        found = sorted_by(Sorter(KIND, itemgetter("key"), None, held), rows, together)
    assert found.tolist() == rows[np.argsort(rows["key"], kind="stable")].tolist()


@pytest.mark.parametrize("shape", ["rising", "falling", "one key", "two keys", "mostly one", "clusters"])
def test_no_shape_of_the_keys_is_too_much(shape: str, tmp_path: Path) -> None:
    n = 20_000
    rng = np.random.default_rng(0)
    keys = {
        "rising": np.arange(n),
        "falling": -np.arange(n),
        "one key": np.zeros(n),
        "two keys": np.arange(n) % 2,
        "mostly one": np.where(rng.random(n) < 0.9, 0.5, rng.random(n)),
        "clusters": 10.0 ** rng.integers(-300, 0, n) * rng.random(n),
    }[shape]
    rows = rows_of(list(map(float, keys)))
    sorter = Sorter(KIND, itemgetter("key"), tmp_path, 300)
    for start in range(0, n, 1000):
        sorter.add(rows[start : start + 1000])
    pieces = list(sorter)
    assert max(map(len, pieces)) <= 300
    assert np.concatenate(pieces).tolist() == rows[np.argsort(rows["key"], kind="stable")].tolist()


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(0, 12), st.integers(1, 7), st.booleans())
@settings(deadline=None)
def test_a_pile_gives_back_what_was_put_on_it(sizes: list[int], held: int, size: int, backwards: bool) -> None:
    rows, pile, start = rows_of([0.0] * sum(sizes)), Pile(KIND, None, held), 0
    for each in sizes:
        pile.add(rows[start : start + each])
        start += each
    assert len(pile) == len(rows)
    found = np.concatenate([rows[:0], *pile.chunks(size, backwards=backwards)])
    assert found.tolist() == (rows[::-1] if backwards else rows).tolist()
    pile.clear()
    assert len(pile) == 0 and list(pile.chunks(size)) == []


def test_few_rows_are_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "Scratch", None)
    rows = rows_of([2.0, 1.0, 3.0])
    assert sorted_by(Sorter(KIND, itemgetter("key"), None, 3), rows, 1)["number"].tolist() == [1, 0, 2]
    with pytest.raises(TypeError):
        sorted_by(Sorter(KIND, itemgetter("key"), None, 2), rows, 1)
