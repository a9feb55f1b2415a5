"""Rows of two times, named in different ways: compared by what both say, or not at all."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.substitution import baseline
from llm_audit.detectors.substitution.baseline import Baseline
from llm_audit.detectors.substitution.watch import (
    PROMPT,
    alike_named,
    alike_rounded,
    compare,
    names_of,
    rows_in,
    take,
    write_baseline,
)
from llm_audit.endpoints import wire
from llm_audit.endpoints.records import Ask, Cost, Failure, Reply, Token
from llm_audit.results import Served

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


@pytest.mark.parametrize("digits", [0, 1, 2, 3])
def test_rounding_at_one_of_two_times_is_no_change(digits: int) -> None:
    exact = rows(everything, 1)
    rounded = [{name: round(value, digits) for name, value in row.items()} for row in exact]
    for before, after in ((exact, rounded), (rounded, exact)):
        first, second = (alike_rounded(before, after)[at : at + 6] for at in (0, 6))
        assert first == second == [pytest.approx(row) for row in rounded]
    assert alike_rounded(exact, exact) == exact * 2


def test_times_that_share_no_name_are_not_compared() -> None:
    assert alike_named(rows(id_only, 1), rows(text_only, 2)) is None  # type: ignore[arg-type]  # as above


def test_tokens_of_another_vocabulary_are_not_compared() -> None:
    assert alike_named(rows(text_only, 1), rows(lambda i, word: Token(None, None, f"#{i}"), 2)) is None


def test_early_baselines_are_read() -> None:
    before = [{json.dumps(["id", i]): -float(i) for i in range(len(WORDS))}] * 5
    found = alike_named(before, rows(everything, 2))  # type: ignore[arg-type]  # as above
    assert found is not None and set(found[0][0]) == set(range(len(WORDS)))


def test_pieces_of_characters_and_empty_strings_name_no_token() -> None:
    assert names_of(Token(None, None, "\ufffd")) == [None, None, None]
    assert names_of(Token(None, None, "")) == [None, None, None]
    assert names_of(Token(3, b"\xc3", "\ufffd")) == [3, "c3", None]
    assert names_of(Token(None, None, "\u2581town")) == [None, b" town".hex(), " town"]


# Baselines


class Told:
    """A source that answers every question alike."""

    def __init__(self, answer: Callable[[Ask], Reply | Failure]) -> None:
        self.answer, self.model, self.facts, self.cost = answer, "m", (), Cost(0, 0, 0, 0, 0)

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        return list(map(self.answer, asks))

    def renamed(self, model: str) -> Told:
        return self


@pytest.mark.parametrize(("before", "after"), [(1.0, 2.0), (2.0, 1.0)])
def test_logarithms_to_base_2_at_one_of_two_times_are_converted_and_named(before: float, after: float, tmp_path: Path) -> None:
    of_base = {1.0: answered(listed(-0.5)), 2.0: answered(listed(-0.5, math.log(2)))}
    write_baseline(tmp_path / "b.json", take(Told(of_base[before]), 6, "chat"), "m", "chat", "today")
    stored = baseline.read(tmp_path / "b.json", "m", "chat")
    found = compare(Told(of_base[after]), stored, 6, "chat", 0.01, "ab")
    assert found.served is Served.CONSISTENT
    which = "now" if after == 2.0 else "the baseline"
    assert f"The log-probabilities of {which} are to base 2, and were converted to nats." in found.summary


@pytest.mark.parametrize("factor", [1.3, 1.6, 2.0])
def test_another_factor_is_a_change(factor: float, tmp_path: Path) -> None:
    write_baseline(tmp_path / "b.json", take(Told(answered(listed(-0.5))), 6, "chat"), "m", "chat", "today")
    stored = baseline.read(tmp_path / "b.json", "m", "chat")
    found = compare(Told(answered(listed(-0.5, 1 / factor))), stored, 6, "chat", 0.01, "ab")
    assert found.served is Served.INCONSISTENT and "base 2" not in found.summary


def answered(logprobs: object) -> Callable[[Ask], Reply | Failure]:
    body = json.dumps({"choices": [{"message": {"content": WORDS[0]}, "logprobs": logprobs}]})
    return lambda ask: wire.parse(ask, body, seconds=0.1, attempts=1)


def listed(value: float, base: float = 1.0) -> dict[str, object]:
    """Alternatives with numbers that are so many nats each."""
    top = [{"token": word, "logprob": (value - at) / base, "id": at} for at, word in enumerate(WORDS)]
    return {"content": [top[0] | {"top_logprobs": top}]}


TOO_FEW = {
    "unreachable": (lambda ask: Failure(ask, "unreachable", "No connection.", None, 1), r"needs 5\. No connection\.$"),
    "defective": (answered(listed(math.nan)), "is not a finite number"),
    "unreadable": (answered("none"), r"have a shape that cannot be read.*\(--border-inputs\)\.$"),
    "hidden": (answered(None), r"asked for and not returned.*\(--border-inputs\)\.$"),
}


@pytest.mark.parametrize("kind", TOO_FEW)
def test_why_there_is_no_baseline_and_no_comparison_is_said(kind: str, tmp_path: Path) -> None:
    answer, said = TOO_FEW[kind]
    with pytest.raises(AuditError, match=f"^The endpoint returned 0 usable rows of log-probabilities; a baseline .*{said}"):
        take(Told(answer), 6, "chat")
    write_baseline(tmp_path / "b.json", take(Told(answered(listed(-0.5))), 6, "chat"), "m", "chat", "today")
    stored = baseline.read(tmp_path / "b.json", "m", "chat")
    found = compare(Told(answer), stored, 6, "chat", 0.01, "ab")
    assert found.served is Served.NOT_MEASURED
    assert re.search(said.partition(".*")[0].removeprefix(r"needs 5\. ").rstrip("$"), found.summary)


@pytest.mark.parametrize(("lost", "served"), [(1, Served.CONSISTENT), (2, Served.NOT_MEASURED)])
def test_an_endpoint_of_which_more_than_a_tenth_is_missing_is_not_called_unchanged(
    lost: int, served: Served, tmp_path: Path
) -> None:
    sound, late = answered(listed(-0.5)), TOO_FEW["unreachable"][0]
    write_baseline(tmp_path / "b.json", take(Told(sound), 6, "chat"), "m", "chat", "today")
    stored = baseline.read(tmp_path / "b.json", "m", "chat")
    source = Told(lambda ask: (late if ask.name in [f"row {n} of 1" for n in range(1, lost + 1)] else sound)(ask))
    found = compare(source, stored, 10, "chat", 0.01, "ab")
    assert found.served is served
    if served is Served.NOT_MEASURED:
        assert found.summary.startswith("Not measured: 2 of 10 requests got no answer, and the others show no change. No conn")


@pytest.mark.parametrize(
    "rows",
    [
        None, [], [{}] * 9, 9 * [{"abc": -1.0}], 9 * [{"[" * 9999: -1.0}], 9 * [{"5": -1.0}], 9 * [{"[[1], {}, 3]": -1.0}],
        *(9 * [{'["id", 1]': value}] for value in (math.nan, -math.inf, 1e308, "-1", None)), 9999 * [{'["id", 1]': -1.0}],
    ],
)  # fmt: skip
def test_damaged_rows_are_one_sentence(rows: object) -> None:
    with pytest.raises(AuditError, match="no baseline that this version reads"):
        rows_in(Baseline(Path("b.json"), baseline.ROWS, "today", {"prompt": PROMPT, "rows": rows}))
