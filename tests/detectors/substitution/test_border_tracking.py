"""Border inputs over time: what is counted and said, and files of baselines that are not what they should be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.detectors.substitution import border_tracking
from llm_audit.detectors.substitution.border_watch import CANDIDATES, read_baseline, write_baseline
from llm_audit.results import Verdict
from llm_audit.results.substitution_evidence import BorderChange
from tests.detectors.laws import again, judge

TEXTS = ("the", "a", "", "one")


def counted(law: tuple[float, ...], seed: int) -> list[dict[str, int]]:
    rows = np.random.default_rng(seed).multinomial(50, law, 8).tolist()
    return [{text: count for text, count in zip(TEXTS, row, strict=True) if count} for row in rows]


USUAL = (0.4, 0.4, 0.1, 0.1)


def test_the_same_law_passes_and_another_is_found() -> None:
    same = judge(border_tracking, counted(USUAL, 1), counted(USUAL, 2), "5", alpha=0.01)
    other = judge(border_tracking, counted(USUAL, 1), counted((0.1, 0.7, 0.1, 0.1), 2), "5", alpha=0.01)
    assert (same.verdict, other.verdict) == (Verdict.PASS, Verdict.FINDING)
    assert other.p_value == other.p_floor == 1 / 10_000 and same.effect and other.effect
    assert abs(same.effect.value) < 0.05 < 0.2 < other.effect.value
    assert "400 answers to 8 prompts and of 400 before are" in same.reason


def test_answers_that_came_at_one_time_alone_count_as_none_at_the_other() -> None:
    found = border_tracking.measure([{"a": 2, "b": 1}], [{"b": 4, "c": 1}], "5").evidence
    assert (found.inputs[0].before, found.inputs[0].after) == ((2, 1, 0), (0, 4, 1))


def test_forged_counts_are_refused() -> None:
    found = judge(border_tracking, counted(USUAL, 1), counted(USUAL, 2), "5", alpha=0.01)
    assert isinstance(found.evidence, BorderChange)
    first, *others = found.evidence.inputs
    for change in ({"before": (-1, 2, 3, 4)}, {"after": (10**6, 2, 3, 4)}, {"after": (1,)}):
        forged = found.evidence.model_copy(update={"inputs": (first.model_copy(update=change), *others)})
        with pytest.raises((ValueError, NotDerivable)):
            again(found.model_copy(update={"evidence": forged}), Terms(0.01))


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, counts = tmp_path / "b.json", dict(zip(CANDIDATES, counted(USUAL, 1), strict=False))
    write_baseline(path, counts, "m", "2026-11-29")
    assert read_baseline(path, "m") == (counts, "2026-11-29")
    with pytest.raises(AuditError, match="is of the model 'm', not 'other'"):
        read_baseline(path, "other")
    for change in ({"version": 2}, {"counts": {"a": {"x": 1}}}, {"counts": {each: {"x": -3} for each in CANDIDATES}}):
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(AuditError, match="no baseline that this version reads"):
            read_baseline(path, "m")
    for text in ("{}", "[]", "nonsense", '{"kind": "llm-audit border baseline"}'):
        path.write_text(text)
        assert read_baseline(path, "m") is None


def test_a_baseline_of_few_answers_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="nothing was written"):
        write_baseline(tmp_path / "b.json", {"a": {"x": 50}, "b": {"x": 24}}, "m", "today")
    assert not list(tmp_path.iterdir())
