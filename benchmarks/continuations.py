"""Membership by sampled continuations: whether a canary comes back from an endpoint that returns nothing but text.

`python -m benchmarks.continuations --model FOLDER` prints the table of docs/statistics/substitution.md. The model, a fixture
Llama that has read canaries up to 512 times, is trained there unless it is there already, in some twenty minutes. A prompt is
the text before a canary and its first letters; what the model writes is held against the true letters that follow, and against
those of the unpublished siblings. Under the null hypothesis the letters are uniform whatever was written, so that the rank of
the true ones is exact, and siblings need no requests.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from scipy.stats import chi2
from tokenizers import Tokenizer

from fixtures.membership import grammar, train
from fixtures.membership.world import world
from llm_audit.detectors.membership import canary
from llm_audit.detectors.membership.target import Target
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.stats import permutation

REPETITIONS = (128, 256, 512)
KINDS = ("alone", "after a record")
COUNT, SIBLINGS, LETTERS = 8, 999, 64
"""Canaries of each kind and number of repetitions; their siblings; letters."""

STEP = 8
"""Letters from one prefix to the next."""

PLAN = {0.0: 1, 0.5: 16, 1.0: 16}
"""Temperature -> continuations of each prefix."""

GRAM = 4
"""Letters of the runs that SaMIA's statistic counts."""


def planted(kind: str, repetitions: int, number: int) -> tuple[str, list[str]]:
    """The text before a canary, and the published string with its siblings."""
    seed = hashlib.sha256(f"continuations {kind} {repetitions} {number}".encode()).digest()
    before = "" if kind == "alone" else grammar.document(np.random.default_rng(list(seed))) + " "
    return before, canary.strings(seed, 1 + SIBLINGS, LETTERS)


def stream(rng: Generator) -> list[str]:
    """The training texts: the background of the fixture's world once, and each published canary as often as it says."""
    texts = list(world().background)
    for repetitions in REPETITIONS:
        for kind in KINDS:
            for number in range(COUNT):
                before, strings = planted(kind, repetitions, number)
                texts += [before + strings[0]] * repetitions
    return [texts[index] for index in rng.permutation(len(texts))]


def continuations(model: Any, tokenizer: Tokenizer, prompt: str, temperature: float, count: int, length: int) -> list[str]:
    """Texts of as many tokens that the model writes after a prompt, as an endpoint for completions returns them."""
    ids = torch.tensor([[train.START, *tokenizer.encode(prompt, add_special_tokens=False).ids]])
    drawing = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    with torch.random.fork_rng():
        torch.manual_seed(len(prompt))
        written = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=length, num_return_sequences=count,
            pad_token_id=train.START, **drawing,
        )  # fmt: skip
    rows = written[:, ids.shape[1] :].tolist()
    return [tokenizer.decode([token for token in row if token != train.START]) for row in rows]


def agreement(written: Sequence[str], true: str) -> float:
    """Mean number of letters until a continuation differs from the true one."""
    alike = (next((at for at, (a, b) in enumerate(zip(text, true, strict=False)) if a != b), len(text)) for text in written)
    return float(np.mean(list(alike)))


def coverage(written: Sequence[str], true: str) -> float:
    """Mean share of the true continuation's runs of letters that a written one holds."""

    def runs(text: str) -> set[str]:
        return {text[at : at + GRAM] for at in range(len(text) - GRAM + 1)}

    return float(np.mean([len(runs(text) & runs(true)) / len(runs(true)) for text in written]))


def rank(statistic: Callable[[str], float], strings: Sequence[str], rng: Generator) -> float:
    """The p-value of the first of some strings among the others, ties broken at random."""
    values = np.array([statistic(string) for string in strings])
    ties = int((values[1:] == values[0]).sum())
    return float((values[1:] > values[0]).sum() + rng.integers(0, ties + 1) + 1) / len(values)


def tested(model: Any, tokenizer: Tokenizer, kind: str, repetitions: int, number: int) -> Iterator[tuple[str, float]]:
    """Each test by continuations of one canary, by name, with its p-value."""
    before, strings = planted(kind, repetitions, number)
    rng = np.random.default_rng([repetitions, number])
    for temperature, count in PLAN.items():
        prefixes, half = [], 1.0
        for cut in range(0 if before else STEP, LETTERS, STEP):
            halved = cut == LETTERS // 2
            length = LETTERS // 2 if halved else STEP
            written = continuations(model, tokenizer, before + strings[0][:cut], temperature, count, length)
            rest = [string[cut:] for string in strings]
            ends = [string[:STEP] for string in rest]  # what follows belongs to the next prefix
            prefixes.append(rank(lambda true, texts=written: agreement([text[:STEP] for text in texts], true), ends, rng))  # type: ignore[misc]
            if halved:
                half = rank(lambda true, texts=written: coverage(texts, true), rest, rng)  # type: ignore[misc]
        # Given all letters before, each block is uniform: the p-values of prefixes are independent.
        yield f"prefixes, temperature {temperature:g}", float(chi2.sf(-2 * np.log(prefixes).sum(), 2 * len(prefixes)))
        yield f"second half, temperature {temperature:g}", half


def likelihood(target: Target, kind: str, repetitions: int, number: int) -> float:
    """The p-value of the canary's log-probability among those of its siblings: what AUD311 reads."""
    before, strings = planted(kind, repetitions, number)
    totals = target.totals([before + string for string in strings])
    return permutation.monte_carlo(float(totals[0]), totals[1:]).p_value


def main() -> None:
    """Train if need be, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the model; trained there if it is not there")
    parser.add_argument("--count", type=int, default=COUNT, help="canaries of each kind and number of repetitions")
    chosen = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(train.FIXTURE / "tokenizer.json"))
    if not chosen.model.exists():
        trained = train.train(stream(np.random.default_rng(3)), tokenizer, np.random.default_rng(4))
        train.save(trained, tokenizer, chosen.model)
    from transformers import LlamaForCausalLM

    model: Any = LlamaForCausalLM.from_pretrained(chosen.model, dtype=torch.float32)
    target = Target(Session(Store().resolve(str(chosen.model), offline=True)))
    print("| canaries | read | test | p <= .05 | p <= .01 |\n|---|---|---|---|---|")
    for kind in KINDS:
        for repetitions in (0, *REPETITIONS):
            found: dict[str, list[float]] = {}
            for number in range(chosen.count):
                found.setdefault("log-probability", []).append(likelihood(target, kind, repetitions, number))
                for name, p in tested(model, tokenizer, kind, repetitions, number):
                    found.setdefault(name, []).append(p)
            for name, values in found.items():
                p_values = np.array(values)
                shares = " | ".join(f"{(p_values <= alpha).sum()} of {len(values)}" for alpha in (0.05, 0.01))
                print(f"| {kind} | {repetitions} | {name} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
