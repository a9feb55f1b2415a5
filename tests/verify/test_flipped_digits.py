"""Any digit of a stored number or digest that changes is noticed, and named where a computation tells which."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.results.canonical import content_digest
from llm_audit.verification import verify
from tests.verify.conftest import FAST, SLOW, Made

DECIDED = ("p_value", "p_adjusted", "q_value", "e_value", "p_floor", "p_upper")
SAMPLED = 12
"""Flips per report that are verified in full; 1,000 are held against the content digest."""


class Flip(NamedTuple):
    """Another digit at a place of a report's text; `field` is the path of the value that it is in."""

    at: int
    digit: str
    field: str
    start: int
    word: str

    def of(self, text: str) -> str:
        return text[: self.at] + self.digit + text[self.at + 1 :]


def values(text: str) -> Iterator[tuple[int, str, str]]:
    """(place, as written, path) of every number and string value of a JSON text."""
    token = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}\[\]:,]|true|false|null')
    path: list[str | int] = []
    kinds: list[str] = []
    key: str | None = None
    for match in token.finditer(text):
        word = match[0]
        if word in "{[":
            kinds.append(word)
            path.append("" if word == "{" else 0)
        elif word in "}]":
            kinds.pop()
            path.pop()
        elif word == "," and kinds[-1] == "[":
            path[-1] = int(path[-1]) + 1
        elif word == ":":
            path[-1] = json.loads(key or '""')
        elif word not in ",":
            if kinds[-1] == "{" and text[match.end()] == ":":
                key = word
            elif word[0] in '"-0123456789':
                said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
                yield match.start(), word, said.lstrip(".")


def flips(text: str, rng: np.random.Generator) -> list[Flip]:
    """One for every digit of every number, and of every hexadecimal digest or seed."""
    found = []
    for start, word, field in values(text):
        if word[0] != '"' or re.fullmatch(r'"[0-9a-f]{32,64}"', word):
            for at, character in enumerate(word, start):
                if character.isdigit():
                    found.append(Flip(at, str((int(character) + int(rng.integers(1, 10))) % 10), field, start, word))
    return found


def noticed(text: str, flip: Flip) -> bool:
    """Whether the cheap checks alone see it: JSON, spelling of numbers, content digest."""
    changed = flip.of(text)
    try:
        content: dict[str, Any] = json.loads(changed)
    except ValueError:
        return True
    word = changed[flip.start : flip.start + len(flip.word)]
    respelt = word[0] != '"' and ("." in word or "e" in word) and repr(float(word)) != word
    return respelt or content["content_digest"] != content_digest(content)


def named(made: Made, text: str) -> list[str]:
    """Paths of the fields that do not hold."""
    try:
        return [mismatch.path for mismatch in verify(text.encode(), Path())[0].mismatches]
    except AuditError:
        return ["unreadable"]


def check(made: Made, name: str) -> None:
    text = made.text(name)
    rng = np.random.default_rng(len(text))
    all_ = flips(text, rng)
    chosen = [all_[i] for i in sorted(rng.permutation(len(all_))[:1000])]
    assert all(noticed(text, flip) for flip in chosen)
    decided = [flip for flip in all_ if flip.field.rsplit(".", 1)[-1] in DECIDED and leading(text, flip)]
    with made.here():
        for flip in [chosen[i] for i in rng.permutation(len(chosen))[:SAMPLED]]:
            assert named(made, flip.of(text)), flip
        for flip in [decided[i] for i in rng.permutation(len(decided))[:SAMPLED]]:
            assert set(named(made, flip.of(text))) & {flip.field, "unreadable"}, flip  # no number of JSON begins with 00


def leading(text: str, flip: Flip) -> bool:
    """Whether the digit is among the first significant ones, so that the value changes by more than rounding."""
    value = text[flip.start : flip.at + 1]
    before = re.sub(r"[^\d]", "", value[:-1]).lstrip("0")
    return len(before) < 8 and (value.startswith('"') or "e" not in value.lower())  # of a digest, e is a digit


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_no_flipped_digit_goes_unnoticed(made: Made, name: str) -> None:
    check(made, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_no_flipped_digit_goes_unnoticed_in_reports_of_large_models_and_servers(made_slowly: Made, name: str) -> None:
    check(made_slowly, name)


@pytest.mark.parametrize("name", ["detect", "order-shards"])
def test_a_flipped_p_value_and_a_flipped_digest_are_named(made: Made, name: str) -> None:
    text = made.text(name)
    rng = np.random.default_rng(0)
    for wanted in ("p_value", "content_digest"):
        flip = next(each for each in flips(text, rng) if each.field.endswith(wanted) and leading(text, each))
        with made.here():
            assert flip.field in named(made, flip.of(text))


def test_a_digit_that_does_not_change_the_number_is_noticed(made: Made) -> None:
    """0.30000000000000003 reads as the same number as 0.30000000000000004."""
    text = made.text("detect")
    for start, word, field in values(text):
        if "." in word and word[0].isdigit() and word[-1] != "9" and float(word[:-1] + chr(ord(word[-1]) + 1)) == float(word):
            with made.here():
                assert field in named(made, Flip(start + len(word) - 1, chr(ord(word[-1]) + 1), field, start, word).of(text))
            return
    pytest.skip("every last digit of this report counts")


def test_the_layout_of_the_json_does_not_matter(made: Made) -> None:
    content = json.loads(made.text("order"))
    with made.here():
        assert named(made, json.dumps(dict(reversed(content.items())), ensure_ascii=True)) == []
