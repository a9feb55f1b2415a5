from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from llm_audit.common.errors import AuditError
from llm_audit.stats.classification import auroc
from llm_audit.training.fit import Fitted, Schedule, fit
from llm_audit.training.losses import LOSSES

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, 200)
X = torch.tensor(RNG.normal(size=(200, 4)) + LABELS[:, None] * [1.5, 0, 0, 0], dtype=torch.float32)


def build() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1), torch.nn.Flatten(0)
    )


def inputs(index: NDArray[np.int64], rng: np.random.Generator) -> tuple[torch.Tensor]:
    return (X[index] + torch.tensor(rng.normal(scale=0.1, size=(len(index), 4)), dtype=torch.float32),)


def validate(model: torch.nn.Module) -> float:
    return auroc(model(X).numpy(), LABELS)


def run(loss: str = "bce", **kwargs: Any) -> tuple[torch.nn.Module, Fitted]:
    schedule = Schedule(**{"epochs": 6, "batch_size": 32, "learning_rate": 0.05, "patience": 9} | kwargs.pop("schedule", {}))
    return fit(build, inputs, LABELS, LOSSES[loss](len(LABELS)), kwargs.pop("validate", validate), schedule, **kwargs)


def weights(model: torch.nn.Module) -> NDArray[np.float32]:
    return np.concatenate([value.numpy().ravel() for value in model.state_dict().values()])


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_it_learns_and_is_deterministic(loss: str) -> None:
    before = torch.get_rng_state()
    model, fitted = run(loss)
    assert fitted.best_score > 0.75
    assert fitted.best_score == max(fitted.scores) == validate(model)
    assert np.array_equal(weights(model), weights(run(loss)[0]))
    assert not np.array_equal(weights(model), weights(run(loss, schedule={"seed": 1})[0]))
    assert torch.equal(torch.get_rng_state(), before)


def test_it_stops_when_validation_no_longer_improves() -> None:
    found = iter([0.1, 0.5, 0.9, 0.6, 0.7, 0.8, 0.8])
    _, fitted = run(schedule={"epochs": 6, "patience": 2}, validate=lambda model: next(found))
    assert fitted == Fitted(2, 0.9, 0.1, (0.5, 0.9, 0.6, 0.7))


def test_what_no_epoch_improves_stays_as_it_was() -> None:
    found = iter([0.9, 0.5, 0.6])
    model, fitted = run(schedule={"epochs": 6, "patience": 2}, validate=lambda model: next(found))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert np.array_equal(weights(model), weights(build()))
    assert fitted == Fitted(0, 0.9, 0.9, (0.5, 0.6))


def test_a_loss_that_is_no_number_stops_with_a_sentence() -> None:
    with pytest.raises(AuditError, match=r"loss became nan in epoch 1"):
        fit(build, lambda i, _: (X[i] * torch.nan,), LABELS, LOSSES["bce"](200), validate, Schedule())


def test_accumulated_steps_equal_one_large_step_for_cross_entropy() -> None:
    schedule = {"epochs": 1, "batch_size": 16, "accumulate": 2}
    model, _ = run(schedule=schedule)
    assert not np.array_equal(weights(model), weights(run(schedule=schedule | {"accumulate": 1})[0]))
