"""Swapped letters are found in either direction, and honest mixtures of alphabets are not."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from llm_audit.detectors.integrity.base import examine
from llm_audit.detectors.integrity.look_alikes import rule
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.results import Verdict
from llm_audit.text import normalise
from tests.detectors.integrity.attacks import swap
from tests.detectors.integrity.laws import check_laws, texts

ESSAY = Path("fixtures/texts/essay-machine.txt").read_text()
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. Однако никто не спорил о старом доме на холме. "


@given(texts)
def test_laws(text: str) -> None:
    check_laws(rule, text)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.20])
def test_t13_homoglyph_swap_is_found_and_undone(share: float) -> None:
    swapped = swap(ESSAY, share, np.random.default_rng(0))
    result = examine(rule, swapped)
    expected = [place for place, letter in enumerate(swapped) if letter != ESSAY[place]]
    assert result.verdict is Verdict.FINDING
    assert [place for span in result.spans for place in range(span.start, span.end)] == expected
    assert normalise(swapped).text == normalise(ESSAY).text


def test_the_characters_are_named_by_code_point() -> None:
    result = examine(rule, "pаypаl and pаypаl")
    assert result.reason == ("4 look-alike letters among 17 characters (235 per 1,000): U+0430 CYRILLIC SMALL LETTER A (4).")
    assert result.effect is not None and result.effect.value == pytest.approx(1000 * 4 / 17)


def test_latin_letters_in_russian_words_are_found() -> None:
    twins = str.maketrans("аеор", "aeop")
    assert examine(rule, RUSSIAN.translate(twins)).verdict is Verdict.FINDING
    assert examine(rule, RUSSIAN).verdict is Verdict.PASS


def test_styled_letters_within_words_are_found() -> None:
    assert examine(rule, "t𝐡at w𝐨uld b𝐞at th𝐢s").verdict is Verdict.FINDING


@pytest.mark.parametrize(
    "text",
    [
        "A slip of the kеyboard, or twо.",  # two letters
        "The word спасибо means thanks, and καλημέρα good morning; Путин, Москва, Достоевский.",
        "TNFα and IFNγ rise; where ν is the rate and Δs the change, at 5 μg of β-carotene.",
        "Let 𝑥 ∈ ℝ and ∫ 𝑓(𝑥) d𝑥 = 𝐴, as 𝑦 grows; the field 𝔽 has ℵ₀ elements and e = ℯ. So 𝑎, 𝑏 and 𝑐 are sides.",
        "Helen (/ˈhɛlən/) said [ˈdɑɡ], [ʃəˈrɑːd] and ˈhɛliːnz; ʻAlāʼ al-Dīn, qirāʼah.",
        "Ｗｉｎｄｏｗｓ と Ｏｆｆｉｃｅ は会社の製品です。",
        "Компания SpaceX запустила ракету. SpaceXзапустила ракету. IT-отдел и USB-кабель, iPhone'ом, Wi-Fi.",
        "Ärger über naïve façades, Łódź, smørrebrød, İstanbul’da ılık, Đặng Văn.",
        "漢字とかなとABC、한국어 and العربية and עברית, ქართული და English.",
    ],
)
def test_t16_honest_mixtures_of_alphabets_pass(text: str) -> None:
    assert examine(rule, text).verdict is Verdict.PASS, examine(rule, text).reason


def test_a_long_hostile_text_takes_linear_time() -> None:
    began = time.perf_counter()
    for text in ("аa" * 40_000, "а a " * 100_000, "𝐞e" * 40_000, "д" + "aд" * 40_000, "á" * 10 + "\u0301" * 50_000):
        examine(rule, text)
    assert time.perf_counter() - began < 60


def test_a_result_of_version_0_2_keeps_its_sentence_on_the_method() -> None:
    result = examine(rule, "A text.")
    earlier = result.model_copy(update={"method": rule.earlier_method})
    assert rule.derive(Measurement.of(earlier), Terms(1.0)) == earlier != result
