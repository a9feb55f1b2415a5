"""A corpus scanned by the local engine, with all cores, and on Ray, a worker for each core: tokens per second in one run.

The local engine before and after, since a machine's own speed drifts. The texts are the words of an essay in random order.
The rate is that between the first and the last block in the journal:
without the start, which is said apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from llm_audit.scoring.pool import ONE_THREAD
from tests.cli.conftest import tiny, tiny_root, write_texts
from tests.cli.tool import COMMAND
from tests.conftest import tiny_llama

pytestmark = pytest.mark.bench
FIXTURES = (tiny, tiny_llama, tiny_root)


def scanned(corpus: Path, out: Path, *options: str, threads: int | None = None) -> tuple[float, float, bytes]:
    """Tokens per second, seconds to the first block, and the results; threads: None: as the machine has it."""
    began, seen = time.monotonic(), list[tuple[float, int]]()  # when the journal had how many lines
    command = [*COMMAND, "scan", str(corpus), "-o", str(out), *options]
    with (out.parent / f"{out.name}.log").open("wb") as log:
        env = os.environ if threads is None else os.environ | dict.fromkeys(ONE_THREAD, str(threads))
        scan = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        while scan.poll() is None:
            lines = (out / "journal.jsonl").read_bytes().count(b"\n") if (out / "journal.jsonl").exists() else 0
            if lines and lines != (seen[-1][1] if seen else 0):
                seen.append((time.monotonic(), lines))
            time.sleep(0.05)
    assert scan.returncode in (0, 1), (out.parent / f"{out.name}.log").read_text()
    records = [json.loads(line[17:]) for line in (out / "journal.jsonl").read_bytes().splitlines()]
    tokens = sum(record["tokens"] or 0 for record in records[seen[0][1] :])
    return tokens / (seen[-1][0] - seen[0][0]), seen[0][0] - began, (out / "results.jsonl").read_bytes()


@pytest.mark.parametrize(("name", "documents", "words"), [("embedded", 100, 400), ("tiny", 10_000, 20)])
def test_throughput_of_ray_and_of_the_local_engine(
    name: str, documents: int, words: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    options = request.getfixturevalue("tiny") if name == "tiny" else ()
    corpus = write_texts(tmp_path / "corpus.jsonl", documents, words)
    here, first_here, results = scanned(corpus, tmp_path / "here", *options)
    ray, first_ray, same = scanned(corpus, tmp_path / "ray", *options, "--engine", "ray")
    again, _, _ = scanned(corpus, tmp_path / "again", *options)
    print(
        f"\n{name} model: local {here:,.0f} tokens/s after {first_here:.1f} s, Ray {ray:,.0f} after {first_ray:.1f} s, "
        f"local again {again:,.0f}: {ray / (here * again) ** 0.5:.2f} times the local rate"
    )
    assert results == same
    assert ray > 0.3 * min(here, again)
