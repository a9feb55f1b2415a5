"""Model equality testing by texts alone: the published test and ours, where a share of the texts is by another model.

`python -m benchmarks.equality --texts FOLDER [--model smollm2-135m-instruct]` prints a table of docs/measurements/auditor.md.
The setting is that of Gao et al. (MET, arXiv 2410.20247) and of "Are You Getting What You Pay For?" (arXiv 2504.04715): 25
prompts, 10 texts of 50 tokens a prompt on either side, temperature 1. Real llama.cpp servers write a pool of texts for every
prompt, kept in the folder; each simulated audit draws 10 of the float32 server's as the reference's, and 10 others as the
endpoint's, each of which the substitute writes with the chance q.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.attribution_real import rate
from benchmarks.randomised import SHARES, SUBSTITUTES
from benchmarks.samplers import FIXTURE
from benchmarks.substitution import prompts_for
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.detectors.substitution import two_samples
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.records import Ask, Reply
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.stats import kernels

PROMPTS, EACH, TOKENS, LEVELS = 25, 10, 50, (0.05, 0.01)
AUDITS, DRAWS = 500, 999

Floats = NDArray[np.float64]
Gram = tuple[Floats, Mapping[str, NDArray[np.int64]]]
"""Of one prompt: the normalised kernel matrix of all texts of its pools, and which rows each pool has."""


@dataclass(frozen=True)
class Test:
    """A test of two samples of texts.

    Attributes:
        title: for the table.
        kernel: of texts.
        canonical: whether white space is brought to one form first.
        p_value: from the kernel matrices of an audit, and how many of their texts are the endpoint's.
    """

    title: str
    kernel: kernels.Kernel
    canonical: bool
    p_value: Callable[[Sequence[tuple[Floats, int]], np.random.Generator], float]


def within(likeness: Sequence[tuple[Floats, int]], rng: np.random.Generator) -> float:
    """As AUD404 decides: labels permuted within prompts, (1 + b) / (1 + B), and repeats of the endpoint's texts left out."""
    if kernels.repetition(likeness, rng, two_samples.REPEATS_DRAWS).p_value <= two_samples.REPEATS:
        likeness = kernels.distinct(likeness)
    return kernels.permuted(likeness, rng, DRAWS).p_value


def across(likeness: Sequence[tuple[Floats, int]], rng: np.random.Generator) -> float:
    """As published: labels permuted over all prompts, b / B."""
    sizes = [len(gram) for gram, _ in likeness]
    labels = np.concatenate([np.arange(size) < first for size, (_, first) in zip(sizes, likeness, strict=True)])
    drawn = rng.permuted(np.tile(labels, (DRAWS + 1, 1)), axis=1)
    drawn[0] = labels
    sums, pairs = np.zeros((3, DRAWS + 1)), np.zeros((3, DRAWS + 1))
    start = 0
    for gram, _ in likeness:
        first = drawn[:, start : start + len(gram)].astype(np.float64)
        start += len(gram)
        n = first.sum(axis=1)
        m = len(gram) - n
        own = ((first @ gram) * first).sum(axis=1)
        between = first @ gram.sum(axis=1) - own
        sums += own, between, gram.sum() - own - 2 * between
        pairs += n * (n - 1), n * m, m * (m - 1)
    statistics = np.array([1.0, -2.0, 1.0]) @ (sums / np.maximum(pairs, 1))
    return float(np.mean(statistics[1:] >= statistics[0] - 1e-12))


TESTS = (
    Test("ours (AUD404): substrings, within prompts", kernels.spectrum, True, within),
    Test("Hamming, within prompts", kernels.hamming, True, within),
    Test("as published: Hamming, over all prompts", kernels.hamming, False, across),
)


def written(url: str, prompts: Sequence[str], count: int, first_seed: int, path: Path) -> list[list[str]]:
    """`count` texts for each prompt, from a file if they are there. Servers need seeds of their own, or their draws are one."""
    if not path.exists():
        found: dict[str, list[str]] = {prompt: [] for prompt in prompts}
        source = Endpoint(url, "fixture")
        for draw in range(count):
            asks = [
                Ask(f"text {at} {draw}", prompt, "completions", TOKENS, 1.0, seed=first_seed + 1000 * at + draw)
                for at, prompt in enumerate(prompts)
            ]
            for outcome in source.ask(asks):
                assert isinstance(outcome, Reply), outcome
                found[outcome.ask.prompt].append(outcome.text)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps([found[prompt] for prompt in prompts]))
        part.replace(path)
    texts: list[list[str]] = json.loads(path.read_text())
    return texts


