"""Our ranking losses and those of LibAUC 2.0.1 on the same scores, batch after batch; prints a Markdown table.

    .venv/bin/pip install --no-deps --target /tmp/libauc libauc==2.0.1
    PYTHONPATH=/tmp/libauc .venv/bin/python benchmarks/peers/compare_libauc.py

Both get the same float64 scores, batches and indices, LibAUC the sigmoid of the logits that ours take; squared hinge with
margin 1; gradients are by the logits. Each row's batches run in sequence, so that the moving averages are compared as well.
LibAUC's averages start with zero, ours with the first batch's own value, so a row is one of

- "gamma = 1": no averages;
- "both from zero": our averages are set to log 0 beforehand, which is LibAUC's start;
- "as shipped": each from its own start. These differ where a sample is new: LibAUC's one-way weights p_ij are then 1/gamma
  times ours.

"L = .001": LibAUC's exponentials overflow; ours are kept as logarithms.

AUCM: both get the same a, b and alpha in each batch. LibAUC's v1 is p(1-p) times our loss, p being the batch's share of
machine texts. Its v2 takes the mean of the negatives' scores over the whole batch, because of a parenthesis; what is lost
is 2 alpha mean(h-) p. Exits with 1 if a row that should agree does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import libauc
import numpy as np
import torch
from libauc.losses import AUCMLoss, pAUC_CVaR_Loss, pAUC_DRO_Loss, tpAUC_KL_Loss
from torch import Tensor, nn

from llm_audit.training.losses import AUCM, OneWayPartialAUCCVaR, OneWayPartialAUCKL, TwoWayPartialAUCKL

N, MACHINE, BATCH, STEPS = 96, 40, 32, 20
TOLERANCE = 1e-9

Value = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A loss of (logits, labels, index)."""


@dataclass(frozen=True)
class Batch:
    """One step; a, b and alpha are what an optimiser would have made of them by then."""

    logits: Tensor
    labels: Tensor
    index: Tensor
    a: float
    b: float
    alpha: float

    @property
    def machine_share(self) -> float:
        return float(self.labels.double().mean())


@dataclass(frozen=True)
class Row:
    """Two losses to compare, and whether they should be equal."""

    name: str
    setting: str
    theirs: Any
    ours: nn.Module
    same: bool = True
    adapt: Callable[[Tensor, Batch], Tensor] = lambda value, batch: value  # LibAUC's value to the scale of ours


def batches() -> Iterator[Batch]:
    """Scores of a model that learns: the classes drift apart. Shares of machine texts from 1/8 to 7/8."""
    rng = np.random.default_rng(0)
    machine, human = np.arange(MACHINE), np.arange(MACHINE, N)
    for step in range(STEPS):
        k = int(rng.choice([4, 8, 16, 24, 28]))
        index = rng.permutation(np.concatenate([rng.choice(machine, k, False), rng.choice(human, BATCH - k, False)]))
        labels = (index < MACHINE).astype(np.int64)
        logits = torch.tensor(rng.normal(scale=1.5, size=BATCH) + step / 10 * labels)
        yield Batch(logits, torch.tensor(labels), torch.tensor(index), *rng.uniform(0, 1, 3))


