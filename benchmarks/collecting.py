"""The end of a scan without a model: seconds, memory and disk of the collecting pass over journals of made-up records.

python -m benchmarks.collecting FOLDER 100000 1000000 5000000

One child process for each size, since what a process held at most is known for all of it. Records have five detectors and
conformal p-values; of 100 documents 5 repeat an earlier text, 2 have no p-value, and 10 are as unusual as can be. Takes 1.5 kB
of disk a document while it runs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from llm_audit.results import Verdict
from llm_audit.scanning import results
from llm_audit.scanning.corpus import Input
from llm_audit.scanning.folder import Folder
from llm_audit.scanning.header import Header
from llm_audit.scanning.record import Record
from tests import memory
from tests.scan.driver import header_of

N = 2389
RULES = ("AUD101", "AUD102", "AUD103", "AUD104", "AUD105")
TOGETHER = 10_000  # records that are written at a time


def records(documents: int) -> Iterator[bytes]:
    """Lines of a journal, the record of each document made from its number alone."""
    for first in range(0, documents, TOGETHER):
        rng = np.random.default_rng(first)
        p = (1 + rng.integers(0, N + 1, (TOGETHER, len(RULES) + 1))) / (N + 1)
        p[rng.random(TOGETHER) < 0.1] = 1 / (N + 1)
        drawn = rng.random(TOGETHER)
        for i in range(min(TOGETHER, documents - first)):
            text = first // 2 + i // 2 if drawn[i] < 0.05 else first + i
            yield _record(first + i, text, p[i].tolist(), judged=drawn[i] < 0.98)


def _record(position: int, text: int, p: list[float], *, judged: bool) -> bytes:
    digest = (text * 0x9E3779B97F4A7C15 & (1 << 64) - 1).to_bytes(8, "big").hex() * 4
    return Record(
        position=position,
        name=f"corpus.jsonl:{position + 1}",
        sha256=digest,
        text_digest=digest,
        encoding=None,
        language="en",
        characters=2000,
        tokens=500,
        unjudged=None if judged else Verdict.NOT_ASSESSABLE,
        reason=None if judged else "It has fewer than 64 tokens.",
        p_value=p[0] if judged else None,
        p_floor=1 / (N + 1) if judged else None,
        n=N if judged else None,
        detectors=dict(zip(RULES, p[1:], strict=True)) if judged else {},
        notes=(),
    ).model_dump_json().encode()  # fmt: skip


def header(documents: int) -> Header:
    """That of a scan of one file with so many documents."""
    made = header_of(None, [Input("corpus.jsonl", 2000 * documents, "0" * 64, documents)])  # type: ignore[arg-type]  # unused
    return made.model_copy(update={"manifest": made.manifest.model_copy(update={"detectors": RULES})})


def write_journal(path: Path, documents: int) -> int:
    """Make the folder of a scan in which all is judged; returns the size of its journal."""
    with Folder(path) as folder, folder.open_journal(header(documents).key()) as journal:
        waiting = list[bytes]()
        for line in records(documents):
            waiting.append(line)
            if len(waiting) == TOGETHER:
                journal.append(waiting)
                waiting.clear()
        journal.append(waiting)
    return (path / "journal.jsonl").stat().st_size


def _disk(most: list[int], over: threading.Event) -> None:
    """Keep in `most` how many bytes this process had at most in files without names."""
    while not over.wait(0.02):
        held = 0
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                held += entry.stat().st_size if "(deleted)" in str(entry.readlink()) else 0
        most[0] = max(most[0], held)


def collect(path: Path, documents: int) -> dict[str, float]:
    """Write the results of a folder, in this process; what it took."""
    before, most, over = memory.peak(), [0], threading.Event()
    watch = threading.Thread(target=_disk, args=(most, over))
    watch.start()
    ranking, judge = [0.0], results.judge

    def timed(*arguments: object) -> object:
        began = time.process_time()
        try:
            return judge(*arguments)  # type: ignore[arg-type]
        finally:
            ranking[0] = time.process_time() - began

    results.judge = timed  # type: ignore[assignment]
    began, clock = time.process_time(), time.monotonic()
    with Folder(path) as folder:
        report, where = results.write_results(folder, header(documents), "made up")
    seconds, wall = time.process_time() - began, time.monotonic() - clock
    over.set()
    watch.join()
    assert report.corpus is not None and report.corpus.complete
    return {
        "documents": documents,
        "ranking": ranking[0] / documents * 1e6,  # with reading the journal
        "all": seconds / documents * 1e6,
        "wall": wall / documents * 1e6,
        "before": before / 1e6,
        "peak": memory.peak() / 1e6,
        "disk": most[0] / documents,
        "results": (where / results.ROWS).stat().st_size / documents,
    }


def main() -> None:
    """Measure every size in a process of its own, and print a table in Markdown."""
    if sys.argv[1] == "--one":
        print(json.dumps(collect(Path(sys.argv[2]), int(sys.argv[3]))))
        return
    print(
        "| documents | journal, bytes each | reading and ranking, µs each | all, µs each | elapsed, µs each "
        "| memory before, MB | at most, MB | scratch files at most, bytes each |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for documents in map(int, sys.argv[2:]):
        folder = Path(sys.argv[1]) / f"collecting-{documents}"
        try:
            size = write_journal(folder, documents)
            command = [sys.executable, "-m", "benchmarks.collecting", "--one", str(folder), str(documents)]
            took = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(
            f"| {documents:,} | {size / documents:.0f} | {took['ranking']:.1f} | {took['all']:.1f} | {took['wall']:.1f} | "
            f"{took['before']:.0f} | {took['peak']:.0f} | {took['disk']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
