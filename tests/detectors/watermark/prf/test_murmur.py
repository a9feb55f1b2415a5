"""MurmurHash3 against published test values."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.detectors.watermark.prf.murmur import murmur3


@pytest.mark.parametrize(("word", "hashed"), [(0, 0x2362F9DE), (0xFFFFFFFF, 0x76293B50), (0x87654321, 0xF55B516B)])
def test_known_answers_of_one_word(word: int, hashed: int) -> None:
    assert int(murmur3([np.uint64(word)])) == hashed


def test_arrays_are_hashed_element_by_element() -> None:
    first, second = np.arange(5, dtype=np.uint64)[:, None], np.arange(3, dtype=np.uint64)
    table = murmur3([first, second])
    assert table.shape == (5, 3)
    assert int(table[4, 2]) == int(murmur3([np.uint64(4), np.uint64(2)]))
