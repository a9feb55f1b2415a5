"""Scan a corpus again and again, killed at random moments, until it ends; say whether it ended in the same bytes.

    python -m tests.scan.killing CORPUS FOLDER KILLS [OPTIONS...]

With options of `llm-audit scan` that is what runs; without, the driver, which needs no model. Everything is imported once;
each scan is a fork, which computes in a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import jinja2
import numpy as np
import pyarrow.parquet

from llm_audit.cli import main
from llm_audit.detectors import find
from llm_audit.scanning import corpus as corpora
from llm_audit.scanning.corpus import Block
from llm_audit.scanning.record import Record
from llm_audit.scoring import engine
from tests.scan import driver

IMPORTED = (engine, jinja2, pyarrow.parquet)


def slow_engine(blocks: Iterable[Block]) -> Iterator[list[Record]]:
    """A millisecond a document, so that kills hit the loop as well as its end."""
    for records in driver.engine(blocks):
        time.sleep(0.001 * len(records))
        yield records


def start(corpus: str, out: Path, options: list[str]) -> int:
    """The id of a process that scans."""
    child = os.fork()
    if child:
        return child
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)
    try:
        if options:
            main(["scan", corpus, "-o", str(out), *options])
        driver.run([corpus], out, slow_engine)
        os._exit(0)
    except SystemExit as end:
        os._exit(0 if end.code in (0, 1) else 99)  # 1: there are findings
    finally:
        os._exit(99)


def ended(child: int) -> bool:
    """Wait; whether it came to its end rather than to be killed."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status == 0


def kill_until_it_ends(corpus: str, out: Path, options: list[str], waits: Iterator[float]) -> int:
    """Start a scan, kill it after a while, start it again, as long as there are waits; return how often it was killed."""
    kills = 0
    while True:
        child, wait = start(corpus, out, options), next(waits, None)
        if wait is not None:
            time.sleep(wait)
            os.kill(child, signal.SIGKILL)
        if ended(child):
            return kills
        kills += 1


def scans() -> None:
    corpus, folder, wanted, *options = sys.argv[1:]
    corpora.BLOCK_DOCUMENTS = 7
    find([])
    rng, kills, undisturbed = np.random.default_rng(25), 0, Path(folder) / "undisturbed"
    began = time.monotonic()
    assert ended(start(corpus, undisturbed, options))
    whole = time.monotonic() - began
    while kills < int(wanted):
        # Mostly soon, so that a scan is killed many times; now and then late, so that much is there to be lost.
        share = rng.choice([4 / int(wanted), 0.5], p=[0.9, 0.1], size=int(wanted) - kills)
        out = Path(folder) / f"killed-{kills}"
        killed = kill_until_it_ends(corpus, out, options, iter(rng.uniform(0, whole * share).tolist()))
        kills += killed
        lines = (out / "journal.jsonl").read_bytes().splitlines()
        sound = [json.loads(line[17:])["position"] for line in lines if line.endswith(b"}") and line[16:17] == b" "]
        same = driver.final(out) == driver.final(undisturbed)
        print(json.dumps({"kills": killed, "same": same, "positions": len(set(sound)), "lines": len(sound)}), flush=True)


if __name__ == "__main__":
    scans()
