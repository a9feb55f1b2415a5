"""Rows of two times, named in different ways: compared by what both say, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from llm_audit.detectors.substitution.watch import alike_named, names_of
from llm_audit.endpoints.records import Token

WORDS = [" the", " a", " town", "\n", "é", " water", " is", " of", "ly", " old"]


def rows(told: Callable[[int, str], Token], seed: int, n: int = 6) -> list[dict[object, float]]:
    rng = np.random.default_rng(seed)
    return [{json.dumps(names_of(told(i, word))): -i - 0.01 * rng.random() for i, word in enumerate(WORDS)} for _ in range(n)]


def everything(i: int, word: str) -> Token:
    return Token(i, word.encode(), word)


def text_only(i: int, word: str) -> Token:
    return Token(None, None, word)


def raw(i: int, word: str) -> Token:
    return Token(None, None, word.replace(" ", "\u0120").replace("\n", "\u010a").replace("é", "Ã©"))


def id_only(i: int, word: str) -> Token:
    return Token(i, None, "")


@pytest.mark.parametrize("now", [everything, text_only, id_only, raw])
def test_the_best_name_that_both_times_have_is_used(now: Callable[[int, str], Token]) -> None:
    found = alike_named(rows(everything, 1), rows(now, 2))  # type: ignore[arg-type]  # keys are strings
    assert found is not None
    before, after = found
    assert len(before) == len(after) == 6
    for a, b in zip(before, after, strict=True):
        shared = a.keys() & b.keys()
        assert len(shared) >= 0.8 * len(WORDS)
        assert all(abs(a[name] - b[name]) < 0.02 for name in shared)


def test_times_that_share_no_name_are_not_compared() -> None:
    assert alike_named(rows(id_only, 1), rows(text_only, 2)) is None  # type: ignore[arg-type]  # as above


def test_tokens_of_another_vocabulary_are_not_compared() -> None:
    assert alike_named(rows(text_only, 1), rows(lambda i, word: Token(None, None, f"#{i}"), 2)) is None  # type: ignore[arg-type]


def test_early_baselines_are_read() -> None:
    before = [{json.dumps(["id", i]): -float(i) for i in range(len(WORDS))}] * 5
    found = alike_named(before, rows(everything, 2))  # type: ignore[arg-type]  # as above
    assert found is not None and set(found[0][0]) == set(range(len(WORDS)))


def test_pieces_of_characters_and_empty_strings_name_no_token() -> None:
    assert names_of(Token(None, None, "\ufffd")) == [None, None, None]
    assert names_of(Token(None, None, "")) == [None, None, None]
    assert names_of(Token(3, b"\xc3", "\ufffd")) == [3, "c3", None]
    assert names_of(Token(None, None, "\u2581town")) == [None, b" town".hex(), " town"]
