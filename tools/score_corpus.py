"""Score the labelled sample once and keep the scores in a cache of its own; every table of the README is made from them.

`python -m tools.score_corpus` draws the sample (see `training_data`) where it is not drawn yet, and takes about
two hours on two cores (5.6 million tokens); interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from llm_audit.common.paths import cache_root
from llm_audit.scoring.cache import ScoreCache, Scorer
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.text import scored
from llm_audit.training.features import WINDOW, default_layers, request_for
from llm_audit.training.labelled import LabelledTexts, read_labelled

PARTS = ("test", "calibration", "train")

LONGEST = 512
"""Tokens of a text that are scored at most: the longest window that the shipped population judges."""

REQUEST = request_for(default_layers(30), LONGEST)
"""How the sample is scored: the beginning of each text, with the states that the classifier reads."""

BEGINNING = request_for(default_layers(30))
"""What `llm-audit train` and `llm-audit bench` ask of the embedded model: a shorter beginning."""


def sample_folder() -> Path:
    """Where the sample lies: outside the repository."""
    return cache_root() / "sample"


def sample(part: str) -> LabelledTexts:
    """One of `PARTS`, drawn if need be."""
    if not all((sample_folder() / f"{name}.jsonl").exists() for name in PARTS):
        from tools import training_data

        training_data.write(sample_folder())
    return read_labelled([sample_folder() / f"{part}.jsonl"])


def default_session() -> Session:
    """The embedded model, with a cache of its own so that `llm-audit cache clear` costs nobody an hour."""
    return Session(Store().resolve(DEFAULT_MODEL, offline=True), cache=ScoreCache(cache_root() / "corpus.sqlite"))


def default_tokenizer() -> Tokenizer:
    """The tokenizer of the embedded model."""
    return Tokenizer.from_file(str(Store().resolve(DEFAULT_MODEL, offline=True).folder / "tokenizer.json"))


def clip(texts: Iterable[str], n_tokens: int) -> list[str]:
    """Normalise the texts and cut them after `n_tokens` tokens; some hundred of them at a time are in memory twice."""
    tokenizer, rest, cut = default_tokenizer(), iter(texts), list[str]()
    while views := [scored(text) for text in islice(rest, 256)]:
        for view, encoding in zip(views, tokenizer.encode_batch(views, add_special_tokens=False), strict=True):
            cut.append(view if len(encoding) <= n_tokens else view[: encoding.token_to_chars(n_tokens - 1)[1]])
    return cut


def main() -> None:
    """Score every part."""
    session, begin = default_session(), time.perf_counter()
    shorter = Scorer(session.model.digest, session.dtype, session.device, BEGINNING)
    for part in PARTS:
        texts = [text.text for text in sample(part).texts]
        tokens = 0
        for count, (text, scores) in enumerate(zip(texts, session.score(texts, REQUEST), strict=True), start=1):
            tokens += len(scores)
            if session.cache and session.cache.get(shorter.key(text)) is None:  # the model is causal: no second pass
                session.cache.put([(shorter.key(text), scores[:WINDOW])])
            if count % 256 == 0:
                print(
                    f"{part}: {count} of {len(texts)} texts, {tokens} tokens, {time.perf_counter() - begin:.0f} s", flush=True
                )


if __name__ == "__main__":
    main()
