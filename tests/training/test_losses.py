from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from llm_audit.training.losses import (
    AUCM,
    LOSSES,
    BinaryCrossEntropy,
    OneWayPartialAUCCVaR,
    OneWayPartialAUCKL,
    TwoWayPartialAUCKL,
)

N = 12
LABELS = torch.tensor([1, 0] * (N // 2))
INDEX = torch.arange(N)


def logits(seed: int = 0) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=N), dtype=torch.float64)


def pairs(values: torch.Tensor, margin: float = 1.0) -> list[list[float]]:
    """l_ij by two loops."""
    h = [1 / (1 + np.exp(-float(v))) for v in values]
    machine = [x for x, label in zip(h, LABELS, strict=True) if label]
    human = [x for x, label in zip(h, LABELS, strict=True) if not label]
    return [[max(margin - (p - n), 0) ** 2 for n in human] for p in machine]


def objective_one_way(values: torch.Tensor, temperature: float) -> float:
    return float(np.mean([temperature * np.log(np.mean(np.exp(np.array(row) / temperature))) for row in pairs(values)]))


def objective_two_way(values: torch.Tensor, temperature: float, positive: float) -> float:
    inner = [np.mean(np.exp(np.array(row) / temperature)) ** (temperature / positive) for row in pairs(values)]
    return float(positive * np.log(np.mean(inner)))


def finite_differences(objective, values: torch.Tensor, step: float = 1e-5) -> np.ndarray:
    gradient = np.zeros(len(values))
    for i in range(len(values)):
        up, down = values.clone(), values.clone()
        up[i] += step
        down[i] -= step
        gradient[i] = (objective(up) - objective(down)) / (2 * step)
    return gradient


def gradient_of(loss: torch.nn.Module, values: torch.Tensor) -> np.ndarray:
    values = values.clone().requires_grad_()
    loss(values, LABELS, INDEX).backward()
    assert values.grad is not None
    return values.grad.numpy()


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_one_way_kl_descends_its_objective(temperature: float) -> None:
    loss = OneWayPartialAUCKL(N, temperature, gamma=1.0).double()
    expected = finite_differences(lambda v: objective_one_way(v, temperature), logits())
    np.testing.assert_allclose(gradient_of(loss, logits()), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("temperature", "positive"), list(itertools.product([0.2, 1.0, 5.0], repeat=2)))
def test_two_way_kl_descends_its_objective(temperature: float, positive: float) -> None:
    loss = TwoWayPartialAUCKL(N, temperature, positive, gammas=(1.0, 1.0)).double()
    expected = finite_differences(lambda v: objective_two_way(v, temperature, positive), logits())
    np.testing.assert_allclose(gradient_of(loss, logits()), expected, rtol=1e-6, atol=1e-9)


def test_cvar_descends_its_objective_at_a_fixed_threshold() -> None:
    loss = OneWayPartialAUCCVaR(N, beta=0.3, eta=0.0).double()
    loss.threshold.fill_(0.7)
    expected = finite_differences(
        lambda v: float(np.mean([np.mean(np.maximum(np.array(row) - 0.7, 0)) / 0.3 for row in pairs(v)])), logits()
    )
    np.testing.assert_allclose(gradient_of(loss, logits()), expected, rtol=1e-6, atol=1e-9)


def test_cvar_threshold_settles_at_the_quantile_of_the_hardest_negatives() -> None:
    loss = OneWayPartialAUCCVaR(N, beta=0.5, eta=0.01).double()
    for _ in range(2000):
        loss(logits(), LABELS, INDEX)
    for threshold, row in zip(loss.threshold[LABELS > 0], pairs(logits()), strict=True):
        above = np.mean(np.array(row) > float(threshold))
        assert abs(above - 0.5) <= 1 / len(row)


def test_limits_are_the_plain_pairwise_loss() -> None:
    plain = float(np.mean(pairs(logits())))
    for loss in (OneWayPartialAUCKL(N, 1e6), OneWayPartialAUCCVaR(N, beta=1.0), TwoWayPartialAUCKL(N, 1e6, 1e6)):
        assert float(loss.double()(logits(), LABELS, INDEX)) == pytest.approx(plain, rel=1e-5)


