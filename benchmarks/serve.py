"""How fast `llm-audit serve` is: against the scoring of the same text alone, against `scan`, and over many requests.

    python -m benchmarks.serve --texts 30 --requests 2000

Prints a line of JSON for each. Times are ratios within one run, interleaved: what else the machine does disturbs both sides
alike. The server is a process of its own, as users start it; the texts are essays of about 600 tokens, each another order of
the same sentences.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

import llm_audit
from llm_audit.detectors.origin.run import request_for
from llm_audit.setup import OpenSetup

ROOT = Path(__file__).parents[1]
WORDS = 450  # about 600 tokens
FEW_WORDS = 75  # about 100 tokens: a text that is judged, and of which thousands can be
CLIENTS = 16


def essays(count: int, seed: int = 0, length: int = WORDS) -> list[str]:
    """Texts of so many words, no two alike."""
    rng = np.random.default_rng(seed)
    source = (ROOT / "fixtures" / "texts" / "essay-human.txt").read_text(encoding="utf-8")
    sentences = re.split(r"(?<=[.?!])\s+", source)
    made = []
    for _ in range(count):
        words = " ".join(str(each) for each in rng.permutation(sentences)).split()
        made.append(" ".join((words * 2)[:length]))
    return made


@contextmanager
def serving(options: list[str]) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """A server, warm: its process, its port, its folder of temporary files."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "llm_audit", "serve", "--port", "0", "--offline", *options]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=_environment(temporary))
        assert child.stderr is not None
        port = int(child.stderr.readline().partition("http://")[2].partition("/")[0].rpartition(":")[2])
        while ask(port, "GET", "/healthz")[0] != 200:
            time.sleep(0.2)
        try:
            yield child, port, Path(temporary)
        finally:
            child.terminate()
            child.wait()


def _environment(temporary: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": temporary}


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def judge(port: int, text: str) -> float:
    """Seconds until the report of a text is here; a full queue is asked again, as a client should."""
    begin = time.perf_counter()
    while (answer := ask(port, "POST", "/v1/detect", json.dumps({"texts": [{"text": text}]})))[0] == 429:
        time.sleep(0.1)
    assert answer[0] == 200, answer
    return time.perf_counter() - begin


def latency(port: int, ready: OpenSetup, texts: list[str]) -> dict[str, float]:
    """Seconds of a request, and of scoring the same text with the same model and no server, in turns."""
    request = request_for(ready.population, ready.detectors)
    served, alone = [], []
    for text in texts:
        begin = time.perf_counter()
        list(ready.session.score([text], request))
        alone.append(time.perf_counter() - begin)
        served.append(judge(port, text))
    ratios = [one / other for one, other in zip(served, alone, strict=True)]
    return {
        "served p50": statistics.median(served),
        "served p95": float(np.quantile(served, 0.95)),
        "alone p50": statistics.median(alone),
        "alone p95": float(np.quantile(alone, 0.95)),
        "ratio of medians": statistics.median(served) / statistics.median(alone),
        "median ratio": statistics.median(ratios),
    }


def throughput(port: int, setup: llm_audit.Setup, texts: list[str]) -> dict[str, float]:
    """Texts a second: 16 clients at once, and `scan` over the same texts."""
    waiting, lock = list(texts), threading.Lock()

    def client() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                text = waiting.pop()
            judge(port, text)

    begin = time.perf_counter()
    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    served = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus.jsonl")
        corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        with setup.open() as ready:
            llm_audit.detect(llm_audit.Text(texts[0]), setup=ready)  # loaded, as the server is
            begin = time.perf_counter()
            llm_audit.scan([str(corpus)], Path(folder, "scan"), setup=ready)
            scanned = time.perf_counter() - begin
    return {"served": len(texts) / served, "scan": len(texts) / scanned, "ratio": scanned / served}


def memory(child: subprocess.Popen[str], port: int, temporary: Path, requests: int) -> dict[str, object]:
    """Megabytes that the server holds after each tenth of many requests, each with a text, and what it left in its folder."""
    held = []
    for number, text in enumerate(essays(requests, seed=1, length=FEW_WORDS)):
        judge(port, text)
        if (number + 1) % max(1, requests // 10) == 0:
            status = Path(f"/proc/{child.pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+)", status)
            assert found
            held.append(int(found[1]) // 1024)
            print(f"{number + 1} requests: {held[-1]} MB", file=sys.stderr, flush=True)
    left = [path.name for path in temporary.rglob("*") if path.is_file() and path.name != ".lock"]
    return {"requests": requests, "megabytes": held, "files left": left}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=30)
    parser.add_argument("--requests", type=int, default=2000)
    chosen = parser.parse_args()
    texts, setup = essays(2 * chosen.texts), llm_audit.Setup(offline=True, cache=False)
    with serving([]) as (child, port, temporary):
        with setup.open() as ready:
            list(ready.session.score(texts[:1], request_for(ready.population, ready.detectors)))
            show("latency", latency(port, ready, texts[: chosen.texts]))
        show("memory", memory(child, port, temporary, chosen.requests))
        show("throughput", throughput(port, setup, texts[chosen.texts :]))


def show(name: str, found: object) -> None:
    print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main()
