"""Seeded random numbers: reports that are stored already must come out again, bit for bit."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from llm_audit.common.seeds import generator


def test_one_use_does_not_shift_another() -> None:
    assert generator("s", "a").random() == generator("s", "a").random() != generator("s", "b").random()
    assert generator("s", "a").random() != generator("t", "a").random()


@pytest.mark.parametrize(
    ("seed", "purpose", "first"),
    [("s", "a", [0.8079099360368156, 0.4650998639755456]), ("ab" * 16, "ranks é", [0.6208594539018004, 0.3056319051612314])],
)
def test_the_numbers_never_change(seed: str, purpose: str, first: list[float]) -> None:
    assert generator(seed, purpose).random(2).tolist() == first
    digest = hashlib.sha256(seed.encode() + b" " + purpose.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    expected = np.random.default_rng(words).integers(2**62, size=5)
    assert generator(seed, purpose).integers(2**62, size=5).tolist() == expected.tolist()
