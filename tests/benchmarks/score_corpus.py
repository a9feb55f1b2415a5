"""Score the labelled corpus once and keep the scores in the cache; every table of the README is made from them.

`python -m tests.benchmarks.score_corpus` takes about an hour on two cores; interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from tokenizers import Tokenizer

from llm_audit.paths import cache_root
from llm_audit.scoring.cache import ScoreCache
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import DEFAULT_MODEL, Store
from llm_audit.text import normalise
from tests.benchmarks import corpus

REQUEST = Request(Windowing(512), hidden_layers=(6, 12, 18, 24))
"""One window per text, and the hidden states that a trained classifier reads, which cost next to nothing extra."""

PAIRS, OPEN_PAIRS = 100, 40
"""Pairs per cell, and per cell of the five open models; the first ones in the file. All of them would take hours."""

CELL_TOKENS = 192


def default_session() -> Session:
    """The embedded model, with a cache of its own so that `llm-audit cache clear` costs nobody an hour."""
    return Session(Store().resolve(DEFAULT_MODEL, offline=True), cache=ScoreCache(cache_root() / "corpus.sqlite"))


def default_tokenizer() -> Tokenizer:
    """The tokenizer of the embedded model."""
    return Tokenizer.from_file(str(Store().resolve(DEFAULT_MODEL, offline=True).folder / "tokenizer.json"))


def clip(texts: Iterable[str], n_tokens: int) -> list[str]:
    """Normalise the texts and cut them after `n_tokens` tokens."""
    views = [normalise(text).text for text in texts]
    encodings = default_tokenizer().encode_batch(views, add_special_tokens=False)
    return [
        view if len(encoding) <= n_tokens else view[: encoding.offsets[n_tokens - 1][1]]
        for view, encoding in zip(views, encodings, strict=True)
    ]


def human_texts() -> tuple[list[corpus.Human], list[str]]:
    """Every distinct human text, and its first 512 tokens."""
    everyone = corpus.humans()
    return everyone, clip((human.text for human in everyone), 512)


def cell_texts() -> dict[tuple[str, str, str], tuple[list[str], list[str]]]:
    """(source, domain, generator) -> (human texts, machine texts), shared prefix cut, at most `CELL_TOKENS` tokens."""
    cells: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {}
    for file in ("fastdetect", "glimpse"):
        for row, machine, human in corpus.cut_pairs(file):
            cell = cells.setdefault((row["source"], row["domain"], row["generator"]), ([], []))
            if len(cell[0]) < (OPEN_PAIRS if row["source"] == "fastdetect-open" else PAIRS):
                cell[0].append(human)
                cell[1].append(machine)
    return {name: (clip(a, CELL_TOKENS), clip(b, CELL_TOKENS)) for name, (a, b) in cells.items()}


def main() -> None:
    """Score everything, calibration texts first."""
    session, begin = default_session(), time.perf_counter()
    _, texts = human_texts()
    cells = [text for pair in cell_texts().values() for side in pair for text in side]
    tokens = 0
    for count, scores in enumerate(session.score(texts + cells, REQUEST), start=1):
        tokens += len(scores)
        if count % 500 == 0:
            print(
                f"{count} of {len(texts) + len(cells)} texts, {tokens} tokens, {time.perf_counter() - begin:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
