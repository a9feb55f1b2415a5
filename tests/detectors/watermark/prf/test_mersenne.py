"""The fast paths of the generator against the whole permutation and the whole stream, and against torch itself."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from llm_audit.detectors.watermark.prf import mersenne


@pytest.mark.parametrize("seed", [0, 42, 2**32 + 42, 2**63 + 5])
def test_torch_gives_the_same(seed: int) -> None:
    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    assert mersenne.randperm(seed, 5000).tolist() == torch.randperm(5000, generator=generator()).tolist()
    assert mersenne.uniform(mersenne.words(seed, 3000)).tolist() == torch.rand(3000, generator=generator()).tolist()


@pytest.mark.parametrize(("size", "count"), [(53, 13), (53, 0), (53, 52), (53, 53), (2, 1), (1000, 250), (4096, 4000)])
def test_following_one_slot_tells_what_the_whole_permutation_tells(size: int, count: int) -> None:
    rng = np.random.default_rng(size + count)
    seeds, targets = rng.integers(0, 2**64, 300, dtype=np.uint64), rng.integers(0, size, 300)
    whole = [int(t) in set(mersenne.randperm(int(s), size)[:count].tolist()) for s, t in zip(seeds, targets, strict=True)]
    assert mersenne.among_first(seeds, targets, size, count).tolist() == whole


def test_single_words_are_those_of_the_stream() -> None:
    assert np.array_equal(mersenne.word_at([7] * 4, [0, 623, 624, 4999]), mersenne.words(7, 5000)[[0, 623, 624, 4999]])


@pytest.mark.parametrize("most", [1, 2, 7, 5000])
def test_words_by_their_places_are_those_of_the_whole_stream_in_any_order(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places behind, between and before the states that were kept, again and again, with one state or one for each block."""
    monkeypatch.setattr(mersenne, "MOST_STATES", most)
    length, rng = 624 * 29 + 5, np.random.default_rng(most)
    whole, stream = mersenne.words(7, length), mersenne.Stream(7, length)
    asked = [np.array([[0, 4999, 623], [624, 623, 1248]]), np.array([length - 1, 0]), np.empty(0, np.int64)]
    asked += [rng.integers(0, length, int(rng.integers(1, 60))) for _ in range(20)] + [np.arange(length)]
    for places in asked:
        assert np.array_equal(stream.words(places), whole[places])
    assert mersenne.stream(7, length) is mersenne.stream(7, length)


def test_a_place_that_was_passed_is_found_again_without_running_there() -> None:
    """Of 200 million words: the second time must not take a tenth of the first."""
    took, stream = [], mersenne.Stream(7, 200_000_000)
    stream.words([0])  # compiles
    for _ in range(2):
        start = time.process_time()
        stream.words([199_999_999])
        took.append(time.process_time() - start)
    assert took[1] < 0.1 * took[0]
