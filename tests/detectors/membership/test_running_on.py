"""Rows that run on: the table, the exact size whatever the rows are, and that a story cut into rows is seen."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from benchmarks.exchangeability import shuffled, story
from fixtures.membership import grammar
from llm_audit.detectors.membership import blind_baseline
from llm_audit.detectors.membership.running_on import (
    SCALE,
    Following,
    kind_of_beginning,
    kind_of_end,
    runs_on,
    runs_on_later,
    shipped,
)
from llm_audit.detectors.membership.signs import RUNNING_ON, RUNNING_ON_LATER
from llm_audit.detectors.rule import Terms
from llm_audit.results import Result, Verdict
from tests.detectors.laws import again
from tests.detectors.membership.readers import holds

TERMS = Terms(0.01)
COMMON = frozenset({"the", "of", "it's"})

Rows = Callable[[np.random.Generator], list[str]]


@pytest.mark.parametrize(
    ("piece", "beginning", "end"),
    [
        ("the", "the", "the"),
        ("The", "The", "the"),
        ("(of", "of", "of"),
        ("It’s", "It's", "it's"),
        ("OF,", "Of", "<comma>"),
        ("done.”", "<word>", "<end>"),
        ("House", "<capital>", "<capital>"),
        ("1,742", "<number>", "<number>"),
        ("walking", "<ing>", "<ing>"),
        ("—", "<sign>", "<sign>"),
        ("Ждёт", "<capital>", "<capital>"),
        ("", "<sign>", "<sign>"),
    ],
)
def test_what_a_row_begins_and_ends_with(piece: str, beginning: str, end: str) -> None:
    assert (kind_of_beginning(piece, COMMON), kind_of_end(piece, COMMON)) == (beginning, end)


def test_the_statistic_is_the_mean_over_all_joins() -> None:
    table = Following(np.array([[16, -8], [0, 4]], np.int8), {"the": 0, "<end>": 1}, {"<word>": 0, "The": 1}, COMMON)
    rows = ["The end of the", "day and. the", "night is over.", "1 is unknown 7"]
    orders = np.array([[0, 1, 2, 3], [2, 0, 1, 3], [3, 2, 1, 0]])
    slow = [sum(_ratio(table, rows[a], rows[b]) for a, b in itertools.pairwise(order)) / 3 for order in orders.tolist()]
    assert table.runs_on(rows, orders).tolist() == pytest.approx(slow)
    assert slow[0] == pytest.approx(32 / SCALE / 3)


def _ratio(table: Following, before: str, after: str) -> float:
    end, beginning = kind_of_end(before.split()[-1], COMMON), kind_of_beginning(after.split()[0], COMMON)
    if end not in table.ends or beginning not in table.beginnings:
        return 0.0
    return int(table.table[table.ends[end], table.beginnings[beginning]]) / SCALE


def test_the_table_that_ships_knows_what_follows_in_english() -> None:
    orders = np.array([[0, 1]])
    for likely, unlikely in (
        (["He was in", "the house"], ["He was in", "was gone"]),
        (["It was over.", "The next day"], ["It was over.", "the next day"]),
        (["They have to", "be there"], ["They have to", "The next day"]),
    ):
        assert runs_on(likely, orders) > 0.3 > 0 > runs_on(unlikely, orders)
    assert len(shipped().common) == 150


def _questions(rng: np.random.Generator) -> list[str]:
    return [row["text"] for row in shuffled(rng)]


@cache
def _texts() -> list[list[str]]:
    rng = np.random.default_rng(1)
    return [grammar.document(rng).split() for _ in range(400)]


def _cut(rng: np.random.Generator) -> list[str]:
    """Pieces of five words from anywhere in texts that have nothing to do with each other."""
    texts = [_texts()[which] for which in rng.choice(400, 17, replace=False)]
    places = [int(rng.integers(len(words) - 5)) for words in texts]
    return [" ".join(words[at : at + 5]) for words, at in zip(texts, places, strict=True)]


@pytest.mark.parametrize("rows", [_questions, _cut])
def test_rows_that_do_not_run_on_are_refused_no_more_often_than_the_level(rows: Rows) -> None:
    """Rows that stop in mid-sentence are no sign by themselves."""
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(400):
        orders = np.array([np.arange(17), *(rng.permutation(17) for _ in range(99))])
        values = runs_on(rows(rng)[:17], orders)
        p_values.append((1 + int((values[1:] >= values[0]).sum())) / 100)
    assert holds(p_values)


def _alone(texts: list[str], seed: str) -> Result:
    result = blind_baseline.derive(blind_baseline.of_order(texts, seed), TERMS)
    assert again(result, TERMS) == result
    return result


def test_a_story_cut_into_rows_is_noticed_without_a_model() -> None:
    found = [_alone([row["text"] for row in story(np.random.default_rng([run, 5]))], str(run)) for run in range(20)]
    seen = [result for result in found if result.verdict is Verdict.FINDING]
    assert len(seen) >= 18
    assert RUNNING_ON in seen[0].reason and seen[0].statistic is not None and seen[0].statistic.unit == "nats per join"
    assert seen[0].p_floor == pytest.approx(16 / 6 / 1000)


def test_the_level_is_divided_by_the_weights_of_the_signs_that_were_tested() -> None:
    result = _alone(_cut(np.random.default_rng(5)), "x")
    assert result.evidence is not None and result.evidence.kind == "signs"
    signs, shares = result.evidence.signs, {RUNNING_ON: 6 / 16, RUNNING_ON_LATER: 2 / 16}
    assert len(signs) == 10
    corrected = [(1 + sign.exceeding) / 1000 / shares.get(sign.name, 1 / 16) for sign in signs]
    assert result.p_value == pytest.approx(min(1, *corrected))
    # Earlier reports have seven signs, of which half of the level is for the last; early ones six, which share it alike.
    for kept, share in ((7, 1 / 12), (6, 1 / 6)):
        fewer = result.evidence.model_copy(update={"signs": signs[:kept]})
        early = again(result.model_copy(update={"evidence": fewer}), TERMS)
        expected = [(1 + sign.exceeding) / 1000 / (1 / 2 if sign.name == RUNNING_ON else share) for sign in signs[:kept]]
        assert early.p_value == pytest.approx(min(1, *expected))
        assert early.method.endswith("Bonferroni" + blind_baseline.HALF * (kept == 7))


def test_later_rows_are_compared_as_the_next_ones_are() -> None:
    rows = [" ".join(words) for words in (("It", "was"), ("The", "old"), ("gone", "to"), ("town", "hall"), ("see", "him."))]
    rng = np.random.default_rng(1)
    orders = np.array([np.arange(5), *(rng.permutation(5) for _ in range(60))])
    by_lag = []
    for lag in (2, 3):  # farther apart there are fewer than two pairs
        slow = np.array(
            [
                np.mean([runs_on([rows[a], rows[b]], np.array([[0, 1]]))[0] for a, b in zip(o, o[lag:], strict=False)])
                for o in orders
            ]
        )
        by_lag.append((slow - slow.mean()) / slow.std())
    assert runs_on_later(rows, orders).tolist() == pytest.approx(np.maximum(*by_lag).tolist())


def _in_turn(rng: np.random.Generator, texts: int) -> list[str]:
    """Rows of five words of several stories that take turns."""
    stories = [[row["text"] for row in story(rng)] for _ in range(texts)]
    return list(dict.fromkeys(itertools.chain(*zip(*stories, strict=False))))


@pytest.mark.parametrize("texts", [2, 3])
def test_stories_that_take_turns_are_noticed_without_a_model(texts: int) -> None:
    found = [_alone(_in_turn(np.random.default_rng([run, 6]), texts), str(run)) for run in range(10)]
    seen = [result for result in found if result.verdict is Verdict.FINDING]
    assert len(seen) >= 9
    assert RUNNING_ON_LATER in seen[0].reason
