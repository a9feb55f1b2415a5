"""What models know by heart, and what repeats itself: seen, without a model, on scores made for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.detectors.origin.conclude import of_whole
from llm_audit.detectors.origin.doubt import SEQUENCE, doubt, repeated_share
from llm_audit.results import Verdict
from tests.reports import factory

LINE = "I will not talk in class while others are talking."


def slow_repeated_share(text: str) -> float:
    words = text.split()
    grams = [tuple(words[i : i + SEQUENCE]) for i in range(len(words) - SEQUENCE + 1)]
    within = {i + k for i, gram in enumerate(grams) if gram in grams[:i] for k in range(SEQUENCE)}
    return len(within) / len(words) if words else 0.0


@given(st.lists(st.sampled_from("ab"), max_size=60).map(" ".join))
def test_the_share_that_is_repeated_is_that_of_the_slow_way(text: str) -> None:
    assert repeated_share(text) == pytest.approx(slow_repeated_share(text))


def test_one_line_forty_times_repeats_itself() -> None:
    assert repeated_share(" ".join([LINE] * 40)) > 0.9
    assert doubt(" ".join([LINE] * 40), {}) == "repetitive"
    assert doubt(LINE, {}) is None


P = {"AUD103": 0.001, "AUD104": 0.001, "AUD110": 0.95}


def test_what_is_expected_word_by_word_in_a_style_of_no_machine_is_known_by_heart() -> None:
    assert doubt(LINE, P) == "known_by_heart"
    assert doubt(LINE, P | {"AUD110": 0.001}) is None  # a machine's style
    assert doubt(LINE, P | {"AUD104": 0.2}) is None
    assert doubt(LINE, {code: P[code] for code in ("AUD103", "AUD104")}) is None  # nobody was asked about the style


@pytest.mark.parametrize("why", ["known_by_heart", "repetitive"])
def test_a_finding_on_such_a_text_is_taken_back_and_nothing_else(why: str) -> None:
    document = factory.finding().model_copy(update={"doubt": why})
    verdict, said = of_whole(document, Verdict.FINDING, "x")
    assert verdict is Verdict.NOT_ASSESSABLE and said.startswith("Not assessable. ")
    assert of_whole(document, Verdict.PASS, "x") == (Verdict.PASS, "x")


def test_a_document_of_which_more_than_a_tenth_was_left_out_never_passes() -> None:
    document = factory.passing().model_copy(update={"omitted": 0.4})
    verdict, said = of_whole(document, Verdict.PASS, "Nothing.")
    assert verdict is Verdict.INCONCLUSIVE and said.startswith("40% of what a reader of this document sees was not judged")
    verdict, said = of_whole(document, Verdict.FINDING, "Found.")
    assert verdict is Verdict.FINDING and "40%" in said