def test_two_way_with_infinite_positive_temperature_is_one_way() -> None:
    two, one = TwoWayPartialAUCKL(N, 0.5, 1e7).double(), OneWayPartialAUCKL(N, 0.5).double()
    np.testing.assert_allclose(gradient_of(two, logits()), gradient_of(one, logits()), rtol=1e-5)


def test_small_temperature_sees_the_hardest_negative_alone_and_does_not_overflow() -> None:
    loss = OneWayPartialAUCKL(N, 1e-3, gamma=1.0)
    found = float(loss(logits().float(), LABELS, INDEX))
    assert found == pytest.approx(float(np.mean([max(row) for row in pairs(logits())])), rel=1e-3)


def test_moving_averages_follow_the_formula() -> None:
    loss = OneWayPartialAUCKL(N, 1.0, gamma=0.9).double()
    u = None
    for seed in range(4):
        now = np.array([np.mean(np.exp(row)) for row in pairs(logits(seed))])
        u = now if u is None else 0.1 * u + 0.9 * now
        loss(logits(seed), LABELS, INDEX)
        np.testing.assert_allclose(np.exp(loss.log_u[LABELS > 0].numpy()), u, rtol=1e-12)
    assert torch.isnan(loss.log_u[LABELS == 0]).all()


def test_aucm_finds_its_saddle_point() -> None:
    loss, values = AUCM().double(), logits()
    optimiser = torch.optim.SGD(loss.parameters(), lr=0.1)
    for _ in range(500):
        optimiser.zero_grad()
        loss(values, LABELS, INDEX).backward()
        optimiser.step()
    h = torch.sigmoid(values)
    mean = h[LABELS > 0].mean(), h[LABELS == 0].mean()
    assert (loss.a.item(), loss.b.item()) == pytest.approx((mean[0].item(), mean[1].item()), abs=1e-6)
    assert float(loss.alpha) == pytest.approx(float(1 + mean[1] - mean[0]), abs=1e-6)
    # At the saddle point the loss is the pairwise square loss less its cross terms: Var+ + Var- + (1 - difference)^2.
    expected = h[LABELS > 0].var(correction=0) + h[LABELS == 0].var(correction=0) + (1 + mean[1] - mean[0]) ** 2
    assert loss(values, LABELS, INDEX).item() == pytest.approx(float(expected), abs=1e-6)


def test_aucm_survives_saturated_scores() -> None:
    values = torch.where(LABELS > 0, -200.0, 200.0).requires_grad_()
    found = AUCM()(values, LABELS, INDEX)
    found.backward()
    assert torch.isfinite(found)
    assert torch.isfinite(values.grad).all()  # type: ignore[union-attr,arg-type]  # set by backward


def test_bce_is_the_mean_negative_log_likelihood() -> None:
    h = torch.sigmoid(logits())
    expected = -torch.where(LABELS > 0, h.log(), (1 - h).log()).mean()
    assert float(BinaryCrossEntropy()(logits(), LABELS, INDEX)) == pytest.approx(float(expected))


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_training_separates_separable_classes(name: str) -> None:
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(64, 2)) + np.repeat([[2.0, 0.0], [-2.0, 0.0]], 32, 0), dtype=torch.float32)
    y, loss = torch.tensor([1] * 32 + [0] * 32), LOSSES[name](64)
    line = torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(line.weight)
    optimiser = torch.optim.AdamW([*line.parameters(), *loss.parameters()], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss(line(x)[:, 0], y, torch.arange(64)).backward()
        optimiser.step()
    scores = line(x)[:, 0].detach()
    assert (scores[:32, None] > scores[None, 32:]).float().mean() > 0.99


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_state_survives_a_checkpoint(name: str) -> None:
    loss, restored = LOSSES[name](N), LOSSES[name](N)
    for seed in range(3):
        loss(logits(seed).float(), LABELS, INDEX)
    restored.load_state_dict(loss.state_dict())
    assert torch.equal(loss(logits(9).float(), LABELS, INDEX), restored(logits(9).float(), LABELS, INDEX))


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"bce"}))
def test_one_class_in_a_batch_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="both classes"):
        LOSSES[name](N)(logits(), torch.ones(N), INDEX)
