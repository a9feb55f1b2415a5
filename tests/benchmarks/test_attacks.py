"""Attacks change what they say, as much as they say, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.attacks import ATTACKS, misspelt, neighbours, shuffled, swapped

TEXT = " ".join(
    f"The {size} harbour was quiet in the morning, and nobody had seen number {i}."
    for i, size in enumerate(["small", "large"] * 40)
)


def changed(text: str) -> float:
    pairs = list(zip(TEXT.split(), text.split(), strict=True))
    return sum(old != new for old, new in pairs) / sum(len(old.strip(".,")) >= 4 and old[0].isalpha() for old, _ in pairs)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_so_many_of_the_longer_words_are_changed(rate: float) -> None:
    for attack in (misspelt, swapped):
        text = attack(TEXT, np.random.default_rng(1), rate=rate)
        assert 0.6 * rate < changed(text) < 1.4 * rate, attack


def test_a_neighbour_is_another_common_word() -> None:
    assert {"calm", "silent"} <= set(neighbours("quiet"))
    assert "quietly" not in neighbours("quiet") and neighbours("xqzv") == ()


def test_a_capital_stays_one() -> None:
    text = swapped("Morning " * 50, np.random.default_rng(2), rate=1.0)
    assert all(word[0].isupper() for word in text.split())


def test_sentences_are_shuffled_and_none_is_lost() -> None:
    text = shuffled(TEXT, np.random.default_rng(3))
    assert text != TEXT and sorted(text.split()) == sorted(TEXT.split())


def test_the_same_draw_makes_the_same_text() -> None:
    for attack in ATTACKS.values():
        assert attack(TEXT, np.random.default_rng(4)) == attack(TEXT, np.random.default_rng(4))
