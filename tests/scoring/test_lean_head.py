"""The head without torch: its tiles against whole rows, against the oracle, and whatever the number of threads and rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_audit.common.errors import NotAvailable
from llm_audit.scoring import lean_head
from llm_audit.scoring.head import Head
from llm_audit.scoring.lean_head import COLUMNS, LeanHead
from llm_audit.scoring.team import Team
from llm_audit.scoring.tokens import Decoding
from tests.processors import sums_hang_on_no_place
from tests.scoring import oracle
from tests.scoring.test_head import assert_within_oracle_error, random_case


@pytest.mark.parametrize("vocabulary", [7, COLUMNS - 1, COLUMNS, COLUMNS + 1, 3 * COLUMNS + 5])
@pytest.mark.parametrize("n", [1, 13, 150])
def test_columns_agree_with_the_oracle(n: int, vocabulary: int) -> None:
    states, weight, targets = random_case(n, vocabulary)
    (found,) = LeanHead(weight.numpy(), Team(2)).columns(states.numpy(), targets.numpy())
    exact, rounded = (oracle.columns(states, weight, targets, dtype) for dtype in (torch.float64, torch.float32))
    assert_within_oracle_error(found, exact, rounded)


@pytest.mark.parametrize("spread", [0.01, 1.0, 20.0])
def test_tiles_that_are_far_apart_are_added_as_they_are(spread: float) -> None:
    """Whole tiles below every other one by up to hundreds of nats, and by next to nothing."""
    states, weight, targets = random_case(20, 4 * COLUMNS, hidden=8)
    states[:, 0], weight[:, 0] = 1.0, torch.arange(4).repeat_interleave(COLUMNS) * spread
    (found,) = LeanHead(weight.numpy(), Team(1)).columns(states.numpy(), targets.numpy())
    exact, rounded = (oracle.columns(states, weight, targets, dtype) for dtype in (torch.float64, torch.float32))
    assert_within_oracle_error(found, exact, rounded)


@pytest.mark.parametrize("decodings", [(Decoding(),), (Decoding(), Decoding(temperature=0.7))], ids=["plain", "two"])
def test_the_first_setting_is_the_same_beside_others(decodings: tuple[Decoding, ...]) -> None:
    states, weight, targets = random_case(40, 2 * COLUMNS + 1)
    found = LeanHead(weight.numpy(), Team(1), *decodings).columns(states.numpy(), targets.numpy())[0]
    expected = Head(weight)(states, targets)[0]
    for name, column in expected.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-5, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("n", [2, 5, 64, 300])
def test_ties_share_their_mass_across_tiles(n: int) -> None:
    states, weight, _ = random_case(n, 3 * COLUMNS)
    twins = [20, 36, COLUMNS + 20, 2 * COLUMNS + 36]
    weight[twins] = weight[20].clone()
    (found, *others) = (LeanHead(weight.numpy(), Team(2)).columns(states.numpy(), np.full(n, twin))[0] for twin in twins)
    if not sums_hang_on_no_place():
        pytest.skip("equal weights have other bits in another place on this processor")
    np.testing.assert_allclose(found["tie_mass"], 4 * np.exp(found["logprob"]), rtol=1e-5)
    for other in others:
        np.testing.assert_array_equal(found["rank"], other["rank"])


def test_neither_threads_nor_blocks_of_rows_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    states, weight, targets = (each.numpy() for each in random_case(150, 3 * COLUMNS + 5))
    (expected,) = LeanHead(weight, Team(1)).columns(states, targets)
    found = [LeanHead(weight, Team(size)).columns(states, targets)[0] for size in (2, 3, 4)]
    monkeypatch.setattr(lean_head, "ROWS", 64)
    found += LeanHead(weight, Team(2)).columns(states, targets)
    for name, column in expected.items():
        for each in found:
            if sums_hang_on_no_place():
                np.testing.assert_array_equal(each[name], column, err_msg=name)
            np.testing.assert_allclose(each[name], column, rtol=2e-6, atol=2e-6, err_msg=name)


def test_many_threads_share_the_memory_of_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    states, weight, targets = (each.numpy() for each in random_case(300, 4 * COLUMNS))
    monkeypatch.setattr(lean_head, "LOGIT_BYTES", 4 * COLUMNS * 4 * 100)
    head = LeanHead(weight, Team(4))
    (found,) = head.columns(states, targets)
    assert len(found["rank"]) == 300 and head._block.nbytes == 4 * COLUMNS * 4 * 100
    head.release()
    assert head._block.nbytes == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_is_an_error_in_whichever_tile_it_is(wrong: float) -> None:
    states, weight, targets = (each.numpy() for each in random_case(9, 3 * COLUMNS))
    states[4, 0], weight[:, 0] = 1.0, 0.0
    weight[2 * COLUMNS + 7, 0] = wrong
    states[np.arange(9) != 4, 0] = 0.5
    with pytest.raises(NotAvailable, match="not finite"):
        LeanHead(weight, Team(1)).columns(states, targets)
