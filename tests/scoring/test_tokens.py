"""The container: slices, windows, bytes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.scoring.tokens import RENYI_ORDERS, Decoding, TokenScores


def make(n: int, *, extras: bool = False, windows: int = 1, seed: int = 0) -> TokenScores:
    """Random but lawful scores."""
    rng = np.random.default_rng(seed)
    whole = np.arange(n, dtype=np.int32)
    floats = {
        name: rng.random(n).astype(np.float32)
        for name in (
            "entropy",
            "varentropy",
            "mass_above",
            "tie_mass",
            *(("cross_entropy", "cross_varentropy") if extras else ()),
        )
    }
    optional = (
        {
            "states": rng.random((n // 16, 2, 3)).astype(np.float16),
            "state_start": np.arange(0, n // 16 * 16, 16, dtype=np.int32),
            "top_ids": np.ones((n, 2), np.int32),
        }
        if extras
        else {}
    )
    return TokenScores(
        token_id=whole,
        char_start=whole * 3,
        char_end=whole * 3 + 3,
        window=np.sort(whole % windows),
        context=whole,
        logprob=-rng.exponential(3, n).astype(np.float32),
        max_logprob=-rng.exponential(1, n).astype(np.float32),
        rank=rng.integers(1, 1000, n).astype(np.int32),
        renyi=rng.random((n, len(RENYI_ORDERS))).astype(np.float32),
        **floats,
        **optional,
    )


def assert_same(a: TokenScores, b: TokenScores) -> None:
    for field in dataclasses.fields(TokenScores):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if left is None:
            assert right is None
        else:
            np.testing.assert_array_equal(left, right)
            assert left.dtype == right.dtype


@given(st.integers(0, 50), st.booleans(), st.integers(1, 4))
def test_bytes_round_trip(n: int, extras: bool, windows: int) -> None:
    scores = make(n, extras=extras, windows=windows)
    assert_same(TokenScores.from_bytes(scores.to_bytes()), scores)


@pytest.mark.parametrize("damage", [b"", b"x", b"\n", b'[["a", "<f4", [1]]]\n1234', b'[["logprob", "<f4", [3]]]\n1234'])
def test_other_bytes_are_refused(damage: bytes) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        TokenScores.from_bytes(damage)


def test_a_slice_keeps_rows_together() -> None:
    part = make(10, extras=True)[3:5]
    assert len(part) == 2
    assert part.token_id.tolist() == [3, 4]
    assert part.top_ids is not None
    assert len(part.top_ids) == 2


def test_a_slice_keeps_the_blocks_that_lie_inside() -> None:
    states = np.arange(4, dtype=np.float16)[:, None, None] * np.ones((1, 2, 3), np.float16)
    scores = dataclasses.replace(make(80), states=states, state_start=np.array([0, 16, 40, 56], np.int32))
    part = scores[16:72]
    assert part.state_start is not None
    assert part.states is not None
    assert part.state_start.tolist() == [0, 24, 40]
    assert part.states[:, 0, 0].tolist() == [1, 2, 3]
    assert scores[1:71].state_start.tolist() == [15, 39]  # type: ignore[union-attr]  # present, as above
    assert_same(scores[:], scores)


def test_windows_partition_the_rows() -> None:
    scores = make(10, windows=3)
    assert [t for window in scores.windows() for t in window.token_id] == list(range(10))
    assert make(0).windows() == []


@pytest.mark.parametrize("bad", [{"temperature": 0}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.1}, {"min_p": -0.1}])
def test_impossible_decoding_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a decoding setting"):
        Decoding(**bad)  # type: ignore[arg-type]  # the wrong values are the point
