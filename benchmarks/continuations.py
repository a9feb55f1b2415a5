"""Membership by sampled continuations: whether a canary comes back from an endpoint that returns nothing but text.

`python -m benchmarks.continuations --model FOLDER` prints the table of docs/rules/AUD315.md. The model, a fixture Llama that
has read canaries up to 512 times, is trained there unless it is there already, in some twenty minutes. What AUD315 finds
stands beside what log-probabilities tell, and beside SaMIA's statistic, which continues the first half of a string alone.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from tokenizers import Tokenizer

from fixtures.membership import grammar, train
from fixtures.membership.world import world
from llm_audit.detectors.membership import canary, continuation
from llm_audit.detectors.membership.target import Target
from llm_audit.detectors.rule import Terms
from llm_audit.endpoints.records import Failure, Reply
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.stats import permutation
from tests.detectors.laws import judge

REPETITIONS = (128, 256, 512)
KINDS = ("alone", "after a record")
COUNT, SIBLINGS, LETTERS = 8, 999, 64
"""Canaries of each kind and number of repetitions; their siblings; letters."""

COUNTS = (8, 32)
"""Continuations of each beginning."""

GRAM = 4
"""Letters of the runs that SaMIA's statistic counts."""


def planted(kind: str, repetitions: int, number: int) -> canary.Secret:
    """A canary, alone or after a record of seventy words."""
    digest = hashlib.sha256(f"continuations {kind} {repetitions} {number}".encode())
    before = "" if kind == "alone" else grammar.document(np.random.default_rng(list(digest.digest()))) + " "
    return canary.Secret(digest.hexdigest(), SIBLINGS, LETTERS, before, "")


def stream(rng: Generator) -> list[str]:
    """The training texts: the background of the fixture's world once, and each published canary as often as it says."""
    texts = list(world().background)
    for repetitions in REPETITIONS:
        for kind in KINDS:
            for number in range(COUNT):
                secret = planted(kind, repetitions, number)
                texts += [secret.before + secret.strings()[0]] * repetitions
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


def answers(model: Any, tokenizer: Tokenizer, secrets: Sequence[canary.Secret], count: int) -> list[Reply | Failure]:
    """What an endpoint with this model would return to the requests of AUD315."""
    asked = continuation.questions(secrets, count)
    texts: dict[str, list[str]] = {}
    for prompt in dict.fromkeys(ask.prompt for ask in asked):
        texts[prompt] = continuations(model, tokenizer, prompt, continuation.TEMPERATURE, count, continuation.STEP)
    return [
        Reply(ask, texts[ask.prompt][at % count], (), (), "", "", "", (None, None), (), 0.0, 1) for at, ask in enumerate(asked)
    ]


def coverage(written: Sequence[str], true: str) -> float:
    """Mean share of the true continuation's runs of letters that a written one holds."""

    def runs(text: str) -> set[str]:
        return {text[at : at + GRAM] for at in range(len(text) - GRAM + 1)}

    return float(np.mean([len(runs(text) & runs(true)) / len(runs(true)) for text in written]))


def continued(model: Any, tokenizer: Tokenizer, secrets: Sequence[canary.Secret], count: int) -> tuple[str, float | None]:
    """AUD315 of some canaries together: its name with the number of requests, and the p-value."""
    outcomes = answers(model, tokenizer, secrets, count)
    measured = continuation.measure(secrets, outcomes, "continuations")
    return f"AUD315, {len(outcomes)} requests", continuation.derive(measured, Terms(0.01)).p_value


def tested(model: Any, tokenizer: Tokenizer, target: Target, secret: canary.Secret) -> Iterator[tuple[str, float | None]]:
    """Each test of one canary, by name, with its p-value."""
    yield "log-probability (AUD311)", judge(canary, target, [secret], alpha=0.01).p_value
    for count in COUNTS:
        yield continued(model, tokenizer, [secret], count)
    strings, half = secret.strings(), LETTERS // 2
    written = continuations(model, tokenizer, secret.before + strings[0][:half], continuation.TEMPERATURE, max(COUNTS), half)
    values = [coverage(written, string[half:]) for string in strings]
    yield f"second half, runs of {GRAM} letters, {max(COUNTS)} requests", permutation.monte_carlo(values[0], values[1:]).p_value


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
                for name, p in tested(model, tokenizer, target, planted(kind, repetitions, number)):
                    found.setdefault(name, []).append(1.0 if p is None else p)
            for name, values in found.items():
                p_values = np.array(values)
                shares = " | ".join(f"{(p_values <= alpha).sum()} of {len(values)}" for alpha in (0.05, 0.01))
                print(f"| {kind} | {repetitions} | {name} | {shares} |", flush=True)
            together = [planted(kind, repetitions, number) for number in range(chosen.count)]
            name, joint = continued(model, tokenizer, together, min(COUNTS))
            print(f"| {kind} | {repetitions} | {name}, all canaries together | p = {joint:.2g} | |", flush=True)


if __name__ == "__main__":
    main()
