"""Which head, trained with which loss, carries over to kinds of text that nobody saw? Three seeds each.

`python -m benchmarks.heads FOLDER [SEED ...]` prints the table of `docs/decisions/losses.md`, from cached scores. As in
`sources`, every source of the second batch is left out of the training and of the population before its texts are judged.
What each head says of the texts is kept in FOLDER, so that a run goes on where it stopped, and several can share the work
by seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.sources import FOLDS, Roles, Table, load, p_values, roles
from benchmarks.validity import LEAST
from llm_audit.training import heads
from llm_audit.training.features import Blocks
from llm_audit.training.recipe import SCHEDULES, held_back

SEEDS = (0, 1, 2)

HEADS = {
    "discriminant, as shipped": ("logistic", "bce", 0),
    "logistic, cross-entropy": ("logistic", "bce", None),
    "logistic, two-way partial AUC (DXO)": ("logistic", "tpauc-kl", None),
    "two layers, cross-entropy": ("mlp", "bce", None),
    "two layers, two-way partial AUC (DXO)": ("mlp", "tpauc-kl", None),
    "attention over blocks, cross-entropy": ("attention", "bce", None),
    "attention over blocks, two-way partial AUC (DXO)": ("attention", "tpauc-kl", None),
}
"""Name -> kind, loss, and the number of epochs if it is not that of the recipe."""

FOUND = (0.9, 0.84)
"""Shares of the machine texts at which the human texts that are flagged are counted."""

CHUNK = 1000
"""Texts whose features are mapped at a time, to spare memory; a process takes some 10 GB."""


def prepared(table: Table, training: NDArray[np.int64], seed: int) -> heads.Prepared:
    """The training texts, some held back by the seed to choose the epoch."""
    texts = [table.texts[i] for i in training]
    return heads.prepare(table.blocks[training], texts, held_back(texts, seed))


def logits_of(texts: Sequence[Blocks], training: heads.Prepared, name: str, seed: int) -> NDArray[np.float64]:
    """Train a head, and let it judge texts, in chunks, whose blocks are mapped into the space of the training texts."""
    kind, loss, epochs = HEADS[name]
    schedule = replace(SCHEDULES[kind], seed=seed)
    schedule = schedule if epochs is None else replace(schedule, epochs=epochs)
    network, _ = heads.train_head(training, kind, loss, schedule)
    with torch.inference_mode():
        logits = [network(torch.as_tensor(chunk.features), torch.as_tensor(chunk.inside())).numpy() for chunk in texts]
    return np.concatenate(logits).astype(np.float64)


def judge_fold(table: Table, out: int, seed: int, folder: Path) -> None:
    """Train every head that is not in the folder yet, without the sources of a fold, and keep what it says of the texts."""
    missing = [name for name in HEADS if not kept(folder, name, seed, out).exists()]
    if not missing:
        return
    role = roles(table, out)
    training = prepared(table, role.training, seed)
    rows = np.concatenate([role.reference, role.tested])
    mapped = [training.space(table.blocks[rows[start : start + CHUNK]]) for start in range(0, len(rows), CHUNK)]
    for name in missing:
        np.save(kept(folder, name, seed, out), logits_of(mapped, training, name, seed))
        print(f"seed {seed}, fold {out}: {name}", file=sys.stderr, flush=True)


def kept(folder: Path, name: str, seed: int, out: int) -> Path:
    """Where a head's logits are kept: of the reference texts of a fold, then of the tested ones."""
    return folder / f"{name} {seed} {out}.npy"


def judged(table: Table, role: Roles, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values of a fold's tested texts; `logits` are of its reference texts, then of the tested ones."""
    columns = np.column_stack([table.zero_shot[np.concatenate([role.reference, role.tested])], logits])
    return p_values(*np.split(columns, [len(role.reference)]))


def summary(table: Table, tested: NDArray[np.int64], p: NDArray[np.float64]) -> list[float]:
    """One seed: found and flagged at .01; flagged where `FOUND` are found; the worst source at the first of these."""
    human = np.array([table.texts[i].label == "human" for i in tested])
    source = np.array([table.texts[i].source for i in tested])
    levels = [float(np.quantile(p[~human], share, method="higher")) for share in FOUND]
    own = [p[human & (source == name)] for name in set(source[human])]
    worst = max(np.mean(one <= levels[0]) for one in own if len(one) >= LEAST)
    return [float(x) for x in (np.mean(p[~human] <= 0.01), *(np.mean(p[human] <= level) for level in (0.01, *levels)), worst)]


def main(folder: Path, seeds: Sequence[int]) -> None:
    """Train what is missing, then print the rows of all heads of which every seed is there."""
    folder.mkdir(parents=True, exist_ok=True)
    table = load()
    for seed in seeds:
        for out in range(FOLDS):
            judge_fold(table, out, seed, folder)
    folds = [roles(table, out) for out in range(FOLDS)]
    tested = np.concatenate([role.tested for role in folds])
    print("| head, loss | machine texts found at .01 | human flagged at .01 | at .90 found | at .84 | worst source at .90 |")
    print("|---|---|---|---|---|---|")
    for name in HEADS:
        if not all(kept(folder, name, seed, out).exists() for seed in SEEDS for out in range(FOLDS)):
            continue
        rows = []
        for seed in SEEDS:
            own = [judged(table, role, np.load(kept(folder, name, seed, out))) for out, role in enumerate(folds)]
            rows.append(summary(table, tested, np.concatenate(own)))
        cells = [f"{np.mean(own):.3f} ({min(own):.3f} to {max(own):.3f})" for own in zip(*rows, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]] or SEEDS)
