"""Two worlds to run in, neither of which touches the user's own cache and populations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import llm_audit
from tests.cli.tool import HUMAN, Tool


@pytest.fixture
def tool(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tool:
    monkeypatch.setattr("llm_audit.cli.progress.SECONDS", 1e9)  # no lines of progress, however slow the machine
    return Tool(capfd)


def write_texts(path: Path, n: int, words: int = 70) -> Path:
    """JSON lines of `n` texts, drawn from the words of the human essay."""
    vocabulary, rng = Path(HUMAN).read_text().split(), np.random.default_rng(n)
    path.write_text("".join(json.dumps({"text": " ".join(rng.choice(vocabulary, words))}) + "\n" for _ in range(n)))
    return path


@pytest.fixture
def embedded(embedded_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The embedded model and the population that comes with it."""
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(embedded_root))
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    return embedded_root


@pytest.fixture(scope="session")
def tiny_root(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache, and the population `own` of 40 texts scored by the tiny model."""
    root = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_AUDIT_CACHE", str(root / "cache"))
        patch.setenv("LLM_AUDIT_DATA", str(root / "data"))
        llm_audit.calibrate(write_texts(root / "human.jsonl", 40), "own", setup=llm_audit.Setup(model=str(tiny_llama)))
    return root


@pytest.fixture
def tiny(tiny_root: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The options that choose the tiny model and its population, which know no language but are fast."""
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tiny_root / "cache"))
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tiny_root / "data"))
    return ("--model", str(tiny_llama), "--population", "own")
