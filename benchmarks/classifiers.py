"""Which head, which loss: leave one domain out, leave one generator out.

`python -m benchmarks.classifiers` prints the tables of the README, from cached scores. Every head is trained without
one domain (or one family of generators) and without any text of a group that is tested, and judged on that alone. Its
threshold "at nominal 1 %" comes from the calibration texts of all other domains, cut to the tested text's length: what a
user meets whose kind of text is new.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors import find
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats.classification import auroc, tpr_at_fpr
from llm_audit.training import heads
from llm_audit.training.features import MINIMUM_BLOCKS, Blocks, collect
from llm_audit.training.labelled import Labelled
from llm_audit.training.recipe import SCHEDULES, held_back
from tools.score_corpus import REQUEST, default_session, sample
from tools.training_data import BASE_MODELS

SEEDS = (0, 1, 2)
LEAST = 8
"""Texts of each class that a held-out unit needs."""

FAMILIES = {
    "GPT-3.5": ("gpt-3.5-turbo", "GPT-3-Turbo", "chatgpt"),
    "GPT-4": ("gpt-4", "gpt-4o", "GPT-4o"),
    "GPT-3 instruct": ("text_davinci_003",),
    "Claude 3": ("claude-3-opus-20240229", "claude-3-sonnet-20240229"),
    "Gemini 1.5": ("gemini-1.5-pro", "Gemini-1.5-Pro"),
    "Llama 3": ("Llama-3-70B", "Llama-3-8B"),
    "Mistral": ("Mistral-7B",),
    "Qwen 2": ("Qwen2-7B",),
    "DeepSeek": ("Deepseek-7b",),
    "FLAN-T5": ("flan_t5_xxl",),
    "base models": BASE_MODELS,
}


def family(text: Labelled) -> str:
    """The family of the text's generator; empty for a human text."""
    return next((name for name, members in FAMILIES.items() if text.generator in members), "")


def domain(text: Labelled) -> str:
    """Domains across sources: news is news whoever collected it."""
    if text.source == "imbd":
        return "imbd"
    return text.domain


@dataclass(frozen=True, eq=False)
class Part:
    """Texts of one part of the sample with what the detectors read."""

    texts: Sequence[Labelled]
    scores: Sequence[TokenScores]
    blocks: Blocks

    def rows(self, belongs: Callable[[Labelled], bool]) -> NDArray[np.int64]:
        """Positions of some texts."""
        return np.array([i for i, text in enumerate(self.texts) if belongs(text)], dtype=np.int64)


def load(name: str) -> Part:
    """Texts of at least `MINIMUM_BLOCKS` whole blocks."""
    texts = sample(name).texts
    scores = list(default_session().score([text.text for text in texts], REQUEST))
    kept = [i for i, one in enumerate(scores) if one.states is not None and len(one.states) >= MINIMUM_BLOCKS]
    return Part([texts[i] for i in kept], [scores[i] for i in kept], collect([scores[i] for i in kept]))


LONGEST = 13
"""Blocks of the longest window that the shipped population judges."""


