"""The trained head as a detector: file format, explanation, edges. Random weights; `tests/training` has trained ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.origin.classifier import STATISTICS, Head, load_head, path_of, resolve, rule_of
from llm_audit.testing import check_rule, sample_scores
from tests.training.test_heads import card

LAYERS, WIDTH = 2, 5
D = LAYERS * WIDTH + len(STATISTICS)


def head(kind: str = "logistic", seed: int = 0) -> Head:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    h = 1 if kind == "logistic" else 4
    return Head(
        card=card(kind, layers=(1, 2), statistics=tuple(STATISTICS)),
        mean=draw(D),
        limit=np.full(D, 3, np.float32),
        weight=draw(h, D),
        bias=draw(h),
        out=None if kind == "logistic" else draw(2, h),
        out_bias=0.0 if kind == "logistic" else 0.5,
        seen=np.arange(3, dtype=np.uint64),
    )


SCORES = sample_scores(100, np.random.default_rng(1), states=(LAYERS, WIDTH))
KINDS = ("logistic", "mlp", "attention")


@pytest.mark.parametrize("kind", KINDS)
def test_contract(kind: str) -> None:
    check_rule(rule_of(head(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_gives_the_same_head(kind: str, tmp_path: Path) -> None:
    written = head(kind)
    (tmp_path / "a.safetensors").write_bytes(written.content)
    read = load_head(tmp_path / "a.safetensors")
    assert read.digest == written.digest
    assert read.card == written.card
    assert read.score(SCORES) == written.score(SCORES)


def test_the_score_is_the_mean_of_the_blocks_logits() -> None:
    one = head()
    blocks = [one.score(SCORES[start : start + 16]) for start in range(0, 96, 16)]
    assert one.score(SCORES) == pytest.approx(np.mean(blocks), rel=1e-5)


def test_a_text_of_less_than_a_block_is_no_evidence() -> None:
    assert head().score(SCORES[:15]) == 0.0


def test_the_shares_of_a_logistic_head_add_up_to_its_score() -> None:
    one = head()
    shares = one.explain(SCORES)
    assert sum(value for _, value in shares) == pytest.approx(one.score(SCORES), rel=1e-5)
    assert [abs(value) for _, value in shares] == sorted((abs(value) for _, value in shares), reverse=True)
    assert {name for name, _ in shares} == {"states of layer 1", "states of layer 2", *STATISTICS, "constant"}


@pytest.mark.parametrize("kind", ["mlp", "attention"])
def test_a_share_is_what_is_lost_without_that_statistic(kind: str) -> None:
    one, column = head(kind), LAYERS * WIDTH + list(STATISTICS).index("entropy")
    features = one.features(SCORES)
    features[:, column] = one.mean[column]
    logits, weights = one.evidence(features)
    assert dict(one.explain(SCORES))["entropy"] == pytest.approx(one.score(SCORES) - float(logits @ weights), abs=1e-5)


def test_no_single_feature_decides() -> None:
    assert SCORES.states is not None
    wild = dataclasses.replace(SCORES, states=SCORES.states * np.float16(1000))
    one = head()
    bound = float(np.abs(one.weight[0]) @ one.limit) + abs(float(one.bias[0]))
    assert abs(one.score(wild)) <= bound


@pytest.mark.parametrize("damage", ["truncated", "not finite", "other format", "empty"])
def test_damaged_files_are_refused(damage: str, tmp_path: Path) -> None:
    one, path = head(), tmp_path / "a.safetensors"
    broken = dataclasses.replace(one, weight=one.weight * np.float32(np.nan))
    path.write_bytes(
        {"truncated": one.content[:300], "not finite": broken.content, "other format": b"{}" * 99, "empty": b""}[damage]
    )
    with pytest.raises(AuditError, match="is not a classifier of this version"):
        load_head(path)


def test_unknown_classifiers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path))
    with pytest.raises(AuditError, match="no classifier 'mine': you have none yet"):
        resolve("mine")
    path_of("other").parent.mkdir()
    path_of("other").write_bytes(head().content)
    with pytest.raises(AuditError, match="no classifier 'mine': yours are other"):
        resolve("mine")
    assert resolve("other").digest == resolve(str(path_of("other"))).digest == head().digest
    for name in ("../x", "A", ""):
        with pytest.raises(AuditError, match="is not a classifier name"):
            path_of(name)


def test_scores_without_the_states_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="needs the states of layers"):
        head().score(sample_scores(64, np.random.default_rng(0)))
