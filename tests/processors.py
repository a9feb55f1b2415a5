"""What the processor's matrix products promise, for tests of numbers that are equal to the last bit on some of them."""

from __future__ import annotations

import numpy as np  # noqa: F401  # loads the library that is asked for
from threadpoolctl import ThreadpoolController

WIDE = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""OpenBLAS's names of its kernels for AVX-512. Those for AVX2 (Haswell, Zen) add the products of a row in an order that hangs
on its place in the batch."""


def sums_hang_on_no_place() -> bool:
    """Whether a row of numpy's products has the same bits wherever it stands among others."""
    found = ThreadpoolController().select(internal_api="openblas").info()
    return bool(found) and all(library["architecture"] in WIDE for library in found)