def rows() -> Iterator[Row]:
    """Fresh losses, so that no row sees the averages of another."""
    one_way, two_way = "one-way KL (pAUC_DRO)", "two-way KL (tpAUC_KL)"
    for setting, gamma, from_zero, same in (
        ("gamma = 1", 1.0, False, True),
        ("gamma = .9, both from zero", 0.9, True, True),
        ("gamma = .9, as shipped", 0.9, False, False),
    ):
        for temperature in (1.0, 0.1):
            ours: nn.Module = OneWayPartialAUCKL(N, temperature, gamma)
            theirs = pAUC_DRO_Loss(N, gamma=gamma, Lambda=temperature)
            yield Row(one_way, f"L = {temperature:g}, {setting}", theirs, _from_zero(ours) if from_zero else ours, same)
        for temperature, positive in ((1.0, 1.0), (0.5, 2.0), (2.0, 0.5)):
            ours = TwoWayPartialAUCKL(N, temperature, positive, (gamma, gamma))
            theirs = tpAUC_KL_Loss(N, tau=positive, Lambda=temperature, gammas=(gamma, gamma))
            where = f"L = {temperature:g}, T = {positive:g}, {setting}"
            yield Row(two_way, where, theirs, _from_zero(ours) if from_zero else ours, same)
    yield Row(one_way, "L = .001, gamma = 1", pAUC_DRO_Loss(N, gamma=1.0, Lambda=1e-3), OneWayPartialAUCKL(N, 1e-3, 1.0), False)
    for beta in (0.2, 0.5):
        yield Row("CVaR (pAUC_CVaR)", f"beta = {beta}", pAUC_CVaR_Loss(N, MACHINE, beta=beta), OneWayPartialAUCCVaR(N, beta))
    yield Row("AUCM v1", "divided by p(1-p)", AUCMLoss(), AUCM(), adapt=_without_prior)
    yield Row("AUCM v2", "as shipped", AUCMLoss(version="v2"), AUCM(), same=False)
    yield Row("AUCM v2", "plus 2 alpha mean(h-) p", AUCMLoss(version="v2"), AUCM(), adapt=_with_lost_term)


def _from_zero(loss: nn.Module) -> nn.Module:
    for average in loss.buffers():
        average.fill_(-math.inf)
    return loss


def _without_prior(value: Tensor, batch: Batch) -> Tensor:
    return value / (batch.machine_share * (1 - batch.machine_share))


def _with_lost_term(value: Tensor, batch: Batch) -> Tensor:
    return value + 2 * batch.alpha * torch.sigmoid(batch.logits)[batch.labels == 0].mean() * batch.machine_share


def compare(row: Row) -> tuple[float, float, float, float]:
    """LibAUC's value and ours for the last batch; the largest differences of value and gradient over all batches."""
    row.ours.double()
    row.theirs.double()
    if hasattr(row.theirs, "u_pos"):  # a plain attribute, which .double() does not reach
        row.theirs.u_pos = row.theirs.u_pos.double()
    values, gradients = [], []
    for batch in batches():
        for loss in (row.theirs, row.ours):
            for name in ("a", "b", "alpha"):
                if hasattr(loss, name):
                    getattr(loss, name).data.fill_(getattr(batch, name))
        batch.logits.requires_grad_()
        theirs = row.adapt(row.theirs(torch.sigmoid(batch.logits), batch.labels, index=batch.index).squeeze(), batch)
        ours = row.ours(batch.logits, batch.labels, batch.index)
        values.append((theirs.item(), ours.item()))
        gradients.append([torch.autograd.grad(value, batch.logits)[0].numpy() for value in (theirs, ours)])
    difference = [float(np.abs(np.diff(np.array(pairs), axis=1)).max()) for pairs in (values, gradients)]
    return *values[-1], difference[0], difference[1]


def main() -> None:
    """Print the table; exit with 1 if a row that should agree does not."""
    print(f"LibAUC {libauc.__version__}, {STEPS} batches of {BATCH} out of {N} samples, float64\n")
    print("| loss | setting | LibAUC, last batch | ours, last batch | largest difference of value | of gradient | |")
    print("|---|---|---|---|---|---|---|")
    wrong = 0
    for row in rows():
        theirs, ours, value, gradient = compare(row)
        agrees = value <= TOLERANCE and gradient <= TOLERANCE
        wrong += agrees is not row.same
        verdict = "equal" if agrees else "differs"
        print(f"| {row.name} | {row.setting} | {theirs:.6f} | {ours:.6f} | {value:.1e} | {gradient:.1e} | {verdict} |")
    if wrong:
        raise SystemExit(f"{wrong} rows are not as expected")


if __name__ == "__main__":
    main()
