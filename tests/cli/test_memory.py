"""What `gate`, `detect` and `scan` hold at most, whatever the length of a text: the peak of a whole process.

The scores of a text of 400,000 tokens take hours. So that it takes none, the first packs are computed as ever, which fills
all buffers and touches all weights, and the columns of the others are repeated from these; all else is as it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.session import LONG
from llm_audit.scoring.store import Store

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what a process held at most")

BESIDE_THE_WEIGHTS = 400e6
"""Bytes that a command may hold beside its model's weights."""

CHILD = """
import re, sys
from pathlib import Path
import numpy as np
from llm_audit.cli import main
from llm_audit.scoring.passes import Passes
from llm_audit.scoring.tokens import STATE_BLOCK

computed, columns, states = Passes.__call__, {}, None

def repeated(self, pack):
    global columns, states
    rows = sum(pack.counts)
    if rows > len(columns.get("rank", ())):  # so large was none before
        (columns,), each = computed(self, pack)
        states = np.concatenate(each)
    blocks = [count // STATE_BLOCK for count in pack.counts]
    return [{name: column[:rows].copy() for name, column in columns.items()}], [states[:count].copy() for count in blocks]

Passes.__call__ = repeated
try:
    main(sys.argv[1:])
finally:
    most = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
    print(f"\\npeak {int(most) * 1024}", file=sys.stderr)
"""


def book(tokens: int) -> str:
    """English words in random sentences, a little more than so many tokens."""
    rng = np.random.default_rng(0)
    words = sorted({word.strip(".,").lower() for sentence in SENTENCES for word in sentence.split() if word.isascii()})
    sentences = []
    while tokens > 0:
        count = int(rng.integers(6, 23))
        sentences.append(" ".join(rng.choice(words, count)).capitalize() + ".")
        tokens -= round(1.4 * count)
    return " ".join(sentences)


def peak(command: str, tokens: int, folder: Path, *, kept: bool) -> float:
    """Bytes that a command held at most beyond the weights when it judged a text of so many tokens.

    `kept`: whether scores are cached, and the text stands in the report, as by default.
    """
    weights = Store().resolve(DEFAULT_MODEL, offline=True).folder
    models, text, report = folder / "cache" / "models", folder / "book.jsonl", folder / "report.json"
    models.mkdir(parents=True)
    (models / DEFAULT_MODEL).symlink_to(weights)
    text.write_text(json.dumps({"text": book(tokens)}) + "\n")
    options = ["-o", str(folder if command == "scan" else report), "--offline"]
    if not kept:
        options += ["--no-cache"] if command == "scan" else ["--no-cache", "--no-text"]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "--isolated", command, str(text), *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LLM_AUDIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    assert done.returncode in (0, 1), done.stderr
    (judged,) = (
        (json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines())
        if command == "scan"
        else json.loads(report.read_text())["subjects"]
    )
    assert tokens <= judged["tokens"] < 1.3 * tokens
    most = int(done.stderr.rsplit("peak ", 1)[1]) - (weights / "model.safetensors").stat().st_size
    print(f"{command}, {judged['tokens']:,} tokens{', cached' if kept else ''}: {most / 1e6:.0f} MB beside the weights")
    return most


def test_a_text_that_is_read_window_by_window_takes_the_weights_and_less_than_400_megabytes(tmp_path: Path) -> None:
    assert len(book(18_000)) > LONG
    assert peak("gate", 18_000, tmp_path, kept=True) < BESIDE_THE_WEIGHTS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "tokens", "kept"),
    [
        *(("gate", tokens, False) for tokens in (1_000, 10_000, 100_000, 400_000)),
        *((command, 400_000, True) for command in ("gate", "detect", "scan")),
    ],
)
def test_a_text_of_any_length_takes_the_weights_and_less_than_400_megabytes(
    tmp_path: Path, command: str, tokens: int, kept: bool
) -> None:
    assert peak(command, tokens, tmp_path, kept=kept) < BESIDE_THE_WEIGHTS
