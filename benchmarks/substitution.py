"""How often honest endpoints are accused, and how many requests it takes to find dishonest ones, on real llama.cpp servers.

    python -m benchmarks.substitution fixture            # a quarter of an hour on two cores
    python -m benchmarks.substitution smollm2 --effects  # an hour; also writes detectors/substitution/effects.json

Every served file answers every prompt once; audits are then drawn from these answers, prompts dealt anew each time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from fixtures.membership import grammar
from fixtures.servers import gguf, llama
from llm_audit.common.paths import cache_root
from llm_audit.detectors.substitution import run
from llm_audit.detectors.substitution.local import LocalModel
from llm_audit.detectors.substitution.questions import questions
from llm_audit.detectors.substitution.reference_model import ReferenceModel
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.probe import probe
from llm_audit.endpoints.records import Ask, Reply
from llm_audit.results import Served
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.scoring.tokens import Decoding
from llm_audit.stats import exceedance, kernels, online, ranks
from tools.corpus import humans

TARGET = Path(__file__).parents[1] / "detectors" / "substitution" / "effects.json"
FIXTURE = Path(__file__).parents[1] / "fixtures" / "membership" / "model"
SERVED = {
    "F32": ("F32", 0.0, ""),
    "F16": ("F16", 0.0, ""),
    "BF16": ("BF16", 0.0, ""),
    "q8": ("Q8_0", 0.0, "8-bit quantisation (llama.cpp Q8_0)"),
    "q5": ("Q5_0", 0.0, "5-bit quantisation (llama.cpp Q5_0)"),
    "q4": ("Q4_0", 0.0, "4-bit quantisation (llama.cpp Q4_0)"),
    "other": ("F32", 0.2, "other weights (a fifth of each weight's spread added as noise)"),
}
HONEST, REQUESTS, AUDITS, ALPHA, POWER = 90, 50, 1000, 0.01, 0.9
TEXT_PROMPTS, DRAWS, OWN, TEXT_TOKENS = 60, 5, 10, 30


class Recorded(NamedTuple):
    """What one served file answered. `distances`: precision -> (prompts,); texts: prompt -> its texts."""

    distances: dict[str, np.ndarray]
    texts: dict[str, list[str]]


def prompts_for(model: StoredModel, count: int) -> list[str]:
    """Beginnings of documents of the model's world; or first sentences of human texts, 8 to 40 words."""
    if model.name == str(FIXTURE):
        rng = np.random.default_rng(11)
        return [grammar.document(rng)[: 100 + int(rng.integers(100))] for _ in range(count)]
    first = (human.text.strip().split("\n")[0].split(". ")[0] for human in humans() if human.domain != "Code")
    return [text for text in dict.fromkeys(first) if 8 <= len(text.split()) <= 40][:count]


def record(
    model: StoredModel, yardstick: LocalModel, settings: Settings, prompts: Sequence[str], name: str, texts: int
) -> Recorded:
    kind, noise, _ = SERVED[name]
    folder = cache_root() / "benchmarks" / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    with llama.serve(gguf.write(model, kind, folder, noised=noise)) as url:
        source = Endpoint(url, "fixture")
        surface = probe(source).completions
        assert surface is not None
        replies = source.ask(questions(prompts, surface, settings.tokens, settings.alternatives))
        asks = [
            Ask(f"text {i} {draw}", prompt, "completions", TEXT_TOKENS, 1.0, seed=1000 * i + draw)
            for i, prompt in enumerate(prompts[:texts])
            for draw in range(DRAWS)
        ]
        drawn = [reply for reply in source.ask(asks) if isinstance(reply, Reply)]
    answers = yardstick.comparable([reply for reply in replies if isinstance(reply, Reply)], settings.alternatives)
    distances = yardstick.distances(answers, settings.alternatives)
    by_prompt: dict[str, list[str]] = {}
    for reply in drawn:
        by_prompt.setdefault(reply.ask.prompt, []).append(reply.text)
    return Recorded(distances, by_prompt)


