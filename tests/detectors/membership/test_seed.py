"""Seeds: of the question itself, or registered beforehand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership.seed import Question, seed_for

QUESTION = Question("order", "ab" * 32, "cd" * 32, 99, 0.01)


def test_without_a_file_the_seed_follows_from_the_question_alone() -> None:
    assert seed_for(QUESTION, None, "now") == seed_for(QUESTION, None, "later") == QUESTION.own_seed
    others = [replace(QUESTION, **{field: "x"}) for field in ("test", "data", "model", "settings")]
    assert len({QUESTION.own_seed, *(other.own_seed for other in others)}) == 5


def test_no_alpha_and_no_number_of_draws_gives_another_seed() -> None:
    assert replace(QUESTION, draws=98).own_seed == replace(QUESTION, alpha=0.0099).own_seed == QUESTION.own_seed


def test_a_new_file_is_written_once_and_then_read(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    seed = seed_for(QUESTION, path, "2026-11-21T00:00:00+00:00")
    assert seed != QUESTION.own_seed
    content = json.loads(path.read_text())
    assert (content["seed"], content["data"], content["created"]) == (seed, QUESTION.data, "2026-11-21T00:00:00+00:00")
    assert seed_for(QUESTION, path, "later") == seed


def test_a_file_of_another_question_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    seed_for(QUESTION, path, "now")
    with pytest.raises(AuditError, match="another alpha"):
        seed_for(replace(QUESTION, alpha=0.05), path, "now")


@pytest.mark.parametrize("content", ["", "[]", "7", "{}", '{"seed": 1'])
def test_another_file_is_no_seed_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "seed.json"
    path.write_text(content)
    with pytest.raises(AuditError, match="no seed file"):
        seed_for(QUESTION, path, "now")
