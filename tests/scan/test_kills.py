"""SIGKILL at random moments: no byte of the results changes, no document is lost or written twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scan.conftest import line

ROOT = Path(__file__).parents[2]


def check_kills(corpus: Path, folder: Path, documents: int, kills: int, *options: str) -> None:
    """Run `killing` and look at what it says of every scan."""
    command = [sys.executable, "-m", "tests.scan.killing", str(corpus), str(folder), str(kills), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(run["kills"] for run in runs) >= kills
    for run in runs:
        assert run["same"]
        assert run["positions"] == run["lines"] == documents


@pytest.mark.parametrize("kills", [8, pytest.param(25, marks=pytest.mark.slow)])
def test_kills(tmp_path: Path, kills: int) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(map(line, range(400))))
    check_kills(corpus, tmp_path / "scans", 400, kills)