def audits(
    endpoint: dict[str, np.ndarray], honest: dict[str, np.ndarray], other: dict[str, np.ndarray] | None, rate: float, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """(AUDITS, n) log e of AUD401 after each request, and p of AUD402 at each size; `other` serves a share `rate`."""
    rng, paths, exceeded = np.random.default_rng(1), [], []
    answered, size = min(map(len, endpoint.values())), min(map(len, honest.values()))
    for _ in range(AUDITS):
        first = rng.permutation(answered)[: min(n, answered)]
        second = rng.permutation(np.setdiff1d(np.arange(size), first))[:HONEST]
        swapped = rng.random(len(first)) < rate
        log_e, p = [], []
        for name, values in endpoint.items():
            asked = np.where(swapped, other[name][first], values[first]) if other else values[first]
            log_e.append(online.wealth(online.ranks(asked, honest[name][second], rng)).path)
            above = np.cumsum(asked > honest[name][second].max())
            p.append([_tail(int(k), i + 1) for i, k in enumerate(above)])
        paths.append(np.min(log_e, axis=0))
        exceeded.append(np.max(p, axis=0))
    return np.array(paths), np.array(exceeded)


_TAILS: dict[tuple[int, int], float] = {}


def _tail(above: int, n: int) -> float:
    if (above, n) not in _TAILS:
        _TAILS[above, n] = exceedance.tail(above, n, HONEST)
    return _TAILS[above, n]


def needed(rejected: np.ndarray) -> str:
    """The fewest requests at which a share `POWER` of audits rejects: columns are sizes."""
    enough = np.flatnonzero(rejected.mean(axis=0) >= POWER)
    return str(enough[0] + 1) if len(enough) else f"> {rejected.shape[1]} ({rejected.mean(axis=0)[-1]:.2f})"


def text_tests(yardstick: LocalModel, texts: dict[str, list[str]], own: dict[str, list[str]]) -> tuple[str, str]:
    """Requests that RUT and MMD need, prompts drawn anew 200 times."""
    rng, prompts = np.random.default_rng(2), [prompt for prompt in texts if len(texts[prompt]) == DRAWS]
    pairs = [(prompt, text) for prompt in prompts for text in (texts[prompt][0], *own[prompt])]
    scores = yardstick.log_ranks(pairs)
    table = np.array([[scores[prompt, text] for text in (texts[prompt][0], *own[prompt])] for prompt in prompts])
    rut = []
    for _ in range(200):
        rows = table[rng.permutation(len(table))]
        relative = ranks.relative_rank(rows[:, 0], rows[:, 1:], rng)
        rut.append(np.maximum.accumulate(ranks.wealth(relative).path) >= -np.log(ALPHA))
    sizes, mmd = [10, 20, 30, 40, 50, len(prompts)], []
    for size in sizes:
        p_values = []
        for _ in range(40):
            chosen = [prompts[i] for i in rng.permutation(len(prompts))[:size]]
            first = [(prompt, text) for prompt in chosen for text in texts[prompt]]
            second = [(prompt, text) for prompt in chosen for text in own[prompt][:DRAWS]]
            likeness = kernels.within_prompts(first, second, kernels.spectrum)
            p_values.append(kernels.permuted(likeness, rng, 199).p_value <= ALPHA)
        mmd.append(float(np.mean(p_values)))
    found = [f"{size * DRAWS}" for size, power in zip(sizes, mmd, strict=True) if power >= POWER]
    return needed(np.array(rut)), found[0] if found else f"> {sizes[-1] * DRAWS} ({mmd[-1]:.2f})"


def live(model: StoredModel, reference: ReferenceModel, prompts: Sequence[str], each: int = 7) -> None:
    """Whole audits of honest servers, asked anew each time."""
    folder, accused = cache_root() / "benchmarks" / "gguf", 0
    for kind in ("F32", "F16", "BF16"):
        with llama.serve(gguf.write(model, kind, folder), exact=False) as url:
            for seed in range(each):
                source = Endpoint(url, "fixture")
                settings = Settings(requests=30, honest=100, texts=15, seed=f"{kind} {seed}")
                found = run.audit(
                    source, probe(source), LocalModel(reference, settings.precisions, settings.tokens), prompts, settings
                )
                accused += found.served is not Served.CONSISTENT
    print(f"\n{accused} of {3 * each} live audits of honest servers (F32, F16, BF16; default attention) were not consistent.")


@click.command()
@click.argument("which", type=click.Choice(["fixture", "smollm2"]))
@click.option("--effects", is_flag=True, help="Write the table that `llm-audit substitution plan` reads.")
@click.option("--texts", default=TEXT_PROMPTS, help="Prompts for the text tests; 0: none.")
def main(which: str, effects: bool, texts: int) -> None:
    """Record, draw audits, print tables."""
    model = Store().resolve(DEFAULT_MODEL if which == "smollm2" else str(FIXTURE), offline=True)
    reference, settings = ReferenceModel(model, "completions"), Settings()
    if which == "fixture":
        settings = replace(settings, precisions=("f32", "f16", "bf16"))
    prompts = prompts_for(model, HONEST + (REQUESTS if which == "smollm2" else 180))
    yardstick = LocalModel(reference, settings.precisions, settings.tokens)
    honest = yardstick.null_distances(prompts, settings.alternatives)
    print(f"honest: {', '.join(f'{name} {values.mean():.3g} (max {values.max():.3g})' for name, values in honest.items())}")
    own: dict[str, list[str]] = {}
    if texts:
        wanted = [prompt for prompt in prompts[:texts] for _ in range(OWN)]
        for answer in reference.draw(wanted, TEXT_TOKENS, Decoding(), 7):
            own.setdefault(answer.prompt, []).append(reference.tokenizer.decode(list(answer.token_ids)))
    known = json.loads(TARGET.read_text())["effects"]  # what other benchmarks measured of the same effects is kept
    recorded, table, most = {}, {}, 150 if which == "fixture" else REQUESTS
    print(f"\nAt {ALPHA}; rejected: within {REQUESTS} requests; needed: requests at power {POWER}.\n")
    print("| served | mean distance | AUD401 rejected | AUD402 | AUD401 needed | AUD402 | RUT | MMD, texts |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    # The large model takes minutes a file: the reference's half precisions are emulated by a CPU.
    for name in SERVED if which == "fixture" else ["F32", "q8", "q5", "q4"]:
        recorded[name] = record(
            model, yardstick, settings, prompts[: len(prompts) if which == "fixture" else REQUESTS], name, texts
        )
        distances = recorded[name].distances
        paths, p_values = audits(distances, honest, None, 0.0, most)
        by_text = text_tests(yardstick, recorded[name].texts, own) if texts else ("–", "–")
        print(row(name, distances, paths, p_values, by_text), flush=True)
        ranked = np.max([_ranked(values, honest[each]) for each, values in distances.items()], axis=0)
        if SERVED[name][2]:
            table[name] = known.get(name, {}) | {
                "description": f"{SERVED[name][2]}, {model.name}",
                "ranks": [round(float(u), 4) for u in np.sort(ranked)],
            }
    for rate in (0.05, 0.1, 0.3):
        paths, p_values = audits(recorded["F32"].distances, honest, recorded["q4"].distances, rate, most)
        print(row(f"{rate:.0%} q4 in F32", recorded["q4"].distances, paths, p_values, ("–", "–")), flush=True)
    if which == "fixture":
        live(model, reference, prompts)
    if effects:
        TARGET.write_text(json.dumps({"honest": len(honest["f32"]), "effects": table}) + "\n")


def _ranked(values: np.ndarray, honest: np.ndarray) -> np.ndarray:
    """(n,) shares of honest distances that each value does not exceed, as of a rank test."""
    return (1 + np.sum(honest[None, :] >= values[:, None], axis=1)) / (1 + len(honest))


def row(name: str, distances: dict[str, np.ndarray], paths: np.ndarray, p_values: np.ndarray, texts: tuple[str, str]) -> str:
    """Of the table."""
    first = np.maximum.accumulate(paths, axis=1) >= -np.log(ALPHA)
    at = min(REQUESTS, paths.shape[1]) - 1
    cells = [
        f"{min(values.mean() for values in distances.values()):.2g}",
        f"{first[:, at].mean():.3f}",
        f"{(p_values[:, at] <= ALPHA).mean():.3f}",
        needed(first),
        needed(p_values <= ALPHA),
        *texts,
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
