"""A disk that fails at the k-th call, for every k: one sentence, and the next run ends with the same bytes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llm_audit.scan.journal import read
from tests.scan.driver import final

ROOT = Path(__file__).parents[2]
CALLS = ("write", "fsync", "rename", "ftruncate", "pwrite64")


def driver(corpus: Path, out: Path, *before: object) -> subprocess.CompletedProcess[str]:
    command = [*map(str, before), sys.executable, "-B", "-m", "tests.scan.driver", str(corpus), str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", CALLS)
def test_every_kth_call_fails(corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes], call: str, error: str) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace, which makes system calls fail, is not installed")
    failed = 0
    for k in range(1, 200):
        out, log = tmp_path / f"out-{k}", tmp_path / f"log-{k}"
        strace = ("strace", "-f", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={k}")
        done = driver(corpus, out, *strace)
        injected = "(INJECTED)" in log.read_text()
        assert "Traceback" not in done.stderr, done.stderr
        if done.returncode == 0:
            assert final(out) == undisturbed
        else:
            assert injected
            assert done.returncode == 2
            # What one cannot hear of a full disk, if the failing call is the one that tells of it, is for the next run to say.
            assert len(done.stderr.splitlines()) <= 1
            for line in read(out / "journal.jsonl", b"") if (out / "journal.jsonl").exists() else ():
                assert line.payload is None  # under another key nothing checks out
            again = driver(corpus, out)
            assert (again.returncode, again.stderr) == (0, "")
            assert final(out) == undisturbed
            failed += 1
        shutil.rmtree(out, ignore_errors=True)
        if not injected:
            break
    else:
        pytest.fail("the faults do not end")
    assert failed or call not in ("write", "fsync", "rename")
