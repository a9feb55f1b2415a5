from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from llm_audit.training.sampler import DualSampler

LABELS = np.array([1] * 10 + [0] * 37)


def sampler(seed: int = 0, share: float = 0.5) -> DualSampler:
    return DualSampler(LABELS, 8, np.random.default_rng(seed), share)


def test_every_batch_has_the_share_of_machine_texts() -> None:
    for share, machine in ((0.5, 4), (0.25, 2), (0.0, 1), (1.0, 7)):
        assert {int(LABELS[batch].sum()) for batch in sampler(share=share)} == {machine}


def test_an_epoch_goes_once_over_the_class_that_takes_more_batches() -> None:
    drawn = Counter(int(i) for batch in sampler() for i in batch)
    assert len(sampler()) == 10
    assert set(drawn) == set(range(47))
    assert sum(drawn[i] for i in range(10)) == 40
    assert all(drawn[i] == 4 for i in range(10))
    assert all(1 <= drawn[i] <= 2 for i in range(10, 47))


def test_cells_of_a_class_are_drawn_equally_often() -> None:
    cells = np.array([0] * 9 + [1] + [2] * 30 + [3] * 7)
    endless = DualSampler(LABELS, 8, np.random.default_rng(0), cells=cells)
    drawn = Counter(int(cells[i]) for _ in range(50) for batch in endless for i in batch)
    assert drawn[0] == pytest.approx(drawn[1], rel=0.01)
    assert drawn[2] == pytest.approx(drawn[3], rel=0.01)
    assert {int(i) for _ in range(50) for batch in endless for i in batch} == set(range(47))


def test_the_order_is_a_function_of_the_generator() -> None:
    batches = [np.stack(list(sampler(seed))) for seed in (0, 0, 1)]
    assert np.array_equal(batches[0], batches[1])
    assert not np.array_equal(batches[0], batches[2])


@pytest.mark.parametrize(("labels", "size"), [([1, 1], 2), ([0, 0], 2), ([0, 1], 1)])
def test_what_cannot_hold_both_classes_is_refused(labels: list[int], size: int) -> None:
    with pytest.raises(ValueError, match="both classes"):
        DualSampler(np.array(labels), size, np.random.default_rng(0))
