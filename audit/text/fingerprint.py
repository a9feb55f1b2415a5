"""Fingerprints of texts, by which training, calibration and test data are kept disjoint without storing the texts.

Knows nothing about what the texts are for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def beginning(text: str) -> str:
    """The first 60 letters and digits of a text, by which two versions of it are recognised as the same."""
    return "".join(re.findall(r"\w", text.lower()))[:60]


def fingerprints(texts: Iterable[str], names: Iterable[str] = ()) -> NDArray[np.uint64]:
    """(k,) sorted, distinct fingerprints: of the beginnings of texts, and of names, such as those of pairs, in full.

    64 bits of SHA-256: among 10,000 texts two different ones share a fingerprint with probability 3e-12.
    """
    keys = {f"text {beginning(text)}" for text in texts} | {f"name {name}" for name in names}
    hashes = [int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") for key in keys]
    return np.unique(np.array(hashes, dtype=np.uint64))


def text_digest(text: str) -> str:
    """SHA-256 of a text with white space normalised: the same for copies, however they are wrapped or indented."""
    digest = hashlib.sha256()
    for number, word in enumerate(re.finditer(r"\S+", text)):  # an iterator, since a list of a book's words would be large
        digest.update((f" {word[0]}" if number else word[0]).encode())
    return digest.hexdigest()
