"""The fitting loop: loss, dual sampler, AdamW with clipping, early stopping. Knows nothing about texts or features.

Deterministic on one machine and with one number of threads: order, initialisation and dropout come from one seed. No gradient
accumulation for ranking losses: their batch is the set of pairs that they compare.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, silent
from llm_audit.training.sampler import DualSampler


@dataclass(frozen=True)
class Schedule:
    """Hyperparameters of a fit.

    Attributes:
        epochs: largest number of epochs.
        batch_size: texts per step, half of them machine text.
        learning_rate: peak of a one-cycle schedule (a tenth of the steps up, then a cosine down).
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        patience: epochs without a better validation score before stopping.
        accumulate: steps whose gradients are added; 1 for every loss but cross-entropy.
        seed: of everything random.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    patience: int = 5
    accumulate: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Fitted:
    """Course of a fit; the model holds the weights of the best epoch, where epoch 0 is the start."""

    best_epoch: int
    best_score: float
    start: float  # validation score before the first epoch
    scores: tuple[float, ...]  # validation score after each epoch


Inputs = Callable[[NDArray[np.int64], np.random.Generator], tuple[Tensor, ...]]
"""Function from indices of training samples to the model's inputs; its generator is for augmentation."""


def fit(
    build: Callable[[], nn.Module],
    inputs: Inputs,
    labels: NDArray[np.int64],
    loss: nn.Module,
    validate: Callable[[nn.Module], float],
    schedule: Schedule,
    progress: Progress = silent,
    cells: NDArray[np.int64] | None = None,
) -> tuple[nn.Module, Fitted]:
    """Train a model and return it with the weights of its best epoch, or those of its start if no epoch was better.

    Args:
        build: makes the model; called under the seed.
        inputs: see `Inputs`.
        labels: (n,), 1 for machine and 0 for human.
        loss: see `losses.Loss`; its parameters are trained along.
        validate: higher is better; called before the first and after each epoch with the model in evaluation mode.
        schedule: see there.
        progress: gets, after each epoch, the share of the epochs that are done.
        cells: (n,), groups of samples that are drawn equally often; None to draw every sample equally often.

    Raises:
        InvalidConfiguration: the loss or a weight becomes NaN or infinite.
    """
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(schedule.seed)
        run = _Run(build(), loss, np.random.default_rng(schedule.seed), labels, schedule, cells)
        run.judge_start(_validated(run.model, validate))
        while not run.finished:
            run.epoch(inputs)
            run.judge(_validated(run.model, validate))
            progress(len(run.scores) / schedule.epochs)
    run.model.load_state_dict(run.best)
    return run.model.eval().requires_grad_(False), Fitted(run.best_epoch, run.best_score, run.start, tuple(run.scores))


def _validated(model: nn.Module, validate: Callable[[nn.Module], float]) -> float:
    model.eval()
    if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        raise InvalidConfiguration("The weights became infinite; lower the learning rate.")
    with torch.no_grad():
        return validate(model)


class _Run:
    """The state of a fit between two epochs."""

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        generator: np.random.Generator,
        labels: NDArray[np.int64],
        schedule: Schedule,
        cells: NDArray[np.int64] | None,
    ) -> None:
        self.model, self.loss, self.generator, self.schedule = model, loss, generator, schedule
        self.labels = torch.as_tensor(labels)
        self.sampler: Callable[[], DualSampler] = lambda: DualSampler(labels, schedule.batch_size, generator, cells=cells)
        self.parameters = [p for p in (*model.parameters(), *loss.parameters()) if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
        self.steps = -(-len(self.sampler()) // schedule.accumulate) * schedule.epochs
        self.step = 0
        self.scores: list[float] = []
        self.best_epoch = 0
        self.start = self.best_score = -np.inf
        self.best = copy.deepcopy(model.state_dict())

    @property
    def finished(self) -> bool:
        done = len(self.scores)
        return done >= self.schedule.epochs or done - self.best_epoch >= self.schedule.patience

    def epoch(self, inputs: Inputs) -> None:
        self.model.train()
        batches = list(self.sampler())
        for number, batch in enumerate(batches, start=1):
            logits = self.model(*inputs(batch, self.generator))
            value = self.loss(logits, self.labels[batch].to(logits.device), torch.as_tensor(batch, device=logits.device))
            if not torch.isfinite(value):
                raise InvalidConfiguration(
                    f"The loss became {value.item()} in epoch {len(self.scores) + 1}; lower the learning rate, check the data."
                )
            (value / self.schedule.accumulate).backward()
            if number % self.schedule.accumulate == 0 or number == len(batches):
                self._descend()

    def _descend(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate * _one_cycle(self.step / self.steps)
        nn.utils.clip_grad_norm_(self.parameters, self.schedule.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.step += 1

    def judge_start(self, score: float) -> None:
        self.start = self.best_score = score

    def judge(self, score: float) -> None:
        self.scores.append(score)
        if score > self.best_score:
            self.best_epoch, self.best_score = len(self.scores), score
            self.best = copy.deepcopy(self.model.state_dict())


def _one_cycle(done: float) -> float:
    """Share of the peak learning rate: linear up for a tenth of the steps, then down a cosine."""
    return done / 0.1 if done < 0.1 else (1 + float(np.cos(np.pi * (done - 0.1) / 0.9))) / 2
