"""Train a head on block features: standardise, centre by domain, whiten, then descend a loss. The result is numpy only.

Centring: each training domain's class-balanced mean is subtracted from its texts, so that the head cannot win by knowing
which domains are mostly machine text. Whitening: by the covariance within (domain, label, generator), plus that between the
means of human domains, plus a ridge: what tells one kind of human writing from another tells nothing about machines, and
counts as noise. A logistic head starts from regularised discriminant analysis in that space (Fisher 1936; Friedman 1989): on
domains left out it did better than training from zero (benchmarks/README.md), and a loss may only improve on it. Everything
is folded into the first layer; at test time neither a domain nor a second matrix is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from torch import Tensor, nn
from torch.nn import functional

from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.origin.classifier import Card, Head
from llm_audit.stats.classification import FEWEST_FOR_1_PERCENT, FEWEST_FOR_5_PERCENT, auroc, one_way_partial_auc, tpr_at_fpr
from llm_audit.training.features import MINIMUM_BLOCKS, Blocks
from llm_audit.training.fit import Fitted, Schedule, fit
from llm_audit.training.labelled import Labelled
from llm_audit.training.losses import LOSSES

KINDS = ("logistic", "mlp", "attention")

CLIP = 5.0
"""Standard deviations, over blocks, at which a block's features are clipped. By judgement."""

FULL_CELL = 3
"""Machine texts from which a cell (domain, generator) has full weight; a smaller one is weighted by its number of texts."""

RIDGE = 2.0
"""Added to the within-class covariance of standardised features, whose mean variance is below 1. In trials on the train part
(five folds of domains) 1 and 3 did alike, 10 worse."""

LEAST_HUMANS = 4
"""Fewest human texts of a domain whose mean counts as a kind of human writing."""

UNITS, DROPOUT = 48, 0.3
"""Hidden units of mlp and attention heads, and the share of them left out of a training step. By judgement."""

MAX_FPR = 0.1
"""Largest false-positive rate of the one-way partial AUC that chooses the best epoch."""


@dataclass(frozen=True, eq=False)
class Space:
    """The map, affine apart from clipping, from raw features to those that the head is trained on.

    Attributes:
        mean, scale: (d,), mean and standard deviation of the training texts' means over blocks.
        limit: (d,), at which a block's difference from `mean` is clipped.
        whitening: (d, d) lower triangular M with M (within-class + between human domains + ridge) M^T = 1.
        centres: domain -> (d,), in standardised units.
        difference: (d,), machine minus human text in standardised units, the mean over (domain, generator).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    limit: NDArray[np.float32]
    whitening: NDArray[np.float32]
    centres: dict[str, NDArray[np.float32]]
    difference: NDArray[np.float32]

    def __call__(self, blocks: Blocks, domains: Sequence[str] | None = None) -> Blocks:
        """Map the features; with the texts' domains, centre them (training only)."""
        flat = np.clip(blocks.features - self.mean, -self.limit, self.limit)
        flat /= self.scale
        if domains is not None:
            none = np.zeros_like(self.mean)
            flat -= np.stack([self.centres.get(domain, none) for domain in domains])[:, None, :]
        flat *= blocks.inside()[..., None]
        return Blocks(flat @ self.whitening.T, blocks.counts)


def space_of(blocks: Blocks, texts: Sequence[Labelled], ridge: float = RIDGE) -> Space:
    """Fit standardisation, centres and whitening to training texts."""
    kept = blocks.inside()
    mean = blocks.means().mean(0)
    limit = CLIP * (blocks.features[kept].std(0) + np.float32(1e-6))
    clipped = np.clip(blocks.features - mean, -limit, limit) * kept[..., None]
    z = Blocks(clipped, blocks.counts).means()
    scale = z.std(0) + np.float32(1e-6)
    z /= scale
    machine = np.array([text.is_machine for text in texts])
    domains = np.array([domain_of(text) for text in texts])
    centres = {}
    for domain in sorted(set(domains)):
        inside = domains == domain
        if machine[inside].any() and not machine[inside].all():
            centres[domain] = (z[inside & machine].mean(0) + z[inside & ~machine].mean(0)) / 2
    cell = cells_of(texts)
    sums = np.zeros((cell.max() + 1, z.shape[1]), np.float32)
    np.add.at(sums, cell, z)
    within = z - (sums / np.bincount(cell)[:, None])[cell]
    covariance = within.T.astype(np.float64) @ within / len(within)
    kinds = _human_means(z, texts)
    if len(kinds) > 1:
        between = kinds - kinds.mean(0)
        covariance += between.T.astype(np.float64) @ between / (len(kinds) - 1)
    lower = cholesky(covariance + ridge * np.eye(len(covariance)), lower=True)
    whitening = solve_triangular(lower, np.eye(len(lower)), lower=True)
    return Space(mean, scale, limit, whitening.astype(np.float32), centres, _difference(z, texts))


