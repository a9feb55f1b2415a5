"""Heads on made-up features: what training does, and that the numpy head is the trained network."""

from __future__ import annotations

import dataclasses
from itertools import product
from typing import Any

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.origin.classifier import Card
from llm_audit.testing import sample_scores
from llm_audit.training import features
from llm_audit.training.features import Blocks
from llm_audit.training.fit import Schedule
from llm_audit.training.heads import KINDS, as_head, domain_of, measure, predict, prepare, space_of, train_head
from llm_audit.training.labelled import Labelled
from llm_audit.training.losses import LOSSES

N, D = 240, 12
SEEN = np.arange(3, dtype=np.uint64)
SCHEDULE = Schedule(epochs=40, batch_size=64, learning_rate=0.05, patience=40)


def example(seed: int = 0, confounded: bool = False) -> tuple[Blocks, list[Labelled], np.ndarray]:
    """Feature 0 tells the classes apart; feature 1 the domains, of which `confounded` makes one mostly machine text."""
    rng = np.random.default_rng(seed)
    domain = rng.integers(0, 2, N)
    machine = rng.random(N) < (np.where(domain == 1, 0.9, 0.1) if confounded else 0.5)
    counts = rng.integers(4, 9, N)
    blocks = rng.normal(size=(N, 8, D)).astype(np.float32)
    blocks[..., 0] += 0.8 * machine[:, None]
    blocks[..., 1] += 3.0 * domain[:, None]
    blocks = blocks * np.array([1, 50, *[3] * (D - 2)], np.float32) + 7
    blocks *= (np.arange(8) < counts[:, None])[..., None]
    texts = [
        Labelled(str(i), "machine" if machine[i] else "human", str(i), domain=str(domain[i]), group=str(i)) for i in range(N)
    ]
    return Blocks(blocks, counts), texts, np.arange(N) % 4 == 0


def card(kind: str, **more: Any) -> Card:
    empty: dict[str, Any] = {"settings": {}, "data": {}, "texts": {}, "metrics": {}, "versions": {}}
    fixed = {"name": "a", "model": "m", "model_digest": "d", "layers": (1,), "statistics": (), "loss": "bce"}
    return Card(kind=kind, **{**empty, **fixed, **more})


PAIRS = list(product(KINDS, sorted(LOSSES)))


# Every third pair has each kind and each loss; the others wait.
@pytest.mark.parametrize(
    ("kind", "loss"),
    [pytest.param(*pair, marks=() if number % 3 == 0 else pytest.mark.slow) for number, pair in enumerate(PAIRS)],
)
def test_every_head_learns_with_every_loss(kind: str, loss: str) -> None:
    blocks, texts, validation = example()
    prepared = prepare(blocks, texts, validation)
    network, _ = train_head(prepared, kind, loss, SCHEDULE, discriminant=False)
    labels = np.array([text.is_machine for text in texts], dtype=np.int64)
    assert measure(predict(network, prepared.space, blocks[np.flatnonzero(validation)]), labels[validation])["auroc"] > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_the_numpy_head_is_the_trained_network(kind: str) -> None:
    blocks, texts, validation = example()
    prepared = prepare(blocks, texts, validation)
    network, _ = train_head(prepared, kind, "bce", SCHEDULE)
    head = as_head(network, prepared.space, card(kind), SEEN)
    expected = predict(network, prepared.space, blocks)
    for i in range(0, N, 20):
        logits, weights = head.evidence(blocks.features[i, : blocks.counts[i]])
        assert weights.sum() == pytest.approx(1, abs=1e-5)
        assert float(logits @ weights) == pytest.approx(expected[i], abs=1e-4)


def test_training_is_deterministic_to_the_digest() -> None:
    blocks, texts, validation = example()
    digests = set()
    for seed in (0, 0, 1):
        schedule = Schedule(epochs=3, batch_size=64, learning_rate=0.02, seed=seed)
        prepared = prepare(blocks, texts, validation)
        network, _ = train_head(prepared, "attention", "tpauc-kl", schedule)
        digests.add(as_head(network, prepared.space, card("attention"), SEEN).digest)
    assert len(digests) == 2


