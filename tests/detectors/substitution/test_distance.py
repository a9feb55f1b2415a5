"""Distances by hand, and what is not compared."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.membership.train import FIXTURE, START
from llm_audit.detectors.substitution.distance import of_tables, to_endpoint
from llm_audit.detectors.substitution.reference_model import Vocabulary
from llm_audit.endpoints.records import Ask, Position, Reply, Token
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.testing import sample_scores


def test_by_hand() -> None:
    ours, theirs = {1: -0.5, 2: -1.0, 3: -3.0}, {1: -0.6, 2: -1.2, 4: -2.0}
    # Token 3 is missing there: taken as their smallest, -2; token 4 here: as ours, -3.
    assert of_tables(ours, theirs) == pytest.approx((0.1 + 0.2 + 1.0 + 1.0) / 4)


def test_longer_tables_are_cut_to_the_shorter() -> None:
    assert of_tables({1: -0.1, 2: -3.0}, {1: -0.1, 2: -3.0, 3: -9.0}) == 0.0


def test_tables_without_a_common_token_are_far_apart() -> None:
    assert of_tables({1: -0.1, 2: -5.0}, {3: -0.1, 4: -5.0}) == pytest.approx((4.9 + 0 + 4.9 + 0) / 4)


tables = st.dictionaries(st.integers(0, 9), st.floats(-20, 0), min_size=1, max_size=10)


@given(tables, tables)
def test_a_distance_is_symmetric_finite_and_zero_for_the_same(one: dict[int, float], other: dict[int, float]) -> None:
    assert of_tables(one, other) == pytest.approx(of_tables(other, one))
    assert math.isfinite(of_tables(one, other)) and of_tables(one, other) >= 0
    assert of_tables(one, one) == 0


def test_a_coarser_rounding_is_farther() -> None:
    rng = np.random.default_rng(1)
    table = {i: float(value) for i, value in enumerate(-rng.exponential(3, 20))}

    def moved(size: float) -> float:
        return of_tables(table, {i: value + size * float(rng.normal()) for i, value in table.items()})

    assert moved(0.001) < moved(0.01) < moved(0.1) < moved(1.0)


@pytest.mark.parametrize("name", ["", "<s>"])
def test_a_control_token_without_a_name_is_left_out_on_both_sides(name: str) -> None:
    """llama.cpp gives control tokens the text ""; where no ids are told they cannot be found again."""
    tokenizer = load_tokenizer(FIXTURE)
    ids, logprobs = [tokenizer.token_to_id("e"), START, tokenizer.token_to_id("a")], [-0.5, -1.5, -4.0]
    texts = ["e", name, "a"]
    top = tuple((Token(None, None, text), value) for text, value in zip(texts, logprobs, strict=True))
    ask = Ask("question 1", "?", "chat", 1, 0.0, 3)
    reply = Reply(ask, "e", (Position(top[0][0], -0.5, top),), (), "", "", "", (None, None), (), 0.1, 1)
    scores = replace(
        sample_scores(1, np.random.default_rng(0)),
        top_ids=np.array([ids], np.int32), top_logprobs=np.array([logprobs], np.float32),
    )  # fmt: skip
    assert to_endpoint(reply, scores, Vocabulary(tokenizer), 3) == pytest.approx(0.0, abs=1e-6)
