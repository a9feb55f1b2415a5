"""What programs put before the turns of a conversation is not scored; times and dates in prose are."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from llm_audit.text import scored
from llm_audit.text.turns import LEAST, stamps
from tests.text.prose import PARAGRAPHS

SENTENCES = re.split(r"(?<=\.) ", " ".join(PARAGRAPHS))
FORMS: dict[str, Callable[[int, str], str]] = {
    "[10:05, 3/4/2021] Anna: ": lambda i, said: f"[10:{i:02d}, 3/4/2021] Anna: {said}",
    "[3/4/21, 10:05:12] Anna Smith: ": lambda i, said: f"[3/4/21, 10:{i:02d}:12] Anna Smith: {said}",
    "with marks of direction": lambda i, said: f"\u200e[03.04.21, 10:{i:02d}:12\u202fPM] Anna: {said}",
    "3/4/21, 10:05 - a number: ": lambda i, said: f"3/4/21, 10:{i:02d} - +49 170 1234567: {said}",
    "10:05 <anna> ": lambda i, said: f"10:{i:02d} <anna> {said}",
    "<anna> ": lambda i, said: f"<anna> {said}",
    "a line of name and time": lambda i, said: f"Anna Smith  10:{i:02d} AM\n{said}",
    "a line of name and today": lambda i, said: f"Anna Smith \u2014 Today at 10:{i:02d} AM\n{said}",
    "a line of speaker and time": lambda i, said: f"Speaker 1 (00:{i:02d})\n{said}",
    "a cue of subtitles": lambda i, said: f"{i}\n00:00:{i:02d},000 --> 00:00:{i + 1:02d},500\n{said}",
    "2021-03-04T10:05:12 ": lambda i, said: f"2021-03-04T10:{i:02d}:12 {said}",
    "2021-03-04: ": lambda i, said: f"2021-03-{i + 1:02d}: {said}",
    "March 4, 2021: ": lambda i, said: f"March {i + 1}, 2021: {said}",
    "4 March 2021 - ": lambda i, said: f"{i + 1} March 2021 - {said}",
    "Wed, March 4, 2021 ": lambda i, said: f"Wed, March {i + 1}, 2021 {said}",
}


@pytest.mark.parametrize("between", ["\n", "\n\n", "\r\n"])
@pytest.mark.parametrize("form", FORMS)
def test_stamps_of_turns_are_not_scored(form: str, between: str) -> None:
    text = between.join(FORMS[form](number, said) for number, said in enumerate(SENTENCES))
    assert scored(text) == scored(" ".join(SENTENCES)) == scored(scored(text))


@pytest.mark.parametrize("form", FORMS)
def test_fewer_may_be_what_a_text_tells(form: str) -> None:
    few = "\n".join(FORMS[form](number, said) for number, said in enumerate(SENTENCES[: LEAST - 1]))
    assert list(stamps(few)) == []


def test_times_and_dates_within_sentences_stay() -> None:
    text = "They met at 10:30 and left at 11:45.\nOn March 4, 2021 they met again.\nFrom 2021-03-05 on nobody came.\n" * 3
    assert list(stamps(text)) == []
