"""Random numbers that follow from a seed written down in the report."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: str, purpose: str) -> np.random.Generator:
    """Return a generator that follows from a seed and from what it is for, so that one use never shifts another."""
    digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
