"""Hidden characters and messages are found; the invisible characters that writing needs are not."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from llm_audit.detectors.integrity.base import examine
from llm_audit.detectors.integrity.invisible import look, rule
from llm_audit.results import Verdict
from llm_audit.text import normalise
from tests.detectors.integrity.attacks import hide
from tests.detectors.integrity.laws import check_laws, texts

ESSAY = Path("fixtures/texts/essay-machine.txt").read_text()
PERSIAN = "می\u200cخواهم کتاب\u200cهای خوب را بخوانم و نمی\u200cدانم. "
HINDI = "क\u094d\u200dष और क\u094d\u200cष, श\u094d\u200dरीमान\u094d। "


@given(texts)
def test_laws(text: str) -> None:
    check_laws(rule, text)


@pytest.mark.parametrize("character", ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\ufe0f", "\u3164"])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.20])
def test_t12_hidden_characters_are_found_and_undone(character: str, share: float) -> None:
    hidden = hide(ESSAY, share, np.random.default_rng(0), character)
    assert examine(rule, hidden).verdict is Verdict.FINDING
    assert normalise(hidden).text == normalise(ESSAY).text


def test_t12_one_hidden_message_is_enough() -> None:
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all of this")
    selectors = "".join(chr(0xE0100 + byte) for byte in b"secret")
    for text in (f"Plain prose.{tags} More of it.", f"A smile 😀{selectors} and prose."):
        result = examine(rule, text)
        assert result.verdict is Verdict.FINDING
        (span,) = result.spans
        assert text[span.start : span.end] in (tags, selectors)


def test_zero_width_writing_between_words_is_found() -> None:
    bits = "".join("\u200b\u200c"[bit == "1"] for bit in f"{0x5EC237:b}")
    assert examine(rule, f"First sentence.{bits} Second sentence.").verdict is Verdict.FINDING


def test_special_spaces_in_place_of_plain_ones_are_found() -> None:
    assert examine(rule, ESSAY.replace(" ", "\u2009")).verdict is Verdict.FINDING
    assert normalise(ESSAY.replace(" ", "\u2009")).text == normalise(ESSAY).text


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffA byte order mark, and\n\ufeffone more where files were joined.",
        "👩🏽\u200d❤️\u200d👨 ❤️ ☹️ 1️⃣ #️⃣ 👨\u200d👩\u200d👧\u200d👦 ©️ 🇩🇪 " * 30,
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f is Scotland",
        PERSIAN * 50,
        HINDI * 50,
        "Silben\u00adtren\u00adnung in ge\u00adsetz\u00adten Tex\u00adten " * 50,
        "exam\u00ad\nple and \u00ad a dash, 3\u00adth " * 20,
        "« Vraiment\u00a0? » dit-il\u202f; il y en a 10\u202f000\u00a0; c’est tout\u00a0! " * 50,
        "p\u2009<\u20090.05, 5\u2009mg, a\u200a—\u200ab; health.:\u200a28\u200a Public " * 30,
        "葛\U000e0100飾区と葛城市、辻\U000e0101さん。\u3000字下げ\u3000する。" * 30,
        "ภาษา\u200bไทย\u200bไม่\u200bเว้น\u200bวรรค " * 50,
        "ᠮᠣᠩ\u180bᠭᠣᠯ ∩\ufe00 0\ufe00 한\u1160글 " * 3,
        "the idea of \u200b\u200b”orientation” in 1.6\u200bMB",
        "an exam\u200bple or two of this co\u200bpied word",
    ],
)
def test_t15_honest_uses_pass(text: str) -> None:
    assert examine(rule, text).verdict is Verdict.PASS, examine(rule, text).reason


def test_t10_ten_thousand_combining_marks_pass_in_time() -> None:
    began = time.perf_counter()
    for text in ("a" + "\u0301\u0323" * 5_000, "\u200b\u0301" * 40_000, "a\u200d" * 40_000, "\U000e0100" * 100_000):
        examine(rule, text)
    assert time.perf_counter() - began < 60
    assert examine(rule, "Z" + "\u0301\u0323" * 5_000).verdict is Verdict.PASS


@pytest.mark.parametrize("sign", ["\ufff9", "\ufffb", "\ufffc", "\U0001d159"])
def test_marks_without_a_shape_within_words_are_found(sign: str) -> None:
    text = f"The wo{sign}rds of the ho{sign}use were the{sign}re."
    assert [text[place] for place in look(text).places] == [sign] * 3
    assert look(f"A picture {sign} stands here, and {sign} there.").places == ()
