"""Scan a corpus again and again, killed at random moments, until it ends; say whether it ended in the same bytes.

    python -m tests.cli.killing CORPUS FOLDER KILLS OPTIONS...

Everything is imported once; each scan is a fork, which computes in a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from llm_audit.cli import main
from llm_audit.detectors import find
from llm_audit.reports import corpus as shown
from llm_audit.scan import corpus as corpora
from llm_audit.scan import results, run, table
from llm_audit.scoring import engine

FINAL = ("results.jsonl", "results.parquet", "report.html", "summary.json")
IMPORTED = (engine, run, results, table, shown)
CHARACTERS = 1500
"""Of a block: a dozen documents, so that there are many blocks."""


def start(arguments: list[str]) -> int:
    """The id of a process that scans."""
    child = os.fork()
    if child:
        return child
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)
    try:
        main(arguments)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 99)
    os._exit(99)


def code(status: int) -> int:
    return os.waitstatus_to_exitcode(status)


def scans() -> None:
    corpus, folder, wanted, *options = sys.argv[1:]
    corpora.BLOCK_CHARACTERS = CHARACTERS
    find([])
    rng, left = np.random.default_rng(25), int(wanted)

    def arguments(name: str) -> list[str]:
        return ["scan", corpus, "-o", str(Path(folder) / name), "--alpha", "0.2", *options]

    began = time.monotonic()
    assert code(os.waitpid(start(arguments("undisturbed")), 0)[1]) in (0, 1)
    whole = time.monotonic() - began
    for number in range(left):
        if left <= 0:
            break
        out, kills, ended = Path(folder) / f"killed-{number}", 0, False
        while not ended:
            child = start(arguments(out.name))
            # Of the first runs, most are stopped early; what is left to do shrinks with each.
            time.sleep(float(rng.uniform(0, whole * rng.choice([0.2, 0.6, 1.0]))) if kills < left else 0)
            if kills < left:
                os.kill(child, signal.SIGKILL)
            ended = code(os.waitpid(child, 0)[1]) != -signal.SIGKILL
            kills += not ended
        left -= kills
        same = all((out / name).read_bytes() == (Path(folder) / "undisturbed" / name).read_bytes() for name in FINAL)
        lines = (out / "journal.jsonl").read_bytes().splitlines()
        sound = {json.loads(line[17:])["position"] for line in lines if line.endswith(b"}") and line[16:17] == b" "}
        print(json.dumps({"kills": kills, "same": same, "journal": len(sound), "lines": len(lines)}), flush=True)


if __name__ == "__main__":
    scans()
