"""Foreign signs within English words are read as the letters meant, whatever they look like."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from llm_audit.detectors.integrity.look_alikes import look
from llm_audit.text import normalise, scored
from llm_audit.text.ciphers import deciphered

ESSAY = Path("fixtures/texts/essay-machine.txt").read_text()
FOREIGN = {
    "Osmanya": {"o": "\U00010486"}, "raised digits": {"o": "\u2070"}, "Han": {"o": "\u53e3", "t": "\u4e05"},
    "Thai": dict(zip("nuws", "\u0e01\u0e19\u0e1e\u0e23", strict=True)),
    "Malayalam": dict(zip("osn", "\u0d20\u0d3d\u0d38", strict=True)),
    "Old Italic": dict(zip("aeik", "\U00010300\U00010304\U00010309\U0001030a", strict=True)), "any": {"e": "\u2603"},
}  # fmt: skip


def swapped(text: str, swaps: dict[str, str], share: float) -> str:
    rng = np.random.default_rng(0)
    return "".join(swaps[letter] if letter in swaps and rng.random() < share else letter for letter in text)


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("script", FOREIGN)
def test_signs_are_read_as_the_letters_meant(script: str, share: float) -> None:
    altered = swapped(ESSAY, FOREIGN[script], share)
    words, clean = normalise(altered).text.split(), normalise(ESSAY).text.split()
    assert len(words) == len(clean)
    odd = sum(one != other for one, other in zip(words, clean, strict=True))
    raw = sum(one != other for one, other in zip(altered.split(), ESSAY.split(), strict=True))
    assert odd <= max(1, 0.05 * raw)
    assert len(look(altered).places) > 2 and look(ESSAY).places == ()


@pytest.mark.parametrize(
    "text",
    [
        "The mass \u03bc and the angle \u03b8 of the beam were the same, and x\u00b2 was as large as that of the first one.",
        "It cost 5\u20ac and 10\u20ac at the shop of the town, and the \u6f22\u5b57 on the sign were in red.",
        "The AT\u26a1 team of the firm and the caf\u00e9\u2122 were there; see note\u00b9 and remark\u00b2 of the text.",
        "Das ist ein S\u2603tz, der k\u2603um zu lesen ist, d\u2603s w\u2603r so und bleibt so.",  # no English
    ],
)
def test_other_signs_are_left_alone(text: str) -> None:
    assert deciphered(text) == []


def test_two_words_are_no_evidence() -> None:
    assert "w\u53e3man" in scored(f"{ESSAY} One w\u53e3man and another y\u53e3ung one.")


@pytest.mark.parametrize(
    "text", ["a\u53e3" * 100_000, "the of and " * 10 + "a\u53e3b " * 100_000, "the of " * 9 + "\u53e3a\u4e05" * 50_000]
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    begin = time.process_time()
    deciphered(text)
    assert time.process_time() - begin < 10
