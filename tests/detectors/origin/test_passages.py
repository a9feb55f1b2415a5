"""The passages of a text: what each holds, what it is compared with, and how it is shown."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from llm_audit.detectors import find, populations
from llm_audit.detectors.origin.passages import Passage, cut
from llm_audit.detectors.populations.population import PASSAGE, Population
from llm_audit.testing import sample_scores
from llm_audit.text import normalise
from tests.detectors.populations.test_population import datasheet

DETECTORS = [detector for detector in find(()) if not detector.hidden_layers]
CHARACTERS = 4
"""Of a token of `sample_scores`."""


@pytest.fixture(scope="module")
def population() -> Population:
    rng = np.random.default_rng(0)
    made = [sample_scores(208, rng, vocabulary=12) for _ in range(20)]
    return populations.build(datasheet(target_n=10), made, DETECTORS)


def text_of(tokens: int, sentence: int) -> str:
    """A text of so many tokens, in sentences of so many characters."""
    words = []
    for number in range(0, CHARACTERS * tokens, 10):
        last = (number + 10) // sentence > number // sentence
        words.append(f"{'W' if not words or words[-1].endswith('. ') else 'w'}ord{number:05d}"[:8] + (". " if last else ", "))
    return "".join(words)[: CHARACTERS * tokens].rstrip(" ,.") + "."


def passages(population: Population, tokens: list[int], text: str) -> list[Passage]:
    """Of a text that is judged in parts of so many tokens."""
    first = CHARACTERS * np.arange(sum(tokens), dtype=np.int32)
    windows = np.split(np.column_stack([first, first + np.int32(CHARACTERS)]), np.cumsum(tokens)[:-1])
    return list(cut(windows, population, normalise(text)))


@pytest.mark.parametrize("tokens", [64, 79, 96, 100, 128, 150, 176, 208])
def test_from_token_64_on_whatever_is_half_as_long_as_a_passage_stands_whole_in_one(
    population: Population, tokens: int
) -> None:
    found = passages(population, [tokens], text_of(tokens, 20))
    first = [passage.start for passage in found]
    assert all(passage.window == 0 and passage.start + PASSAGE <= tokens for passage in found)
    for start in range(0, tokens - tokens % 16 - PASSAGE // 2 + 1):
        if PASSAGE // 2 < start < PASSAGE and tokens >= 2 * PASSAGE:
            continue  # no human passages begin near token 32: see `_compared`
        assert any(begin <= start and start + PASSAGE // 2 <= begin + PASSAGE for begin in first), start


@pytest.mark.parametrize("sentence", [20, 60, 120, 240])
@pytest.mark.parametrize("tokens", [[64], [150], [200, 200], [130, 130, 130]])
def test_passages_end_at_sentences_and_leave_none_out(population: Population, tokens: list[int], sentence: int) -> None:
    text = text_of(sum(tokens), sentence)
    ends = {0, len(text), *(match.end() for match in re.finditer(r"\. ", text))}
    found = [passage.shown for passage in passages(population, tokens, text)]
    assert {place for shown in found for place in shown} <= ends
    assert found[0][0] == 0 and found[-1][1] == len(text)
    assert all(later[0] <= earlier[1] for earlier, later in pairwise(found))
    assert len(set(found)) == len(found)


def test_within_a_long_sentence_a_passage_ends_at_a_comma_and_else_between_words(population: Population) -> None:
    text = text_of(200, 10_000)
    for separator, end in ((", ", ", "), (" ", " ")):
        given = text.replace(", ", f"{separator}x" if separator == " " else separator)
        for passage in passages(population, [200], given):
            begin, stop = passage.shown
            assert begin == 0 or given[:begin].endswith(end)
            assert stop == len(given) or given[:stop].endswith(end)


def test_a_passage_is_compared_with_the_nearest_but_with_beginnings_only_if_it_is_one(population: Population) -> None:
    found = passages(population, [208], text_of(208, 20))
    places = {passage.start: passage.compared.start for passage in found}
    assert places == {0: 0, 64: 64, 96: 64, 128: 128, 144: 128}
    found = passages(population, [85], text_of(85, 20))
    assert [passage.compared.start for passage in found] == [0, 64]  # from token 16 on: with no beginnings
    short = populations.build(
        datasheet(target_n=10),
        [sample_scores(64, np.random.default_rng(2), vocabulary=12) for _ in range(20)],
        DETECTORS,
    )
    found = passages(short, [100], text_of(100, 20))
    assert [passage.compared.start for passage in found] == [0]  # it knows beginnings alone, and nothing is said of the rest
    assert found[0].shown[1] < 300
