"""The passages over the text: every letter once, and each shared stretch as of the passage that looks the most unusual."""

from __future__ import annotations

import numpy as np

from llm_audit.reports.views.passages import Passage, segments


def passage(number: int, start: int, end: int, p: float | None) -> Passage:
    return Passage(number, start, end, "", None, p, None, p, 100, None, False)


def shown(length: int, *found: Passage) -> list[tuple[int, int | None]]:
    return [(len(text), each and each.number) for text, each in segments("x" * length, list(found))]


def test_what_two_passages_share_is_shown_as_of_the_one_with_the_smaller_p() -> None:
    first, second, third = passage(1, 0, 100, 0.5), passage(2, 50, 150, 0.01), passage(3, 100, 200, 0.3)
    assert shown(200, first, second, third) == [(50, 1), (100, 2), (50, 3)]
    cold = passage(2, 50, 150, 0.9)
    assert shown(200, first, cold, third) == [(100, 1), (100, 3)]  # the table below has its number
    assert shown(220, passage(1, 10, 60, None), passage(2, 30, 200, 0.2)) == [(10, None), (20, 1), (170, 2), (20, None)]


def test_of_an_interrupted_passage_the_first_piece_is_its_own() -> None:
    assert shown(100, passage(1, 0, 100, 0.5), passage(2, 40, 60, 0.1)) == [(40, 1), (20, 2), (40, None)]


def test_every_letter_comes_once_and_no_passage_twice() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        text = "".join(map(chr, rng.integers(97, 123, 60)))
        made = [sorted(rng.integers(0, 70, 2)) for _ in range(rng.integers(0, 8))]
        found = [passage(number, int(a), int(b), float(rng.random())) for number, (a, b) in enumerate(made)]
        pieces = segments(text, found)
        assert "".join(piece for piece, _ in pieces) == text
        numbers = [each.number for _, each in pieces if each]
        assert len(numbers) == len(set(numbers))