def _human_means(z: NDArray[np.float32], texts: Sequence[Labelled]) -> NDArray[np.float32]:
    """(n_domains, d): the mean human text of each domain with enough of them; all human texts together if there is none."""
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        if not text.is_machine:
            rows.setdefault(domain_of(text), []).append(row)
    large = [z[members].mean(0) for _, members in sorted(rows.items()) if len(members) >= LEAST_HUMANS]
    return np.stack(large or [z[[row for members in rows.values() for row in members]].mean(0)])


def _difference(z: NDArray[np.float32], texts: Sequence[Labelled]) -> NDArray[np.float32]:
    human: dict[str, list[int]] = {}
    machine: dict[tuple[str, str], list[int]] = {}
    for row, text in enumerate(texts):
        if text.is_machine:
            machine.setdefault((domain_of(text), text.generator), []).append(row)
        else:
            human.setdefault(domain_of(text), []).append(row)
    everyone = _human_means(z, texts).mean(0)
    # Full cells have equal weight, whatever their size: what holds for all domains and generators holds for new ones.
    weights = [min(len(rows), FULL_CELL) for _, rows in sorted(machine.items())]
    differences = [
        # A domain without human texts is compared with the mean human domain.
        z[rows].mean(0) - (z[human[domain]].mean(0) if domain in human else everyone)
        for (domain, _), rows in sorted(machine.items())
    ]
    return np.asarray(np.average(differences, axis=0, weights=weights), dtype=np.float32)


def domain_of(text: Labelled) -> str:
    """Source and domain: the unit that is centred, and that is left out in validation."""
    return f"{text.source} {text.domain}".strip()


def cells_of(texts: Sequence[Labelled]) -> NDArray[np.int64]:
    """(n,) index of each text's cell (domain, label, generator)."""
    names = [f"{domain_of(text)}\0{text.label}\0{text.generator}" for text in texts]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


