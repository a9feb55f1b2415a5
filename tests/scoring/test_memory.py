"""What one text takes grows by the size of its own columns, and no more: the peak of a whole process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.scoring.engine import PACK_TOKENS
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokenizer import PIECE

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what a process held at most")

CHILD = """
import re, sys
from pathlib import Path
from llm_audit.scoring import lean, tokenizer
from llm_audit.scoring.engine import Engine
from llm_audit.scoring.request import Request, Windowing
folder, layers, tokenizer.PIECE, text = Path(sys.argv[1]), eval(sys.argv[2]), int(sys.argv[3]), sys.stdin.read()
engine = Engine(lean.load("m", "d", folder), Request(Windowing(208, balanced=True), hidden_layers=layers))
list(engine.score(["to compile " * 200]))
(scores,) = engine.score([text])
print(len(scores), sum(column.nbytes for column in vars(scores).values() if column is not None),
      int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""


def peak(folder: Path, layers: tuple[int, ...], text: str, piece: int = PIECE) -> tuple[int, int, int]:
    """Tokens of a text, bytes of its columns, and bytes that a process held at most when it scored it.

    By the kernel's high-water mark of the new process: `ru_maxrss` begins with what the process that started it holds.
    """
    command = [sys.executable, "-c", CHILD, str(folder), repr(layers), str(piece)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tokens, columns, most = map(int, done.stdout.split())
    return tokens, columns, most


def test_a_long_text_takes_its_columns_and_little_more(tiny_llama: Path) -> None:
    """Read in small pieces: what the tokenizer notes of one piece, several hundred bytes a token, does not grow."""
    few, _, before = peak(tiny_llama, (1, 2), SENTENCES[0] * 100, piece=4096)
    tokens, columns, after = peak(tiny_llama, (1, 2), " ".join(SENTENCES[:2]) * 400, piece=4096)
    assert PACK_TOKENS < few < 5_000 < 25_000 < tokens
    # Beside the columns: the text, its ids and the places of its characters, 12 bytes a token, while the columns are made.
    assert after - before < columns + 60 * tokens + 2e6


@pytest.mark.slow
def test_the_embedded_model_takes_its_weights_and_less_than_400_megabytes() -> None:
    folder = Store().resolve(DEFAULT_MODEL, offline=True).folder
    weights = (folder / "model.safetensors").stat().st_size
    tokens, columns, most = peak(folder, (6, 12, 18, 24), " ".join(SENTENCES[:2]) * 150)
    assert tokens > 5_000
    # Of a text of 100,000 tokens, the columns have 38 MB.
    assert most - weights + columns * (100_000 / tokens - 1) < 400e6
