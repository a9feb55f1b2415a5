"""The fast paths of the generator against the whole permutation and the whole stream, and against torch itself."""

from __future__ import annotations

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


def test_gathered_and_single_words_are_those_of_the_stream() -> None:
    stream = mersenne.words(7, 5000)
    places = np.array([[0, 4999, 623], [624, 623, 1248]])
    assert np.array_equal(mersenne.gathered(7, places), stream[places])
    assert np.array_equal(mersenne.word_at([7] * 4, [0, 623, 624, 4999]), stream[[0, 623, 624, 4999]])
    assert mersenne.gathered(7, np.empty((0,), np.int64)).size == 0
