"""SynthID's rounds against Python's unlimited numbers."""

from __future__ import annotations

import numpy as np

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
