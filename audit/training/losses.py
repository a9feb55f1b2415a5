"""Losses of a binary classifier: cross-entropy, and "deep X-risk" losses that look at the ranking instead of each score.

All take logits; the ranking losses compare probabilities h = sigmoid(logit) of a positive i and a negative j through the
squared hinge l_ij = max(margin - (h_i - h_j), 0)^2, as DACTYL (Thorat & Caines 2025, arXiv 2508.00619) does with LibAUC.

Where we differ from LibAUC 2.0.1: moving averages are kept as logarithms, so that no temperature overflows, and start with
the first batch's own value instead of zero; AUCM takes its class means over the class (2.0.1 misplaces a parenthesis).
The state of a loss lives in buffers: `state_dict` checkpoints it with the model. Knows nothing about texts or features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional


class Loss(Protocol):
    """A loss as the fitting loop calls it."""

    def __call__(self, logits: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            logits: (batch,), float.
            labels: (batch,), 1 for machine and 0 for human; both must occur.
            index: (batch,), int64, the samples' positions in the training set: where a ranking loss keeps their state.
        """


class BinaryCrossEntropy(nn.Module):
    """-mean(y log h + (1-y) log(1-h))."""

    def forward(self, logits: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        """See `Loss`."""
        return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


class OneWayPartialAUCKL(nn.Module):
    """One-way partial AUC, KL-regularised DRO over the negatives (Zhu et al. 2022, SOPA-s).

    Objective: mean_i L log mean_j exp(l_ij / L): hard negatives weigh exponentially more; L -> infinity gives the plain
    pairwise loss mean_ij l_ij, L -> 0 the worst negative alone. Its gradient is mean_ij p_ij grad l_ij with
    p_ij = exp(l_ij / L) / u_i, where u_i follows mean_j exp(l_ij / L) over batches; the value returned is mean p_ij l_ij.

    Args:
        n: size of the training set.
        temperature: L > 0.
        gamma: share of the current batch in the moving average u_i, in (0, 1].
        margin: of the squared hinge.
    """

    log_u: Tensor

    def __init__(self, n: int, temperature: float = 1.0, gamma: float = 0.9, margin: float = 1.0) -> None:
        super().__init__()
        self.temperature, self.gamma, self.margin = temperature, gamma, margin
        self.register_buffer("log_u", torch.full((n,), torch.nan))

    def forward(self, logits: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        """See `Loss`."""
        pairwise = _pairwise(logits, labels, self.margin)
        scaled = pairwise.detach() / self.temperature
        positives = index[labels > 0]
        self.log_u[positives] = _moved(self.log_u[positives], _log_mean_exp(scaled, 1), self.gamma)
        weights = torch.exp(scaled - self.log_u[positives, None])
        return (weights * pairwise).mean()


class OneWayPartialAUCCVaR(nn.Module):
    """One-way partial AUC over the false-positive range [0, beta], as conditional value at risk (Zhu et al. 2022, SOPA).

    Objective: mean_i min_s { s + mean_j max(l_ij - s, 0) / beta }: the mean over the `beta` share of hardest negatives.
    s_i descends with rate eta; it is used before its update. beta = 1 is the plain pairwise loss where all l_ij exceed s_i.
    """

    threshold: Tensor

    def __init__(self, n: int, beta: float = 0.2, eta: float = 0.1, margin: float = 1.0) -> None:
        super().__init__()
        self.beta, self.eta, self.margin = beta, eta, margin
        self.register_buffer("threshold", torch.zeros(n))

    def forward(self, logits: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        """See `Loss`."""
        pairwise = _pairwise(logits, labels, self.margin)
        positives = index[labels > 0]
        chosen = (pairwise.detach() > self.threshold[positives, None]).to(pairwise.dtype)
        self.threshold[positives] -= self.eta * (1 - chosen.mean(1) / self.beta)
        return (chosen * pairwise).mean() / self.beta


class TwoWayPartialAUCKL(nn.Module):
    """Two-way partial AUC, KL-regularised over negatives and positives (Zhu et al. 2022, SOTA-s): DACTYL's "DXO" loss.

    Objective: T log mean_i (mean_j exp(l_ij / L))^(L / T): hard positives weigh more as well. T -> infinity gives the
    one-way objective. p_ij = u_i^(L/T - 1) exp(l_ij / L) / w, with moving averages u_i per positive and one w.

    Args:
        n: size of the training set.
        temperature: L > 0, of the negatives.
        positive_temperature: T > 0, of the positives.
        gammas: shares of the current batch in the moving averages u and w.
        margin: of the squared hinge.
    """

    log_u: Tensor
    log_w: Tensor

    def __init__(
        self,
        n: int,
        temperature: float = 1.0,
        positive_temperature: float = 1.0,
        gammas: tuple[float, float] = (0.9, 0.9),
        margin: float = 1.0,
    ) -> None:
        super().__init__()
        self.temperature, self.positive_temperature = temperature, positive_temperature
        self.gammas, self.margin = gammas, margin
        self.register_buffer("log_u", torch.full((n,), torch.nan))
        self.register_buffer("log_w", torch.tensor(torch.nan))

    def forward(self, logits: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        """See `Loss`."""
        pairwise = _pairwise(logits, labels, self.margin)
        scaled = pairwise.detach() / self.temperature
        positives, power = index[labels > 0], self.temperature / self.positive_temperature
        self.log_u[positives] = log_u = _moved(self.log_u[positives], _log_mean_exp(scaled, 1), self.gammas[0])
        self.log_w.copy_(_moved(self.log_w, _log_mean_exp(power * log_u, 0), self.gammas[1]))
        weights = torch.exp((power - 1) * log_u[:, None] + scaled - self.log_w)
        return (weights * pairwise).mean()


class AUCM(nn.Module):
    """AUC margin loss (Yuan et al. 2021), normalised by class ("v2").

    min over a, b and max over alpha >= 0 of E+[(h-a)^2] + E-[(h-b)^2] + 2 alpha (margin + E-[h] - E+[h]) - alpha^2.
    a and b are parameters, trained with the model; alpha ascends by its closed form 2 (margin + b - a - alpha), as in PESG.
    """

    alpha: Tensor

    def __init__(self, margin: float = 1.0, ascent: float = 0.1) -> None:
        super().__init__()
        self.margin, self.ascent = margin, ascent
        self.a, self.b = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))
        self.register_buffer("alpha", torch.zeros(()))

    def forward(self, logits: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        """See `Loss`."""
        scores = torch.sigmoid(logits)
        machine, human = _by_class(scores, labels)
        alpha = self.alpha.clone()
        spread = ((machine - self.a) ** 2).mean() + ((human - self.b) ** 2).mean()
        with torch.no_grad():
            self.alpha += 2 * self.ascent * (self.margin + self.b - self.a - self.alpha)
            self.alpha.clamp_(min=0)
        return spread + 2 * alpha * (self.margin + human.mean() - machine.mean()) - alpha**2


LOSSES: dict[str, Callable[[int], nn.Module]] = {
    "bce": lambda n: BinaryCrossEntropy(),
    "opauc-kl": OneWayPartialAUCKL,
    "opauc-cvar": OneWayPartialAUCCVaR,
    "tpauc-kl": TwoWayPartialAUCKL,
    "aucm": lambda n: AUCM(),
}
"""Name on the command line -> a loss for a training set of n samples."""


def _by_class(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    machine, human = scores[labels > 0], scores[labels == 0]
    if not len(machine) or not len(human):
        raise ValueError("a ranking loss needs both classes in every batch")
    return machine, human


def _pairwise(logits: Tensor, labels: Tensor, margin: float) -> Tensor:
    """(positives, negatives): the squared hinge of every pair."""
    machine, human = _by_class(torch.sigmoid(logits), labels)
    return torch.clamp(margin - (machine[:, None] - human[None, :]), min=0) ** 2


def _log_mean_exp(values: Tensor, dim: int) -> Tensor:
    return torch.logsumexp(values, dim) - math.log(values.shape[dim])


def _moved(old: Tensor, new: Tensor, gamma: float) -> Tensor:
    """log((1-gamma) e^old + gamma e^new); `new` where there is no old value yet."""
    kept = math.log1p(-gamma) if gamma < 1 else -math.inf
    return torch.where(torch.isnan(old), new, torch.logaddexp(old + kept, new + math.log(gamma)))
