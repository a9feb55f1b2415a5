"""The fitting loop, the same for a small head and for a whole backbone: loss, dual sampler, AdamW with clipping, early
stopping, checkpoints. Knows nothing about texts or features.

Deterministic: order, initialisation and dropout come from one seed, also after an interruption, on one machine and with one
number of threads. No gradient accumulation for ranking losses: their batch is the set of pairs that they compare.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from llm_audit.errors import AuditError
from llm_audit.training.sampler import DualSampler


@dataclass(frozen=True)
class Schedule:
    """How to descend.

    Attributes:
        epochs: at most.
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
    """How a fit went; the model itself holds the weights of the best epoch, which may be 0: those that it started with."""

    best_epoch: int
    best_score: float
    start: float  # validation score before the first epoch
    scores: tuple[float, ...]  # validation score after each epoch


Inputs = Callable[[NDArray[np.int64], np.random.Generator], tuple[Tensor, ...]]
"""The model's inputs for some training samples; the generator is for augmentation."""


def fit(
    build: Callable[[], nn.Module],
    inputs: Inputs,
    labels: NDArray[np.int64],
    loss: nn.Module,
    validate: Callable[[nn.Module], float],
    schedule: Schedule,
    checkpoint: Path | None = None,
    progress: Callable[[int, float], None] = lambda step, score: None,
    identity: str = "",
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
        checkpoint: written after each epoch and continued from, if it is there.
        progress: called after each epoch with (epochs done, validation score).
        cells: (n,), groups of samples that are drawn equally often; None to draw every sample equally often.
        identity: of data, loss and base model: a checkpoint of another identity is refused.

    Raises:
        AuditError: the loss becomes NaN or infinite, or the checkpoint belongs to another run.
    """
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(schedule.seed)
        run = _Run(build(), loss, np.random.default_rng(schedule.seed), labels, schedule, identity, cells)
        if checkpoint is not None:
            run.resume(checkpoint)
        if not run.best_epoch and not run.scores:
            run.judge_start(_validated(run.model, validate))
        while not run.finished:
            run.epoch(inputs)
            run.judge(_validated(run.model, validate))
            if checkpoint is not None:
                run.save(checkpoint)
            progress(len(run.scores), run.scores[-1])
    run.model.load_state_dict(run.best)
    return run.model.eval().requires_grad_(False), Fitted(run.best_epoch, run.best_score, run.start, tuple(run.scores))


def _validated(model: nn.Module, validate: Callable[[nn.Module], float]) -> float:
    model.eval()
    if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        raise AuditError("The weights became infinite; lower the learning rate.")
    with torch.no_grad():
        return validate(model)


class _Run:
    """The state of a fit between two epochs: all of it goes into the checkpoint."""

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        generator: np.random.Generator,
        labels: NDArray[np.int64],
        schedule: Schedule,
        identity: str,
        cells: NDArray[np.int64] | None,
    ) -> None:
        self.model, self.loss, self.generator, self.schedule = model, loss, generator, schedule
        self.run = {"schedule": asdict(schedule), "identity": identity}
        self.labels = torch.as_tensor(labels)
        # The sampler starts afresh each epoch, so that an interrupted run goes on with the same batches.
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
                raise AuditError(
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

    def save(self, path: Path) -> None:
        """Write beside the last checkpoint, then take its place; the last one stays as `.previous`."""
        tensors = {f"{name}.{key}": value for name, state in self._states().items() for key, value in state.items()}
        facts = {
            "run": self.run,
            "step": self.step,
            "scores": self.scores,
            "best_epoch": self.best_epoch,
            "start": self.start,
            "generator": self.generator.bit_generator.state,
        }
        partial = path.with_name(path.name + ".partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: value.detach().cpu().clone() for key, value in tensors.items()}, partial, {"run": json.dumps(facts)})
        if path.exists():
            path.replace(_previous(path))
        partial.replace(path)

    def _states(self) -> dict[str, dict[str, Tensor]]:
        moments = {
            f"{i}.{key}": torch.as_tensor(value)
            for i, parameter in enumerate(self.parameters)
            for key, value in self.optimiser.state[parameter].items()
        }
        return {
            "model": self.model.state_dict(),
            "best": self.best,
            "loss": self.loss.state_dict(),
            "optimiser": moments,
            "torch": {
                "cpu": torch.get_rng_state(),
                **({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}),
            },
        }

    def resume(self, path: Path) -> None:
        """Continue from the checkpoint, or from the previous one if the last is damaged; from nothing if there is none."""
        for candidate in (path, _previous(path)):
            if not candidate.exists():
                continue
            try:
                with safe_open(candidate, framework="pt") as file:
                    facts = json.loads(file.metadata()["run"])
                    tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # a safetensors file, not a dict
            except (OSError, SafetensorError, KeyError, TypeError, ValueError):
                warnings.warn(
                    f"The checkpoint {candidate} is damaged; the one before it is used, if there is one.", stacklevel=2
                )
                continue
            if facts["run"] != self.run:
                raise AuditError(f"The checkpoint {candidate} belongs to a run with other settings or data; remove it.")
            self._restore(facts, tensors)
            return

    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        def state(name: str) -> dict[str, Tensor]:
            return {key.removeprefix(name + "."): value for key, value in tensors.items() if key.startswith(name + ".")}

        self.model.load_state_dict(state("model"))
        self.loss.load_state_dict(state("loss"))
        self.best = state("best")
        for key, value in state("optimiser").items():
            number, moment = key.split(".", 1)
            parameter = self.parameters[int(number)]
            self.optimiser.state[parameter][moment] = value if moment == "step" else value.to(parameter.device)
        torch.set_rng_state(tensors["torch.cpu"])
        if "torch.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["torch.cuda"])
        self.generator.bit_generator.state = facts["generator"]
        self.step, self.scores, self.best_epoch = facts["step"], facts["scores"], facts["best_epoch"]
        self.start = facts["start"]
        self.best_score = self.scores[self.best_epoch - 1] if self.best_epoch else self.start


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _one_cycle(done: float) -> float:
    """Share of the peak learning rate: a tenth of the way up in a line, then down a cosine."""
    return done / 0.1 if done < 0.1 else (1 + float(np.cos(np.pi * (done - 0.1) / 0.9))) / 2
