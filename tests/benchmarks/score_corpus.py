"""Score the labelled corpus once and keep the scores in the cache; every table of the README is made from them.

`python tests/benchmarks/score_corpus.py` takes about an hour on two cores; interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import corpus

from llm_audit.paths import cache_root
from llm_audit.scoring.cache import ScoreCache, Scorer
from llm_audit.scoring.engine import Engine, Request, Windowing
from llm_audit.scoring.model import LanguageModel, load
from llm_audit.scoring.store import DEFAULT_MODEL, Store
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import normalise

REQUEST = Request(Windowing(512), hidden_layers=(6, 12, 18, 24))
"""One window per text, and the hidden states that a trained classifier reads, which cost next to nothing extra."""

OPEN_PAIRS = 75
"""Pairs per cell of the five open models; the cells of the others are used whole."""

CELL_TOKENS = 256


def default_model() -> LanguageModel:
    """The embedded model."""
    stored = Store().resolve(DEFAULT_MODEL, offline=True)
    return load(stored.name, stored.digest, stored.folder)


def clip(model: LanguageModel, texts: Iterable[str], n_tokens: int) -> list[str]:
    """Normalise the texts and cut them after `n_tokens` tokens."""
    views = [normalise(text).text for text in texts]
    encodings = model.tokenizer.encode_batch(views, add_special_tokens=False)
    return [
        view if len(encoding) <= n_tokens else view[: encoding.offsets[n_tokens - 1][1]]
        for view, encoding in zip(views, encodings, strict=True)
    ]


def score(model: LanguageModel, texts: Sequence[str], request: Request = REQUEST) -> Iterator[TokenScores]:
    """The scores of each text, from the cache or else computed and cached."""
    engine, scorer = Engine(model, request), Scorer(model.digest, model.dtype, model.device.type, request)
    with ScoreCache(cache_root() / "corpus.sqlite") as cache:
        for start in range(0, len(texts), 64):
            part = texts[start : start + 64]
            keys = [scorer.key(text) for text in part]
            found = {key: cache.get(key) for key in keys}
            missing = {key: text for key, text in zip(keys, part, strict=True) if found[key] is None}
            found |= dict(zip(missing, engine.score(list(missing.values())), strict=True))
            cache.put((key, scores) for key in missing if (scores := found[key]) is not None)
            yield from (scores for key in keys if (scores := found[key]) is not None)


def human_texts(model: LanguageModel) -> tuple[list[corpus.Human], list[str]]:
    """Every distinct human text, and its first 512 tokens."""
    everyone = corpus.humans()
    return everyone, clip(model, (human.text for human in everyone), 512)


def cell_texts(model: LanguageModel) -> dict[tuple[str, str, str], tuple[list[str], list[str]]]:
    """(source, domain, generator) -> (human texts, machine texts), shared prefix cut, at most `CELL_TOKENS` tokens."""
    cells: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {}
    for file in ("fastdetect", "glimpse"):
        for row, machine, human in corpus.cut_pairs(file):
            cell = cells.setdefault((row["source"], row["domain"], row["generator"]), ([], []))
            if row["source"] != "fastdetect-open" or len(cell[0]) < OPEN_PAIRS:
                cell[0].append(human)
                cell[1].append(machine)
    return {name: (clip(model, a, CELL_TOKENS), clip(model, b, CELL_TOKENS)) for name, (a, b) in cells.items()}


def main() -> None:
    """Score everything, calibration texts first."""
    model, begin = default_model(), time.perf_counter()
    _, texts = human_texts(model)
    cells = [text for pair in cell_texts(model).values() for side in pair for text in side]
    tokens = 0
    for count, scores in enumerate(score(model, texts + cells), start=1):
        tokens += len(scores)
        if count % 500 == 0:
            print(f"{count} of {len(texts) + len(cells)} texts, {tokens} tokens, {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
