"""Dataset inference: size under label exchange, power, features."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import dataset
from llm_audit.detectors.membership.collection import Item, collect
from llm_audit.results import Verdict
from tests.detectors.laws import judge
from tests.detectors.membership.readers import Reader, holds, infer

WORDS = [f"word{i}" for i in range(300)]


def items(rng: np.random.Generator, n: int, side: str) -> list[Item]:
    return [Item(" ".join(rng.choice(WORDS, 12)), f"{side}:{i}", f"{side}:{i}") for i in range(n)]


def test_features_of_three_tokens_by_hand() -> None:
    scores = replace(
        Reader().scores("abcdabcdabcd"),
        logprob=np.array([-1, -4, -2.5], np.float32),
        entropy=np.array([1, 2, 2], np.float32),
        varentropy=np.array([1, 4, 0.25], np.float32),
        rank=np.array([1, 8, 4], np.int32),
    )
    found = dataset.features("abcdabcdabcd", scores)
    lowest = [-4, -4, -4, -4, -4, -4, -4]  # shares of up to .6 of three tokens: one token
    highest = [-1, -1, -1, -1, -1, -1, -1]
    last = [-1, -np.log(8 * 4) / 3, 1 / 3, -2.5 / len(zlib.compress(b"abcdabcdabcd"))]
    np.testing.assert_allclose(found, [-2.5, *lowest, *highest, *last], rtol=1e-6)


def test_size_under_random_labels_of_features_that_are_correlated_and_heavy_tailed() -> None:
    rng, p_values = np.random.default_rng(1), []
    for _ in range(1000):
        values = rng.standard_t(2, (60, 1)) + rng.standard_normal((60, 5))
        outcome, tested = infer(values, np.arange(60) < 30, rng, 199)
        p_values.append(outcome.p_value)
        assert tested.sum() == 30
    assert holds(p_values)
    assert np.mean(np.array(p_values) <= 0.05) > 0.02  # exact but where every weight is zero, and p is 1


def test_a_seen_collection_is_found_and_an_unseen_one_is_not() -> None:
    rng = np.random.default_rng(2)
    suspects, held_out = collect(items(rng, 60, "s")), collect(items(rng, 60, "h"))
    seen = Reader(seen=[item.text for item in suspects.items], gain=0.7)
    found = judge(dataset, seen, suspects, held_out, draws=999, alpha=0.01, seed="x")
    assert found.verdict is Verdict.FINDING and found.n == 60
    assert found.effect and found.effect.value > 0.7
    swapped = judge(dataset, seen, held_out, suspects, draws=999, alpha=0.01, seed="x")
    assert swapped.verdict is Verdict.PASS, "held-out texts that the model knows better are nothing against the suspects"
    assert judge(dataset, Reader(), suspects, held_out, draws=999, alpha=0.01, seed="x").verdict is Verdict.PASS


def test_the_unit_is_the_document() -> None:
    rng = np.random.default_rng(3)
    suspects = collect(replace(item, document=f"s{i // 3}") for i, item in enumerate(items(rng, 60, "s")))
    held_out = collect(items(rng, 20, "h"))
    assert judge(dataset, Reader(), suspects, held_out, draws=99, alpha=0.01, seed="x").n == 20
    with pytest.raises(AuditError, match="19 suspect documents"):
        dataset.check(collect(suspects.items[:57]), held_out)
    with pytest.raises(AuditError, match="5 held-out documents"):
        dataset.check(suspects, collect(held_out.items[:5]))
