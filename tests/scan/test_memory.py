"""What a scan holds in memory does not grow with the corpus, but for a few bytes a document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.memory import STATUS

ROOT = Path(__file__).parents[2]
PEAK = """
import sys
from pathlib import Path
from tests import memory
from tests.scan.driver import run
report = run([sys.argv[1]], Path(sys.argv[2]))
print(report.included, memory.peak())
"""


def write_corpus(path: Path, megabytes: int) -> int:
    """JSON lines of 2 kB; returns how many."""
    words, count = "and nobody on the quay could say who had paid for it " * 36, megabytes * 500
    with path.open("w") as file:
        for number in range(count):
            file.write(json.dumps({"text": f"{number} {words}"}) + "\n")
    return count


def peak(path: Path, out: Path) -> tuple[int, int]:
    """Documents judged, and the bytes that the process held at most."""
    done = subprocess.run([sys.executable, "-c", PEAK, path, out], cwd=ROOT, capture_output=True, text=True, check=True)
    documents, held = done.stdout.split()
    return int(documents), int(held)


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="Linux says what a process held at most")
def test_50_megabytes_take_hardly_more_than_5(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (5, 50):
        count = write_corpus(tmp_path / f"{megabytes}.jsonl", megabytes)
        documents, held = peak(tmp_path / f"{megabytes}.jsonl", tmp_path / f"out-{megabytes}")
        assert documents == count
        peaks.append(held)
    assert peaks[1] - peaks[0] < 40e6
