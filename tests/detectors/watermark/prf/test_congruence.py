"""SynthID's rounds and look-ups against Python's unlimited numbers, and its tournament by what a match is."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.detectors.watermark.prf import congruence


def signed(value: int) -> int:
    """The low 64 bits as a signed number."""
    return (value + 2**63) % 2**64 - 2**63


def test_bits_are_those_of_unlimited_numbers_cut_to_64_bits() -> None:
    hashes = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, (40, 3))
    for row, found in zip(hashes.tolist(), congruence.bits(hashes).tolist(), strict=True):
        for value, bit in zip(row, found, strict=True):
            for _ in range(12):
                value = signed((value + 1) * int(congruence.MULTIPLIER) + 1) >> 5
            assert bit == (value >> 30) & 1


@pytest.mark.parametrize("size", [2, 1024, 2**16, 2**20])
def test_a_look_up_is_that_at_the_hash_modulo_the_size_of_the_table(size: int) -> None:
    rng = np.random.default_rng(size)
    states, keys = rng.integers(-(2**63), 2**63, 300), rng.integers(0, 2**63, 7)
    table = rng.integers(0, 2, size).astype(np.uint8)
    hashes = [[((int(state) + int(key)) * int(congruence.MULTIPLIER) + 1) % size for key in keys] for state in states]
    assert np.array_equal(congruence.looked_up(states, keys, table), table[np.array(hashes)])


@pytest.mark.parametrize("leaves", [2, 3, 5])
def test_a_match_is_won_as_often_as_its_leaves_say(leaves: int) -> None:
    """Layer by layer: of so many draws one with a 1 wins, if there is any."""
    rng = np.random.default_rng(leaves)
    p, bits = rng.dirichlet(np.full(40, 0.3)), rng.integers(0, 2, (40, 6))
    wanted = p
    for layer in bits.T:
        others = wanted[layer == 0].sum()  # a match of zeros alone has a zero as its winner
        ones = wanted[layer == 1].sum()
        wanted = np.where(layer == 1, wanted / ones * (1 - others**leaves), wanted / others * others**leaves)
    assert np.allclose(congruence.tournament(p, bits, leaves), wanted, rtol=1e-9, atol=1e-15)
    assert np.array_equal(congruence.tournament(p, np.zeros((40, 2), np.uint8), leaves), p)
