"""On real logits of the embedded model: the e-values of every token average to 1, and the kernel's sums are close enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from llm_audit.common.paths import cache_root
from llm_audit.detectors.attribution.support import EPSILON
from llm_audit.scoring.head import Head
from llm_audit.scoring.model import LanguageModel, load
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.samplers import decode
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokens import RENYI_ORDERS, Decoding
from llm_audit.stats import eprocess
from tests.cli.tool import HUMAN

DECODINGS = [
    Decoding(),
    Decoding(temperature=0.8),
    Decoding(temperature=1.3),
    Decoding(top_p=0.95),
    Decoding(temperature=0.7, top_k=40, min_p=0.01),
]

OFTEN = [
    decoding if decoding in (Decoding(), DECODINGS[-1]) else pytest.param(decoding, marks=pytest.mark.slow)
    for decoding in DECODINGS
]
"""The plain law, and the one with everything set; the others in the slow tests."""


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    stored = Store(cache_root() / "models").resolve(DEFAULT_MODEL, offline=True)
    return load(stored.name, stored.digest, stored.folder)


@pytest.fixture(scope="module")
def states(model: LanguageModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states and next tokens of the first 65 tokens of an essay."""
    with Path(HUMAN).open(encoding="utf-8") as essay, torch.inference_mode():
        ids = torch.tensor(model.tokenizer.encode(essay.read(), add_special_tokens=False).ids[:65])
        return model.body(ids, [len(ids)])[0][:-1].clone(), ids[1:].clone()


def laws(model: LanguageModel, states: torch.Tensor, decoding: Decoding) -> np.ndarray:
    """(n, vocabulary) log p in float64, -inf where excluded."""
    logits = decode(Head(model.head_weight).logits(states), decoding).double().numpy()
    if decoding.truncates:
        logits = np.where(logits < logits.max(axis=1, keepdims=True) - 100, -np.inf, logits)
    whole: np.ndarray = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return whole


def renyi(log_p: np.ndarray) -> np.ndarray:
    return np.stack([np.logaddexp.reduce(order * log_p, axis=1) for order in RENYI_ORDERS], axis=1)


@pytest.mark.parametrize("decoding", DECODINGS, ids=str)
def test_the_mean_of_the_e_value_under_the_null_is_one(
    model: LanguageModel, states: tuple[torch.Tensor, torch.Tensor], decoding: Decoding
) -> None:
    log_p = laws(model, states[0][::8], decoding)
    for row, sums in zip(log_p, renyi(log_p), strict=True):
        kept = row[np.isfinite(row)]
        log_e = eprocess.tempering_increments(kept, np.broadcast_to(sums, (len(kept), len(sums))), RENYI_ORDERS)
        means = np.exp(kept[:, None] + log_e).sum(axis=0)
        np.testing.assert_allclose(means, 1.0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("decoding", [decoding for decoding in DECODINGS if decoding.truncates], ids=str)
@pytest.mark.parametrize("share", [0.0, pytest.param(0.5, marks=pytest.mark.slow), 1.0])
def test_no_member_of_the_widened_null_gives_the_e_value_a_mean_above_one(
    model: LanguageModel, states: tuple[torch.Tensor, torch.Tensor], decoding: Decoding, share: float
) -> None:
    kept, free = (laws(model, states[0][::8], d) for d in (decoding, Decoding(temperature=decoding.temperature)))
    w = share * EPSILON
    for inside, whole, kept_sums, whole_sums in zip(kept, free, renyi(kept), renyi(free), strict=True):
        n = len(whole)
        log_kept = np.logaddexp.reduce(whole[np.isfinite(inside)])
        log_e = eprocess.contaminated_increments(
            inside,
            np.broadcast_to(kept_sums, (n, len(kept_sums))),
            whole,
            np.broadcast_to(whole_sums, (n, len(whole_sums))),
            np.full(n, log_kept),
            RENYI_ORDERS,
            EPSILON,
        )
        law = (1 - w) * np.exp(inside) + w * np.exp(whole)
        means = (law[:, None] * np.exp(log_e)).sum(axis=0)
        assert (means <= 1 + 1e-9).all()
        assert (means > 0.5).all()


@pytest.mark.parametrize("decoding", OFTEN, ids=str)
def test_the_kernel_costs_an_e_value_less_than_a_millionth_a_token(
    model: LanguageModel, states: tuple[torch.Tensor, torch.Tensor], decoding: Decoding
) -> None:
    """Of the stored columns: |error of log e| per token and lambda, and its mean, which 4,096 tokens multiply."""
    (found,) = Head(model.head_weight, decoding)(*states)
    log_p = laws(model, states[0], decoding)
    own = np.take_along_axis(log_p, states[1].numpy()[:, None], axis=1)[:, 0]
    possible = np.isfinite(own)
    exact = eprocess.tempering_increments(own, renyi(log_p), RENYI_ORDERS)[possible]
    stored = eprocess.tempering_increments(found["logprob"], found["renyi"], RENYI_ORDERS)[possible]
    error = stored - exact
    print(f"{decoding}: largest {np.abs(error).max():.2g}, largest mean over tokens {np.abs(error.mean(axis=0)).max():.2g}")
    assert np.abs(error).max() < 2e-5
    assert np.abs(error.mean(axis=0)).max() < 2e-6