def test_centring_keeps_the_head_from_learning_the_domain() -> None:
    """Where nine in ten texts of one domain are machine text, knowing the domain would pay; elsewhere it would not."""
    blocks, texts, validation = example(confounded=True)
    weights = {}
    for centred in (True, False):
        named = texts if centred else [dataclasses.replace(text, domain="") for text in texts]
        prepared = prepare(blocks, named, validation)
        assert set(prepared.space.centres) == {domain_of(text) for text in named}
        network, _ = train_head(prepared, "logistic", "bce", SCHEDULE)
        weights[centred] = (network.first.weight.numpy() @ prepared.space.whitening)[0]
    assert abs(weights[True][1] / weights[True][0]) < 0.3 < 0.7 < abs(weights[False][1] / weights[False][0])


def test_a_logistic_head_starts_from_discriminant_analysis() -> None:
    """Without an epoch of training the weight is (S + ridge)^-1 times the mean difference of the domains' classes."""
    blocks, texts, validation = example()
    prepared = prepare(blocks, texts, validation)
    network, fitted = train_head(prepared, "logistic", "bce", dataclasses.replace(SCHEDULE, epochs=0))
    assert fitted.best_epoch == 0
    space = prepared.space
    weight = (network.first.weight.numpy() @ space.whitening)[0]
    precision = space.whitening.T @ space.whitening
    np.testing.assert_allclose(weight, precision @ space.difference, rtol=1e-3, atol=1e-5)
    assert abs(space.difference[0]) > 5 * abs(space.difference[1])


def test_whitening_makes_noise_of_what_differs_within_a_cell_and_between_kinds_of_human_text() -> None:
    """The two covariances, each by its definition, add to the identity in the whitened space."""
    blocks, texts, _ = example()
    space = space_of(blocks, texts, ridge=0.0)
    z = space(blocks).means()
    cells = np.unique([f"{text.domain} {text.label}" for text in texts], return_inverse=True)[1]
    within = np.concatenate([z[cells == cell] - z[cells == cell].mean(0) for cell in range(4)])
    human = np.array([not text.is_machine for text in texts])
    domain = np.array([text.domain for text in texts])
    between = np.cov([z[human & (domain == name)].mean(0) for name in ("0", "1")], rowvar=False)
    assert between.trace() > 0.5
    np.testing.assert_allclose(within.T @ within / N + between, np.eye(D), atol=0.02)


def test_a_source_of_machine_text_alone_is_compared_with_the_mean_kind_of_human_text() -> None:
    blocks, texts, _ = example()
    alone = [dataclasses.replace(text, domain="answers") if text.is_machine else text for text in texts]
    space = space_of(blocks, alone)
    z = np.clip(blocks.features - space.mean, -space.limit, space.limit) * blocks.inside()[..., None]
    z = Blocks(z, blocks.counts).means() / space.scale
    machine, domain = np.array([text.is_machine for text in texts]), np.array([text.domain for text in texts])
    kinds = [z[~machine & (domain == name)].mean(0) for name in ("0", "1")]
    np.testing.assert_allclose(space.difference, z[machine].mean(0) - np.mean(kinds, axis=0), atol=1e-5)


def test_features_are_block_means_and_rest_is_padding() -> None:
    rng = np.random.default_rng(0)
    scores = [sample_scores(n, rng, states=(2, 3)) for n in (70, 16, 9)]
    blocks = features.collect(scores)
    assert blocks.counts.tolist() == [4, 1, 0]
    assert blocks.features.shape == (3, 4, 2 * 3 + len(features.STATISTICS))
    assert not blocks.features[1, 1:].any()
    column = 6 + list(features.STATISTICS).index("log rank")
    assert blocks.features[0, 2, column] == pytest.approx(np.log(scores[0].rank[32:48]).mean(), rel=1e-5)
    assert scores[0].states is not None
    np.testing.assert_array_equal(blocks.features[0, 3, :6], scores[0].states[3].ravel())
    np.testing.assert_allclose(blocks.beginnings(2).means()[0], blocks.features[0, :2].mean(0), rtol=1e-6)


def test_infinite_features_are_refused() -> None:
    scores = sample_scores(64, np.random.default_rng(0), states=(1, 2))
    assert scores.states is not None
    scores.states[1, 0, 0] = np.inf
    with pytest.raises(AuditError, match="NaN or infinite features for text 1"):
        features.collect([scores])


def test_layers_are_fifths_of_the_model() -> None:
    assert features.default_layers(30) == (6, 12, 18, 24)
    assert features.default_layers(2) == (1, 2)