class HeadNetwork(nn.Module):
    """A head in the whitened space: (batch, blocks, d) and a mask (batch, blocks) to logits (batch,).

    Args:
        kind: one of `KINDS`.
        space: what the features were mapped with.
        discriminant: start a logistic head from discriminant analysis rather than from zero.
    """

    def __init__(self, kind: str, space: Space, discriminant: bool = True) -> None:
        super().__init__()
        self.kind = kind
        self.first = nn.Linear(len(space.whitening), 1 if kind == "logistic" else UNITS)
        if kind == "logistic":
            # In whitened units the weight is the difference of the classes, and zero lies between them.
            start = space.whitening @ space.difference if discriminant else np.zeros(len(space.whitening), np.float32)
            with torch.no_grad():
                self.first.weight.copy_(torch.as_tensor(start))
            nn.init.zeros_(self.first.bias)
        else:
            self.out = nn.Linear(UNITS, 2)
            nn.init.zeros_(self.out.weight[1])

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Logits of the texts."""
        units = self.first(features)
        if self.kind == "logistic":
            logits = units[..., 0]
            weights = mask / mask.sum(1, keepdim=True)
        else:
            logits, attention = self.out(functional.dropout(functional.gelu(units), DROPOUT, self.training)).unbind(-1)
            if self.kind == "mlp":
                attention = torch.zeros_like(attention)
            weights = attention.masked_fill(~mask, -torch.inf).softmax(1)
        pooled: Tensor = (logits * weights).sum(1)
        return pooled


@dataclass(frozen=True, eq=False)
class Prepared:
    """Features mapped into their space and split, on which every kind of head and every loss is trained.

    `sums` (n, most blocks + 1, d): of each text's first 0, 1, 2, ... blocks.
    """

    space: Space
    texts: list[Labelled]
    labels: NDArray[np.int64]
    train: Blocks
    sums: NDArray[np.float32]
    judged: list[tuple[Tensor, Tensor]]
    truth: NDArray[np.int64]


def prepare(blocks: Blocks, texts: Sequence[Labelled], validation: NDArray[np.bool_]) -> Prepared:
    """Find the space of the training texts and map everything into it.

    `validation` (n,) says which texts choose the epoch instead of training; they are judged whole and cut to
    `MINIMUM_BLOCKS`.
    """
    labels = np.array([text.is_machine for text in texts], dtype=np.int64)
    rows, held_out = np.flatnonzero(~validation), np.flatnonzero(validation)
    training = [text for text, is_held in zip(texts, validation, strict=True) if not is_held]
    space = space_of(blocks[rows], training)
    train = space(blocks[rows], [domain_of(text) for text in training])
    return Prepared(
        space=space,
        texts=training,
        labels=labels[rows],
        train=train,
        sums=np.pad(np.cumsum(train.features, 1), ((0, 0), (1, 0), (0, 0))),
        judged=[_tensors(space(part)) for part in (blocks[held_out], blocks[held_out].beginnings(MINIMUM_BLOCKS))],
        truth=labels[held_out],
    )


def train_head(
    prepared: Prepared,
    kind: str,
    loss: str,
    schedule: Schedule,
    *,
    discriminant: bool = True,
    progress: Progress = silent,
) -> tuple[HeadNetwork, Fitted]:
    """Train one head.

    Args:
        prepared: see `prepare`.
        kind: one of `KINDS`.
        loss: a name in `LOSSES`.
        schedule: see there.
        discriminant: see `HeadNetwork`.
        progress: see `fit`.
    """

    def validate(model: nn.Module) -> float:
        return float(np.mean([one_way_partial_auc(model(*x).numpy(), prepared.truth, MAX_FPR) for x in prepared.judged]))

    network, fitted = fit(
        lambda: HeadNetwork(kind, prepared.space, discriminant),
        _Crops(prepared, pooled=kind == "logistic"),
        prepared.labels,
        LOSSES[loss](len(prepared.labels)),
        validate,
        schedule,
        progress=progress,
        cells=cells_of(prepared.texts),
    )
    assert isinstance(network, HeadNetwork)
    return network, fitted


class _Crops:
    """Augmentation: each text as a random run of its blocks, from `MINIMUM_BLOCKS` to all of them."""

    def __init__(self, prepared: Prepared, pooled: bool) -> None:
        self.counts, self.pooled = prepared.train.counts, pooled
        # A logistic head of the blocks' mean is the mean of its logits: sums up to each block give any run's mean at once.
        self.features = torch.as_tensor(prepared.sums if pooled else prepared.train.features)

    def __call__(self, index: NDArray[np.int64], generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        counts = self.counts[index]
        least = np.minimum(MINIMUM_BLOCKS, counts)
        length = generator.integers(least, counts + 1)
        start = generator.integers(0, counts - length + 1)
        if self.pooled:
            stop = self.features[index, start + length]
            means = (stop - self.features[index, start]) / torch.as_tensor(length, dtype=stop.dtype)[:, None]
            return means[:, None], torch.ones((len(index), 1), dtype=torch.bool)
        position = np.arange(self.features.shape[1])[None, :]
        inside = (position >= start[:, None]) & (position < (start + length)[:, None])
        return self.features[index], torch.as_tensor(inside)


def _tensors(blocks: Blocks) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(blocks.features), torch.as_tensor(blocks.inside())


def predict(network: HeadNetwork, space: Space, blocks: Blocks) -> NDArray[np.float64]:
    """(n,) logits of texts, as `Head.score` gives them."""
    with torch.inference_mode():
        return np.asarray(network(*_tensors(space(blocks))).numpy(), dtype=np.float64)


def measure(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, float]:
    """Metrics of a head for its card: AUROC, and those powers for which there are enough human texts."""
    humans, metrics = int(np.sum(labels == 0)), {"auroc": auroc(scores, labels)}
    if humans >= FEWEST_FOR_5_PERCENT:
        metrics["tpr at 5 % fpr"] = tpr_at_fpr(scores, labels, 0.05)
    if humans >= FEWEST_FOR_1_PERCENT:
        metrics["tpr at 1 % fpr"] = tpr_at_fpr(scores, labels, 0.01)
    return metrics


def as_head(network: HeadNetwork, space: Space, card: Card, seen: NDArray[np.uint64]) -> Head:
    """The network as a `Head`, with standardisation and whitening folded into the first layer.

    V M clip(x - mean) / scale = (V M / scale) clip(x - mean).
    """
    weight = (network.first.weight.numpy() @ space.whitening / space.scale).astype(np.float32)
    deep = network.kind != "logistic"
    return Head(
        card=card,
        mean=space.mean.astype(np.float32),
        limit=space.limit.astype(np.float32),
        weight=weight,
        bias=network.first.bias.numpy(),
        out=network.out.weight.numpy() if deep else None,
        out_bias=float(network.out.bias[0]) if deep else 0.0,
        seen=seen,
    )


def versions() -> dict[str, str]:
    """Versions of numpy and torch, for a card."""
    return {name: version(name) for name in ("numpy", "torch")}
