"""Marked continuations of news by the embedded model, for the power of the watermark tests.

`python -m benchmarks.watermark_draws FOLDER TEXTS T [SCHEME]...` draws until each scheme has so many texts at the temperature.
SmolLM2-135M-Instruct, without its chat template, continues the first 32 tokens of articles (`../shared/data`, bbc) by at most
200 tokens, in float32. 150 texts at a time share a forward pass a step, thirty of them a key. A file for each scheme and
temperature grows by as many lines at a time, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import llm_audit
from llm_audit.detectors.watermark.counts import RandomBits
from llm_audit.detectors.watermark.embedding import Marker
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.scoring import generate
from llm_audit.scoring.generate import Sampler
from llm_audit.scoring.tokens import Decoding
from tools import corpus

V, LENGTH = 49152, 200

ROUND, TEXTS_OF_A_KEY = 150, 30
OPENING = 32
"""Tokens of an article that the model continues."""

HUMAN = 1000
"""Tokens of another article, or two, into which marked ones are put."""

FIELDS: Mapping[str, dict[str, Any]] = {
    "transformers-kgw": {},
    "vllm-gumbel": {},
    "synthid-reference": {},
    "unigram": {},
    "kuditipudi-its": {},
    "markllm-dip": {},
    "kuditipudi-exp": {},
    "vllm-red-green": {},
    "lm-watermarking minhash": {"prf": "minhash_prf", "context_width": 4},
    "transformers-kgw selfhash": {"seeding_scheme": "selfhash", "context_width": 4},
    "sglang-gumbel": {},
    "textseal": {"ngram": 2},
    "vllm-dual-key-gumbel": {},
    "markllm-kgw": {},
    "markllm-exp": {},
    "synthid-transformers": {},
    "markllm-exp-gumbel": {},
}
"""One variant of each scheme, at its defaults but for what is named."""


@dataclass(frozen=True)
class Drawn:
    """A continuation: the number of the key that marked it, the ids of its prompt and its own."""

    key: int
    prompt: tuple[int, ...]
    ids: tuple[int, ...]


def key_of(name: str, number: int) -> Key:
    """A key of a scheme, the same for the same number."""
    cls = SCHEMES[name.split()[0]]
    bits = RandomBits(np.random.default_rng((number, *name.encode())))
    size = {"vocab_size": V} if "vocab_size" in cls.model_fields else {}
    return Key(cls.model_validate(size | cls.draw_keys(bits) | FIELDS[name]))


def file_of(folder: Path, name: str, temperature: float) -> Path:
    """Where the texts of a scheme lie."""
    return folder / f"{name.replace(' ', '-')}-{temperature:g}.jsonl"


def texts_of(folder: Path, name: str, temperature: float) -> list[Drawn]:
    """The texts of a scheme that were drawn so far."""
    file = file_of(folder, name, temperature)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Drawn(row["key"], tuple(row["prompt"]), tuple(row["ids"])) for row in map(json.loads, lines)]


def articles(tokenizer: Any, least: int) -> Iterator[list[int]]:
    """Ids of the articles of so many tokens or more; what is shorter is joined to the next."""
    joined: list[int] = []
    for row in corpus.rows("bbc"):
        joined += tokenizer.encode(row["text"], add_special_tokens=False).ids
        if len(joined) >= least:
            yield joined
            joined = []


def prompts(tokenizer: Any, count: int) -> list[str]:
    """Openings of the first articles."""
    return [tokenizer.decode(ids[:OPENING]) for ids in islice(articles(tokenizer, OPENING), count)]


def human(tokenizer: Any, count: int) -> list[list[int]]:
    """Texts of 1,000 tokens from the last articles, none of which is continued."""
    return [ids[:HUMAN] for ids in [*articles(tokenizer, HUMAN)][-count:]]


def drawn(
    sampler: Sampler, temperature: float, key: Key | None, asked: Sequence[str], seed: int, tokens: int = LENGTH
) -> list[list[int]]:
    """Token ids of a continuation of each opening."""
    marker = None if key is None else Marker(key, seed)
    return [list(each.token_ids) for each in sampler(asked, Decoding(temperature=temperature), tokens, seed, adjust=marker)]


def embedded_model() -> Sampler:
    """The sampler of the embedded model, float32."""
    with llm_audit.Setup(cache=False).session() as session:
        return Sampler(session.model)


def marked(sampler: Sampler, name: str, temperature: float, first: int, asked: Sequence[str]) -> Iterator[Drawn]:
    """Continuations of openings, the first of which has the number `first`; every thirty have a key of their own."""
    numbers = [first + row - row % TEXTS_OF_A_KEY for row in range(len(asked))]
    markers = {number: Marker(key_of(name, number), number) for number in dict.fromkeys(numbers)}

    def mark(row: int, *state: Any) -> NDArray[np.float64]:
        return markers[numbers[row]](row, *state)

    samples = sampler(asked, Decoding(temperature=temperature), LENGTH, first, adjust=mark)
    for prompt, number, sample in zip(asked, numbers, samples, strict=True):
        yield Drawn(number, tuple(sampler.tokenizer.encode(prompt, add_special_tokens=False).ids), tuple(sample.token_ids))


def main(folder: Path, texts: int, temperature: float, *names: str) -> None:
    """Draw round by round, each scheme in turn."""
    torch.set_num_threads(1)
    generate.BATCH = ROUND  # products of more rows are faster; the sampler's own default spares memory
    folder.mkdir(parents=True, exist_ok=True)
    sampler = embedded_model()
    asked = prompts(sampler.tokenizer, texts)
    for enough in [*range(ROUND, texts, ROUND), texts]:
        for name in names or FIELDS:
            have, begin = len(texts_of(folder, name, temperature)), time.process_time()
            made = [*marked(sampler, name, temperature, have, asked[have:enough])] if have < enough else []
            with file_of(folder, name, temperature).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(text)) + "\n" for text in made)
            took, tokens = time.process_time() - begin, sum(len(text.ids) for text in made)
            print(f"{name}, T = {temperature:g}, {enough} texts: {tokens:,} tokens more, {took:.0f} s of CPU", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
