"""The texts alone: exact size, and the signs of an order or of versions that look different."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import blind_baseline
from llm_audit.detectors.membership.paired import Pair
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.results import Result, Verdict, is_blind
from tests.detectors.laws import again
from tests.detectors.membership.readers import holds
from tests.detectors.membership.test_order import WORDS, rows
from tests.detectors.membership.test_paired import pairs as versions

TERMS = Terms(0.01)


def alone_order(texts: list[str], seed: str) -> Result:
    result = blind_baseline.derive(blind_baseline.of_order(texts, seed), TERMS)
    assert again(result, TERMS) == result
    return result


def alone_versions(pairs: list[Pair], seed: str) -> Result:
    result = blind_baseline.derive(blind_baseline.of_versions(pairs, seed), TERMS)
    assert again(result, TERMS) == result
    return result


def test_size_for_an_order() -> None:
    rng = np.random.default_rng(5)
    p_values = [alone_order(rows(rng), str(number)).p_value for number in range(100)]
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there


@pytest.mark.parametrize("sorting", ["alphabet", "length", "number", "topic"])
def test_a_sorted_data_set_is_noticed_without_a_model(sorting: str) -> None:
    rng = np.random.default_rng(6)
    texts = [" ".join(rng.choice(WORDS, rng.integers(4, 20))) for _ in range(40)]
    if sorting == "number":
        texts = [f"Case {number}: {text}" for number, text in enumerate(texts)]
    if sorting == "topic":
        texts = [f"{text} {number // 10}a {number // 10}b {number // 10}c" for number, text in enumerate(texts)]
    if sorting in ("alphabet", "length"):
        texts = sorted(texts, key=len if sorting == "length" else None)
    assert alone_order(texts, "x").verdict is Verdict.FINDING


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("end", [False, True])
def test_rows_that_take_turns_are_noticed(period: int, end: bool) -> None:
    """A dialogue, or templates in a cycle: neighbours are less alike than usual."""
    texts = rows(np.random.default_rng(7), 40)
    turns = [f"Speaker{i % period}" for i in range(40)]
    texts = [f"{text} {turn}" if end else f"{turn}: {text}" for text, turn in zip(texts, turns, strict=True)]
    assert alone_order(texts, "x").verdict is Verdict.FINDING


def test_too_few_rows_to_see_that_they_were_sorted() -> None:
    with pytest.raises(AuditError, match="8 different rows are needed"):
        alone_order(rows(np.random.default_rng(8), 7), "x")


def test_size_for_versions() -> None:
    rng = np.random.default_rng(3)
    p_values = [alone_versions(versions(rng, 16), str(number)).p_value for number in range(100)]
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there


def test_versions_that_look_different_are_noticed_without_a_model() -> None:
    items = versions(np.random.default_rng(4), 40)
    longer = [Pair(f"{item.public} and more", item.private, item.document) for item in items]
    marked = [
        Pair(item.public.replace(" ", " tapestry ", 1)[: len(item.public)], item.private, item.document) for item in items
    ]
    assert alone_versions(items, "x").verdict is not Verdict.FINDING
    assert alone_versions(longer, "x").verdict is Verdict.FINDING
    found = alone_versions(marked, "x")
    assert found.verdict is Verdict.FINDING


def test_its_level_is_its_own() -> None:
    measured = blind_baseline.of_order(rows(np.random.default_rng(6)), "x")
    assert blind_baseline.derive(measured, Terms(1e-6)) == blind_baseline.derive(measured, Terms(0.5))
    assert is_blind(blind_baseline.derive(measured, TERMS))


def test_signs_of_another_version_are_not_taken_for_ours() -> None:
    result = alone_order(rows(np.random.default_rng(6)), "x")
    assert result.evidence is not None and result.evidence.kind == "signs"
    other = result.evidence.model_copy(update={"signs": (result.evidence.signs[0].model_copy(update={"name": "smell"}),)})
    with pytest.raises(NotDerivable, match="signs that this version does not know"):
        again(result.model_copy(update={"evidence": other}), TERMS)
