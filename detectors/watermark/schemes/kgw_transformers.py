"""The green list of Hugging Face transformers: `WatermarkingConfig` with lefthash or selfhash.

Formulas of WatermarkLogitsProcessor in transformers 5.24. "lefthash" hashes the last token only, whatever its context_width,
which only says how many tokens must stand before the first marked one. "selfhash" counts the candidate among its
context_width tokens, so that width 1 is one fixed list. The lists are those of torch on the CPU; text that was generated on a
GPU carries the lists of that GPU's generator, which this scheme does not know.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np

from llm_audit.detectors.watermark.schemes.base import Bits, Ints, Key63, Observations, TokenisedText, Width, number
from llm_audit.detectors.watermark.schemes.green_list import (
    TABLE_SIZE,
    GreenList,
    Window,
    Words,
    hash_table,
    products_by_key,
    reduced_int64,
)


class TransformersKgw(GreenList):
    """Green-list scheme: delta is added to green logits."""

    scheme: ClassVar[str] = "transformers-kgw"
    title: ClassVar[str] = "transformers, green list"
    source: ClassVar[str] = "transformers 5.24, WatermarkLogitsProcessor (Apache-2.0); arXiv 2301.10226, 2306.04634"

    key: Key63
    seeding_scheme: Literal["lefthash", "selfhash"] = "lefthash"
    context_width: Width = 1

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """An odd number: an even factor would waste the low bits that torch keeps."""
        return {"key": str(bits(40) | 1)}

    @property
    def window(self) -> Window:
        """One token before the candidate, or context_width with it."""
        return Window(1, False) if self.seeding_scheme == "lefthash" else Window(self.context_width, True)

    @property
    def least_context(self) -> int:
        """context_width tokens, for lefthash and selfhash."""
        return self.context_width

    def observe(self, text: TokenisedText) -> Observations:
        """Score 1 (green) or 0; lefthash starts after context_width tokens, since transformers does not mark earlier ones."""
        observations = super().observe(text)
        known = 0 if text.prompt is None else len(text.prompt)
        return observations.taken(observations.positions + known >= self.context_width - (self.seeding_scheme == "selfhash"))

    def seeds(self, runs: Ints) -> Words:
        """lefthash: key x_{t-1}; selfhash: min_i key a(x_i) a(x_t), wrapped to 64 bits, signed, a the table of the key."""
        key = number(self.key)
        if self.seeding_scheme == "lefthash":
            return products_by_key(key, runs[:, -1])
        hashed = hash_table(key & 0xFFFFFFFF)[runs % TABLE_SIZE]
        with np.errstate(over="ignore"):
            return reduced_int64((np.int64(key) * hashed * hashed[:, -1:]).min(axis=1))
