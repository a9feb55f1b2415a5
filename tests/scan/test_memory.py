"""What a scan holds in memory does not grow with the corpus, but for a few bytes a document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PEAK = """
import resource, sys
from pathlib import Path
from tests.scan.driver import run
report = run([sys.argv[1]], Path(sys.argv[2]))
print(report.included, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_corpus(path: Path, megabytes: int) -> int:
    """JSON lines of 2 kB; returns how many."""
    words, count = "and nobody on the quay could say who had paid for it " * 36, megabytes * 500
    with path.open("w") as file:
        for number in range(count):
            file.write(json.dumps({"text": f"{number} {words}"}) + "\n")
    return count


def peak(path: Path, out: Path) -> tuple[int, int]:
    """Documents judged, and the kilobytes that the process held at most."""
    done = subprocess.run([sys.executable, "-c", PEAK, path, out], cwd=ROOT, capture_output=True, text=True, check=True)
    documents, kilobytes = done.stdout.split()
    return int(documents), int(kilobytes)


@pytest.mark.slow
def test_50_megabytes_take_hardly_more_than_5(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (5, 50):
        count = write_corpus(tmp_path / f"{megabytes}.jsonl", megabytes)
        documents, kilobytes = peak(tmp_path / f"{megabytes}.jsonl", tmp_path / f"out-{megabytes}")
        assert documents == count
        peaks.append(kilobytes)
    assert peaks[1] - peaks[0] < 40_000