def pools(model: StoredModel, count: int, folder: Path) -> dict[str, list[list[str]]]:
    """Who wrote -> for each prompt, its texts: twice `count` by the float32 server, `count` by each other."""
    prompts = list(dict.fromkeys(prompts_for(model, 2 * PROMPTS)))[:PROMPTS]
    found = {}
    for number, (name, (kind, noised)) in enumerate({"f32": ("F32", 0.0), **SUBSTITUTES}.items(), start=1):
        path = folder / f"{model.digest[:8]}-{name.replace(' ', '-')}.json"
        many = count * (2 if name == "f32" else 1)
        with tempfile.TemporaryDirectory() as files, serve(write(model, kind, Path(files), noised=noised)) as url:
            found[name] = written(url, prompts, many, 10**6 * number, path)
    return found


def grams(texts: Mapping[str, list[list[str]]], test: Test) -> list[Gram]:
    """The kernel matrix of every prompt's pools."""
    found: list[Gram] = []
    for at in range(PROMPTS):
        everything = [text for pool in texts.values() for text in pool[at]]
        ends = np.cumsum([len(pool[at]) for pool in texts.values()])
        read = [" ".join(text.split()) for text in everything] if test.canonical else everything
        half = len(read) // 2  # `within_prompts` wants two sides, and only orders the texts by them
        ((gram, _),) = kernels.within_prompts(
            [("", text) for text in read[:half]], [("", text) for text in read[half:]], test.kernel
        )
        rows = np.split(np.arange(len(read)), ends[:-1])
        found.append((gram, dict(zip(texts, rows, strict=True))))
    return found


def drawn(pool: Mapping[str, NDArray[np.int64]], name: str, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of an audit's texts of one prompt, the endpoint's first."""
    honest = rng.permutation(pool["f32"])
    substituted = int(rng.binomial(EACH, share)) if share else 0
    others = rng.permutation(pool[name])[:substituted] if substituted else honest[:0]
    return np.concatenate([others, honest[: 2 * EACH - substituted]])


def rejected(likeness: Sequence[Gram], test: Test, name: str, share: float, audits: int) -> Iterator[int]:
    """At each of `LEVELS`, how many of the simulated audits reject."""
    p_values = []
    for audit in range(audits):
        rng = np.random.default_rng([audit, round(100 * share)])
        chosen = [(gram, drawn(pool, name, share, rng)) for gram, pool in likeness]
        p_values.append(test.p_value([(gram[np.ix_(rows, rows)], EACH) for gram, rows in chosen], rng))
    yield from (int(np.count_nonzero(np.array(p_values) <= level)) for level in LEVELS)


def table(texts: Mapping[str, list[list[str]]], audits: int) -> Iterator[str]:
    """Rows of Markdown: per test, substitute and share, how often it rejects."""
    yield "| test | served instead | at | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |"
    yield "|---" * (len(SHARES) + 3) + "|"
    for test in TESTS:
        likeness = grams(texts, test)
        honest = list(rejected(likeness, test, "f32", 0.0, 4 * audits))
        for name in list(texts)[1:]:
            found = [list(rejected(likeness, test, name, share, audits)) for share in SHARES[1:]]
            for at, level in enumerate(LEVELS):
                cells = [rate(honest[at], 4 * audits), *(f"{each[at] / audits:.2f}" for each in found)]
                yield f"| {test.title} | {name} | {level:g} | {' | '.join(cells)} |"


def main() -> None:
    """Have texts written, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=FIXTURE)
    parser.add_argument("--count", type=int, default=100, help="texts of every prompt by each substitute")
    parser.add_argument("--audits", type=int, default=AUDITS, help="simulated audits of a cell; 0: only write texts")
    parser.add_argument("--texts", type=Path, required=True, help="folder of the texts that were written already")
    chosen = parser.parse_args()
    texts = pools(Store().resolve(chosen.model, offline=True), chosen.count, chosen.texts)
    if chosen.audits:
        for line in table(texts, chosen.audits):
            print(line, flush=True)


if __name__ == "__main__":
    main()
