"""A disk that fails at the k-th call, for every k: one sentence, and the next run ends with the same bytes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scan.failing import WHEN

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize(("call", "least"), [("write", 15), ("fsync", 10), ("rename", 5), ("pwrite64", 0), ("ftruncate", 0)])
def test_every_kth_call_fails(corpus: Path, tmp_path: Path, call: str, least: int, error: str) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace, which makes system calls fail, is not installed")
    strace = ["strace", "-f", "-o", str(tmp_path / "log"), "-e", f"trace={call}"]
    failing = [sys.executable, "-B", "-m", "tests.scan.failing", str(corpus), str(tmp_path / "scans"), call]
    done = subprocess.run(
        [*strace, "-e", f"inject={call}:error={error}:when={WHEN}", *failing], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    scans = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [scan for scan in scans if scan["said"] != "finished"]
    assert len(failed) >= least
    for scan in scans:
        assert (scan["again"], scan["same"]) == ("finished", True), scan
    for scan in failed:
        assert scan["own"], scan
        assert scan["said"].startswith("refused: Cannot write "), scan
    assert "(INJECTED)" in (tmp_path / "log").read_text()
