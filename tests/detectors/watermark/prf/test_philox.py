"""Philox against published and upstream words, and one candidate against all."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.watermark.prf import philox


def test_known_answer_of_the_generator() -> None:
    """Random123's known answers for philox4x32-10: zeros, and ones."""
    zero, ones = np.zeros(1, np.uint64), np.full(1, 0xFFFFFFFF, np.uint64)
    assert [int(w[0]) for w in philox.philox4x32((zero,) * 4, (zero,) * 2)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert [int(w[0]) for w in philox.philox4x32((ones,) * 4, (ones,) * 2)] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_words_of_vllm() -> None:
    words = philox.words(42, [[1, 2, 3, 4], [4, 5, 6, 7]], [[7, 8], [7, 8]])
    assert words.tolist() == [[425429266, 2706218805], [2494036831, 3424185538]]


def test_candidates_do_not_depend_on_their_neighbours() -> None:
    context = np.array([[-1, -1, 5, 9, 12]])
    all_at_once = philox.words(2**64 - 1, context, np.arange(50)[None])[0]
    assert [int(philox.words(2**64 - 1, context, [[v]])[0, 0]) for v in range(50)] == all_at_once.tolist()
    assert (philox.uniform(all_at_once) > 0).all() and (philox.uniform(all_at_once) < 1).all()


def test_four_at_once_for_the_whole_vocabulary() -> None:
    for size, context in ((1, [3, 4, 5, 6]), (1003, [-1, -1, 5, 9, 12]), (64, [7])):
        each = philox.words(2**64 - 3, [context], np.arange(size)[None])[0]
        assert np.array_equal(philox.vocabulary_words(2**64 - 3, context, size), each)
