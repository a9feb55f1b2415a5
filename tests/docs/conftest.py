"""The folder in which the sessions of the documentation run, and the endpoint that some of them ask."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_audit.common.paths import cache_root
from llm_audit.scoring.pins import DEFAULT_MODEL
from tools.site import playground
from tools.site.pages import ROOT


@pytest.fixture(scope="session")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of scores that all sessions share, with the embedded model in it."""
    root = tmp_path_factory.mktemp("docs-cache")
    (root / "models").mkdir()
    (root / "models" / DEFAULT_MODEL).symlink_to(cache_root() / "models" / DEFAULT_MODEL)
    return root


@pytest.fixture
def play(tmp_path: Path, scores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The playground, as the working folder."""
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(scores))
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("llm_audit.cli.progress.SECONDS", 1e9)  # no lines of progress, however slow the machine
    folder = playground.make(tmp_path / "play")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Address of the small model, served in 4 bits."""
    command = [sys.executable, "-m", "fixtures.servers", "fixtures/membership/model", "Q4_0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(60)
        server.stdout.close()
