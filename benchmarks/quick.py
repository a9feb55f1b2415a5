"""Ratios of speed in two minutes, for use during work: `make bench-quick`.

All of one process and one thread (`make` sees to it), interleaved on the same text; the least processor time of some runs.
Processor time, because other work on the machine changes it least: so these are ratios of work, not of seconds on the clock.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llm_audit.scoring import lean, model
from llm_audit.scoring.engine import Engine
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokens import RENYI_ORDERS

ESSAY = Path(__file__).parents[1] / "fixtures" / "texts" / "essay-human.txt"
ROUNDS, CHARACTERS = 2, 2000


def plain_loop(peer: Any, ids: torch.Tensor) -> None:
    """The same columns, as anybody would write them."""
    with torch.inference_mode():
        log_p = torch.log_softmax(peer(ids).logits[0, :-1], -1)
        p, own = log_p.exp(), log_p.gather(1, ids[0, 1:, None])
        entropy = -(p * log_p).sum(1)
        _ = (p * log_p.square()).sum(1) - entropy.square()
        likelier = log_p > own
        _ = likelier.sum(1), (p * likelier).sum(1), (p * (log_p == own)).sum(1), log_p.amax(1)
        _ = [torch.logsumexp(order * log_p, 1) for order in RENYI_ORDERS]


def main() -> None:
    """Print the table."""
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    stored = Store().resolve(DEFAULT_MODEL, offline=True)
    ours = lean.load(stored.name, stored.digest, stored.folder)
    theirs = model.load(stored.name, stored.digest, stored.folder)
    peer = AutoModelForCausalLM.from_pretrained(stored.folder, dtype=torch.float32)
    text = ESSAY.read_text(encoding="utf-8")[:CHARACTERS]
    token_ids = ours.read([text])[0][0]
    tokens = len(token_ids)
    cut = Windowing(256, balanced=True)
    windows = [torch.tensor([[1, *token_ids[w.start : w.stop].tolist()]]) for w in cut.cut(tokens)]
    matrices = [matrix for layer in ours.body.layers for matrix in layer if matrix.ndim == 2] + [ours.head_weight]
    rng = np.random.default_rng(0)
    inputs = {width: rng.standard_normal((256, width), dtype=np.float32) for width in {m.shape[1] for m in matrices}}

    def score(engine: Engine) -> Callable[[], object]:
        return lambda: list(engine.score([text]))

    runs: dict[str, tuple[Callable[[], object], int]] = {
        "engine": (score(Engine(ours, Request(cut))), tokens),
        "engine with torch": (score(Engine(theirs, Request(cut))), tokens),
        "bare products": (lambda: [inputs[m.shape[1]] @ m.T for m in matrices], 256),
        "plain Hugging Face loop": (lambda: [plain_loop(peer, ids) for ids in windows], tokens),
    }
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS + 1):  # the first compiles
        for name, (run, n) in runs.items():
            begin = time.process_time()
            run()
            least[name] = min(least[name], (time.process_time() - begin) / n)
    print(f"{platform.processor() or platform.machine()}, {tokens} tokens, one thread")
    for name, seconds in least.items():
        print(f"{name:26} {1e3 * seconds:6.2f} ms of a core per token; engine takes {least['engine'] / seconds:.2f} of it")


if __name__ == "__main__":
    main()
