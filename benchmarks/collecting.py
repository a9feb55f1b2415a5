"""The end of a scan without a model: time, memory and disk of the collecting pass over made-up records.

python -m benchmarks.collecting FOLDER ranking 100000 1000000 5000000
python -m benchmarks.collecting FOLDER scan 100000 1000000 5000000

"ranking" judges columns of p-values as they come; "scan" reads a journal, ranks, and writes results.jsonl and
results.parquet. A child process for each size, since a process knows only what it held at most in all its life. Records have
five detectors and conformal p-values; of 100 documents 5 repeat an earlier text, 2 have no p-value, and 10 are as unusual as
can be. "scan" takes 1.5 kB of disk a document while it runs. The times are of the processor.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from llm_audit.common.sorting import Rows
from llm_audit.results import Verdict
from llm_audit.results.discovery import judge, rows_of
from llm_audit.scanning import results
from llm_audit.scanning.corpus import Input
from llm_audit.scanning.folder import Folder
from llm_audit.scanning.header import Header
from llm_audit.scanning.record import Record
from tests import memory
from tests.scan.driver import header_of

N = 2389
RULES = ("AUD101", "AUD102", "AUD103", "AUD104", "AUD105")
TOGETHER = 10_000  # records that are made at a time


def columns(documents: int) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Of some documents at a time: the first one's number, p-values (n, detectors + 1), texts (n,), and who is judged (n,)."""
    for first in range(0, documents, TOGETHER):
        n = min(TOGETHER, documents - first)
        rng = np.random.default_rng(first)
        p = (1 + rng.integers(0, N + 1, (n, len(RULES) + 1))) / (N + 1)
        p[rng.random(n) < 0.1] = 1 / (N + 1)
        drawn, own = rng.random(n), np.arange(first, first + n)
        yield first, p, np.where(drawn < 0.05, own // 2, own), drawn < 0.98


def tests(documents: int) -> Iterator[Rows]:
    """The same as rows of a family."""
    for first, p, texts, judged in columns(documents):
        mixed = texts.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        yield rows_of(np.where(judged, p[:, 0], np.nan), np.full(len(p), 1 / (N + 1)), mixed, np.arange(first, first + len(p)))


def records(documents: int) -> Iterator[list[bytes]]:
    """The same as lines of a journal."""
    for first, p, texts, judged in columns(documents):
        rows = zip(texts.tolist(), p.tolist(), judged.tolist(), strict=True)
        yield [_record(position, *row) for position, row in enumerate(rows, start=first)]


def _record(position: int, text: int, p: list[float], judged: bool) -> bytes:
    digest = (text * 0x9E3779B97F4A7C15 & (1 << 64) - 1).to_bytes(8, "big").hex() * 4
    nothing = {"unjudged": Verdict.NOT_ASSESSABLE, "reason": "It has fewer than 64 tokens.", "p_value": None, "p_floor": None}
    found = {"unjudged": None, "reason": None, "p_value": p[0], "p_floor": 1 / (N + 1)} if judged else nothing
    record = Record(
        position=position, name=f"corpus.jsonl:{position + 1}", sha256=digest, text_digest=digest, encoding=None, language="en",
        characters=2000, tokens=500, n=N if judged else None, notes=(),
        detectors=dict(zip(RULES, p[1:], strict=True)) if judged else {}, **found,
    )  # fmt: skip
    return record.model_dump_json().encode()


def header(documents: int) -> Header:
    """That of a scan of one file with so many documents."""
    made = header_of(None, [Input("corpus.jsonl", 2000 * documents, "0" * 64, documents)])  # type: ignore[arg-type]  # unused
    return made.model_copy(update={"manifest": made.manifest.model_copy(update={"detectors": RULES})})


def write_journal(path: Path, documents: int) -> None:
    """Make the folder of a scan in which all is judged."""
    with Folder(path) as folder, folder.open_journal(header(documents).key()) as journal:
        for lines in records(documents):
            journal.append(lines)


@contextmanager
def measured(documents: int) -> Iterator[dict[str, float]]:
    """What happens within: processor time in µs a document, memory in MB, and bytes a document in files without names."""
    took, over = {"before": memory.peak() / 1e6}, threading.Event()
    most = 0

    def watch() -> None:
        nonlocal most
        while not over.wait(0.02):
            held = 0
            for entry in Path("/proc/self/fd").iterdir():
                with suppress(OSError):
                    held += entry.stat().st_size if "(deleted)" in str(entry.readlink()) else 0
            most = max(most, held)

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.process_time()
    try:
        yield took
    finally:
        took["time"] = (time.process_time() - began) / documents * 1e6
        over.set()
        watching.join()
    took |= {"peak": memory.peak() / 1e6, "disk": most / documents}


def rank(folder: Path, documents: int) -> dict[str, float]:
    """Judge columns, and look at every verdict."""
    with measured(documents) as took:
        family = judge(tests(documents), 0.1, folder)
        assert sum(1 for _ in family) == family.documents == documents
    return took


def collect(folder: Path, documents: int) -> dict[str, float]:
    """Write the results of a folder whose journal is there."""
    with measured(documents) as took, Folder(folder) as opened:
        report, _ = results.write_results(opened, header(documents), "made up")
    assert report.corpus is not None and report.corpus.complete
    return took


def main() -> None:
    """Measure every size in a process of its own, and print a table in Markdown."""
    where, what, *sizes = sys.argv[1:]
    if what.startswith("one "):
        print(json.dumps({"ranking": rank, "scan": collect}[what.removeprefix("one ")](Path(where), int(sizes[0]))))
        return
    print("| documents | µs each | memory before, MB | at most, MB | scratch at most, bytes each |\n|---|---|---|---|---|")
    for documents in map(int, sizes):
        folder = Path(where) / f"{what}-{documents}"
        folder.mkdir(parents=True)
        try:
            if what == "scan":
                write_journal(folder, documents)
            command = [sys.executable, "-m", "benchmarks.collecting", str(folder), f"one {what}", str(documents)]
            took = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        finally:
            shutil.rmtree(folder)
        print(
            f"| {documents:,} | {took['time']:.1f} | {took['before']:.0f} | {took['peak']:.0f} | {took['disk']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
