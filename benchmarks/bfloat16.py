"""What bfloat16 would cost in exactness and save in time on a CPU: `python -m benchmarks.bfloat16 TEXT_FILE...`.

Log-probabilities of the embedded model in several precisions against float32, over windows of 256 tokens of the texts, and the
processor time of each pass, body and head, on one thread, interleaved in one process, the least of some rounds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from llm_audit.scoring import model
from llm_audit.scoring.engine import Engine
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.store import Store

ROUNDS = 2


@contextmanager
def products_in_bfloat16() -> Iterator[None]:
    """Float32 products by oneDNN from operands rounded to bfloat16, with float32 sums."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"


def log_probabilities(engine: Engine, texts: list[str]) -> NDArray[np.float32]:
    """Of every scored token of the texts."""
    return np.concatenate([scores.logprob for scores in engine.score(texts)])


def main(paths: list[str]) -> None:
    """Print a row for each precision."""
    torch.set_num_threads(1)
    stored = Store().resolve(DEFAULT_MODEL, offline=True)
    texts = [Path(path).read_text(encoding="utf-8") for path in paths]

    def engine(**types: torch.dtype) -> Engine:
        loaded = model.load(stored.name, stored.digest, stored.folder, **types)
        return Engine(loaded, Request(Windowing(256, balanced=True)))

    exact, weights, whole = engine(), engine(rounded=torch.bfloat16), engine(dtype=torch.bfloat16)

    def in_bfloat16() -> NDArray[np.float32]:
        with products_in_bfloat16():
            return log_probabilities(exact, texts)

    runs: dict[str, Callable[[], NDArray[np.float32]]] = {
        "float32": lambda: log_probabilities(exact, texts),
        "weights of bfloat16, products in float32": lambda: log_probabilities(weights, texts),
        "products of bfloat16 operands, float32 sums and the rest": in_bfloat16,
        "weights and activations of bfloat16": lambda: log_probabilities(whole, texts),
    }
    seconds, computed = dict.fromkeys(runs, float("inf")), dict[str, NDArray[np.float32]]()
    for _ in range(ROUNDS):
        for name, run in runs.items():
            begin = time.process_time()
            computed[name] = run()
            seconds[name] = min(seconds[name], time.process_time() - begin)
    ends = np.cumsum([len(scores) for scores in exact.score(texts)])
    for name, logprob in computed.items():
        moved = (logprob - computed["float32"]).astype(np.float64)
        means = [abs(text.mean()) for text in np.split(moved, ends[:-1])]
        print(
            f"{name}: rms {np.sqrt(np.mean(moved**2)):.4f}, largest {abs(moved).max():.3f} nats a token; mean of a text moves "
            f"by up to {max(means):.4f}; {1e3 * seconds[name] / len(moved):.2f} ms of a core a token, "
            f"{seconds[name] / seconds['float32']:.2f} of float32 ({len(moved)} tokens)"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