def by_length(logits: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Running means of block logits."""
    means = np.cumsum(logits, 1) / np.arange(1, logits.shape[1] + 1)
    return np.where(np.arange(logits.shape[1]) < counts[:, None], means, np.nan)


def zero_shot(detector: Callable[[TokenScores], float], part: Part) -> NDArray[np.float64]:
    """(n, LONGEST): a statistic of each text cut after 1, 2, ... blocks; NaN beyond its end."""
    table = np.full((len(part.texts), LONGEST), np.nan)
    for row, one in enumerate(part.scores):
        for block in range(MINIMUM_BLOCKS, min(int(part.blocks.counts[row]), LONGEST) + 1):
            table[row, block - 1] = detector(one[: 16 * block])
    return table


def clipped(part: Part, rows: NDArray[np.int64], space: heads.Space) -> Blocks:
    """Features as a head of that space sees them before its weight."""
    blocks = part.blocks[rows].beginnings(LONGEST)
    return Blocks(np.clip(blocks.features - space.mean, -space.limit, space.limit), blocks.counts)


def head_scores(network: heads.HeadNetwork, space: heads.Space, blocks: Blocks) -> NDArray[np.float64]:
    """(n, most blocks): a logistic head's block logits, averaged up to each length."""
    weight = network.first.weight.numpy()[0] @ space.whitening / space.scale
    return by_length((blocks.features @ weight + network.first.bias.item()).astype(np.float64), blocks.counts)


class Outcome(NamedTuple):
    """One scorer on one held-out unit."""

    unit: str
    n_human: int
    n_machine: int
    auroc: float
    tpr: float  # at 1 % of the unit's own human texts
    nominal_tpr: float  # at nominal 1 %
    fpr: float  # realised at nominal 1 %


def judged(table: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2): score at the text's own length, at most `LONGEST`, and conformal p-value against the reference."""
    found = np.empty((len(table), 2))
    for i, row in enumerate(table):
        last = int(np.isfinite(row[:LONGEST]).nonzero()[0].max())
        population = reference[:, last][np.isfinite(reference[:, last])]
        found[i] = row[last], (1 + np.sum(population >= row[last])) / (1 + len(population))
    return found


class Unit(NamedTuple):
    """What is held out: whether a text is tested, whether it may train, whether it may calibrate."""

    name: str
    tests: Callable[[Labelled], bool]
    trains: Callable[[Labelled], bool]
    calibrates: Callable[[Labelled], bool]


def units(everyone: Sequence[Labelled], by: str) -> list[Unit]:
    """Held-out domains, or families of generators."""
    if by == "domain":
        return [
            Unit(name, lambda t, name=name: domain(t) == name and family(t) != "base models",  # type: ignore[misc]  # binds
                 lambda t, name=name: domain(t) != name, lambda t, name=name: domain(t) != name)  # type: ignore[misc]  # binds
            for name in sorted({domain(text) for text in everyone})
        ]  # fmt: skip
    return [
        Unit(name, lambda t, name=name: t.label == "human" or family(t) == name,  # type: ignore[misc]  # binds
             lambda t, name=name: family(t) != name, lambda t: True)  # type: ignore[misc]  # binds
        for name in FAMILIES
    ]  # fmt: skip


Methods = dict[str, list[list[Outcome]]]
"""Method -> seed -> outcomes of the units."""


def compare(
    by: str, train: Part, test: Part, calibration: Part, fixed: dict[str, dict[int, NDArray[np.float64]]], losses: Sequence[str]
) -> Methods:
    """Every method on every unit."""
    methods: Methods = {}
    for unit in units(test.texts, by):
        exam = _exam(by, unit, train, test, calibration)
        if exam is None:
            continue
        for name, tables in fixed.items():
            tested = np.concatenate([tables[id(part)][rows] for part, rows in exam.tested])
            _note(methods, name, 0, exam, tested, tables[id(calibration)][exam.calibration_rows])
        own = [train.texts[i] for i in exam.train_rows]
        prepared = heads.prepare(train.blocks[exam.train_rows], own, held_back(own, 0))
        examined = [clipped(part, rows, prepared.space) for part, rows in exam.tested]
        reference = clipped(calibration, exam.calibration_rows, prepared.space)
        for seed in SEEDS:
            schedule = dataclasses.replace(SCHEDULES["logistic"], seed=seed)
            start = dataclasses.replace(schedule, epochs=0)
            runs = [("head, discriminant", "bce", start, True)] if seed == 0 else []
            runs += [(f"head, {loss}", loss, schedule, False) for loss in losses]
            runs += [(f"head, discriminant then {loss}", loss, schedule, True) for loss in ("bce", "tpauc-kl")]
            for name, loss, chosen, discriminant in runs:
                network, _ = heads.train_head(prepared, "logistic", loss, chosen, discriminant=discriminant)
                found = [head_scores(network, prepared.space, blocks) for blocks in (*examined, reference)]
                _note(methods, name, seed, exam, np.concatenate(found[:-1]), found[-1])
        print(f"{by} {unit.name}: {len(exam.labels)} texts, {time.perf_counter() - BEGIN:.0f} s", file=sys.stderr, flush=True)
    return methods


class Exam(NamedTuple):
    """One held-out unit: what is tested, what trains, what calibrates."""

    unit: str
    tested: list[tuple[Part, NDArray[np.int64]]]
    labels: NDArray[np.int64]
    train_rows: NDArray[np.int64]
    calibration_rows: NDArray[np.int64]


def _exam(by: str, unit: Unit, train: Part, test: Part, calibration: Part) -> Exam | None:
    # For a held-out domain, the texts of the training part are as new to the head as those of the test part.
    tested = [(part, part.rows(lambda t: t.label != "machine-revised" and unit.tests(t))) for part in (test, train)]
    if by == "generator":
        tested = [_in_domains_of_machines(part, rows) for part, rows in tested[:1]]
    labels = np.concatenate([[part.texts[i].is_machine for i in rows] for part, rows in tested]).astype(np.int64)
    if min(labels.sum(), len(labels) - labels.sum()) < LEAST:
        return None
    groups = {part.texts[i].group for part, rows in tested for i in rows}
    train_rows = train.rows(lambda t: unit.trains(t) and t.group not in groups)
    return Exam(unit.name, tested, labels, train_rows, calibration.rows(unit.calibrates))


def _note(
    methods: Methods, method: str, seed: int, exam: Exam, table: NDArray[np.float64], reference: NDArray[np.float64]
) -> None:
    found = judged(table, reference)
    human, machine = found[exam.labels == 0], found[exam.labels == 1]
    outcome = Outcome(
        exam.unit, len(human), len(machine), auroc(found[:, 0], exam.labels), tpr_at_fpr(found[:, 0], exam.labels, 0.01),
        float(np.mean(machine[:, 1] <= 0.01)), float(np.mean(human[:, 1] <= 0.01)),
    )  # fmt: skip
    methods.setdefault(method, [[] for _ in SEEDS])[seed].append(outcome)


def _in_domains_of_machines(part: Part, rows: NDArray[np.int64]) -> tuple[Part, NDArray[np.int64]]:
    """The machine texts, and the human texts of the domains in which that family wrote."""
    domains = {domain(part.texts[i]) for i in rows if part.texts[i].is_machine}
    return part, np.array([i for i in rows if domain(part.texts[i]) in domains], dtype=np.int64)


BEGIN = time.perf_counter()


def summary(methods: dict[str, list[list[Outcome]]]) -> list[str]:
    """One row per method: means over units, +- the standard deviation over seeds, which order the batches."""
    lines = ["| method | AUROC | TPR at 1 % FPR | TPR at nominal 1 % | realised FPR |", "|---|---|---|---|---|"]
    for name, runs in methods.items():
        done = [run for run in runs if run]
        cells = []
        for field in ("auroc", "tpr", "nominal_tpr", "fpr"):
            means = [float(np.mean([getattr(outcome, field) for outcome in run])) for run in done]
            spread = f" ± {np.std(means, ddof=1):.4f}" if len(means) > 1 else ""
            cells.append(f"{np.mean(means):.4f}{spread}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def details(methods: dict[str, list[list[Outcome]]], shown: Sequence[str]) -> list[str]:
    """One row per unit, first seed."""
    head = " | ".join(f"{name}: AUROC | TPR at 1 % | at nominal 1 % | realised FPR" for name in shown)
    lines = [f"| held out | human | machine | {head} |", f"|{'---|' * (3 + 4 * len(shown))}"]
    for row in zip(*(methods[name][0] for name in shown), strict=True):
        cells = " | ".join(f"{o.auroc:.3f} | {o.tpr:.2f} | {o.nominal_tpr:.2f} | {o.fpr:.3f}" for o in row)
        lines.append(f"| {row[0].unit} | {row[0].n_human} | {row[0].n_machine} | {cells} |")
    return lines


def main() -> None:
    """Print both tables."""
    losses = sys.argv[1].split(",") if len(sys.argv) > 1 else ["bce", "opauc-kl", "opauc-cvar", "tpauc-kl", "aucm"]
    train, test, calibration = (load(name) for name in ("train", "test", "calibration"))
    fixed = {
        detector.name: {id(part): zero_shot(detector.statistic, part) for part in (train, test, calibration)}
        for detector in find(())
        if not detector.hidden_layers
    }
    print(f"zero-shot scores, {time.perf_counter() - BEGIN:.0f} s", file=sys.stderr, flush=True)
    for by in ("domain", "generator"):
        methods = compare(by, train, test, calibration, fixed, losses)
        best = max(
            ("curvature", "perplexity-ratio", "log-rank", "lrr"), key=lambda name: np.mean([o.tpr for o in methods[name][0]])
        )
        print(f"\n## Leave one {by} out\n")
        print("\n".join(summary(methods)), "\n")
        print("\n".join(details(methods, [best, "head, discriminant then bce"])), flush=True)


if __name__ == "__main__":
    main()
