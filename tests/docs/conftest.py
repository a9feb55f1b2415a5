"""The folder in which the sessions of the documentation run, and the endpoint that some of them ask."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.site import playground
from tools.site.pages import ROOT


@pytest.fixture
def play(tmp_path: Path, embedded_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The playground, as the working folder."""
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(embedded_root))
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
