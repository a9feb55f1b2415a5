"""The attacks of RAID (Dugan et al. 2024) on letters, and what undoes them by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

TWINS = dict(zip("aceopxyisjAEOPCXTMKBHISJ", "асеорхуіѕјАЕОРСХТМКВНІЅЈ", strict=True))
"""Latin letter -> Cyrillic letter drawn alike."""


def swap(text: str, share: float, rng: np.random.Generator) -> str:
    """Replace this share of all letters by look-alikes, as far as there are any."""
    can = [place for place, letter in enumerate(text) if letter in TWINS]
    count = min(len(can), round(share * sum(map(str.isalpha, text))))
    chosen = set(rng.choice(can, count, replace=False).tolist()) if can else set()
    return "".join(TWINS[letter] if place in chosen else letter for place, letter in enumerate(text))


def hide(text: str, share: float, rng: np.random.Generator, character: str = "\u200b") -> str:
    """Put a hidden character after this share of the letters."""
    letters = [place for place, letter in enumerate(text) if letter.isalpha()]
    count = round(share * len(letters))
    chosen = set(rng.choice(letters, count, replace=False).tolist()) if letters else set()
    return "".join(letter + character if place in chosen else letter for place, letter in enumerate(text))


def without(text: str, places: Sequence[int]) -> str:
    """The text without these characters; a space becomes a plain one, so that no words are joined."""
    gone = set(places)
    return "".join(
        letter if place not in gone else " " if unicodedata.category(letter) == "Zs" else ""
        for place, letter in enumerate(text)
    )
