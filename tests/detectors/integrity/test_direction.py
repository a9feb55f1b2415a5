"""What reorders the reading is found, what right-to-left writing needs is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from llm_audit.detectors.integrity.base import examine
from llm_audit.detectors.integrity.direction import rule
from llm_audit.results import Verdict
from tests.detectors.integrity.laws import check_laws, texts


@given(texts)
def test_laws(text: str) -> None:
    check_laws(rule, text)


@pytest.mark.parametrize("control", ["\u202d", "\u202e", "\u202b", "\u2067"])
def test_t11_controls_that_reorder_are_found_at_once(control: str) -> None:
    closer = "\u2069" if control == "\u2067" else "\u202c"
    for text in (f"transfer to {control}ecila{closer} now", f"transfer to {control}ecila now\nnext line"):
        result = examine(rule, text)
        assert result.verdict is Verdict.FINDING
        assert f"U+{ord(control):04X}" in result.reason


def test_t11_trojan_source_is_found() -> None:
    line = "/*\u202e } \u2066if (isAdmin)\u2069 \u2066 begin admins only */"  # Boucher & Anderson, figure 3
    assert examine(rule, line).verdict is Verdict.FINDING


def test_an_isolate_left_open_after_right_to_left_text_is_found() -> None:
    assert examine(rule, "name: \u2067שלום, admin only").verdict is Verdict.FINDING
    assert examine(rule, "name: \u2067שלום\u2069, admin only").verdict is Verdict.PASS


def test_marks_hidden_within_words_are_found() -> None:
    assert examine(rule, "th\u200ee wor\u200eds ar\u200fe split").verdict is Verdict.FINDING


@pytest.mark.parametrize(
    "text",
    [
        "كتاب\u200f (Minnesota)\u200f ولاية، و\u200eHTML 5\u200e لغة. " * 30,
        "The shop \u2067חנות\u2069 is open; \u2068محمد\u2069 and \u2068Anna\u2069 came.",
        "\u202aLeft to right\u202c, as phones write names: \u2068Bob\u2069, \u2066+49 30 1234\u2069.",
        "\u202bהוא אמר שלום\u202c and went.",
        "A stray closer\u202c or two\u2069, and a mark\u200e at the end.",
        "Inspectorate\u200e and local authorities",
        "سلام\u200c \u061cو ۱۲\u061c٪",
    ],
)
def test_t15_right_to_left_writing_passes(text: str) -> None:
    assert examine(rule, text).verdict is Verdict.PASS, examine(rule, text).reason


def test_a_long_hostile_text_takes_linear_time() -> None:
    began = time.perf_counter()
    for text in (
        "\u2067" * 50_000,
        "\u202e\u202c" * 40_000,
        "a\u200e" * 40_000,
        "\u2067\n" * 40_000,
        "\u2066\u202b" * 40_000,
    ):
        examine(rule, text)
    assert time.perf_counter() - began < 60
