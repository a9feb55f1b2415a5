"""The model that ships with known training data: what it has read often is found, what it has not read is not.

A model of this size cannot show what a billion parameters remember; it shows that the tests find what is there.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from fixtures.membership import grammar
from fixtures.membership.train import FIXTURE, TOKENIZER_SEED
from fixtures.membership.world import REPETITIONS, World, world
from llm_audit.detectors.membership import canary, identifier, order, paired
from llm_audit.detectors.membership.collection import Item
from llm_audit.detectors.membership.target import Target
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from tests.detectors.laws import judge

ALPHA = 0.01


@pytest.fixture(scope="module")
def made() -> World:
    return world()


@pytest.fixture(scope="module")
def card() -> str:
    return (FIXTURE / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def target() -> Target:
    return Target(Session(Store().resolve(str(FIXTURE), offline=True)))


def everything(made: World) -> list[str]:
    return [
        *made.non_members,
        *made.background,
        *(text for members in made.members.values() for text in members),
        *(text for secret in made.canaries.values() for text in secret.strings()),
        *(row for rows in made.orders.values() for row in rows),
        *(text for pairs in made.pairs.values() for pair in pairs for text in pair),
        *(text for texts in made.identifiers.values() for text in texts),
    ]


def test_the_world_is_the_one_that_the_model_was_trained_on(made: World, card: str) -> None:
    run = "from fixtures.membership.world import world; print(world().digest())"
    elsewhere = subprocess.run([sys.executable, "-c", run], capture_output=True, check=True, text=True, cwd=Path.cwd()).stdout
    assert made.digest() == elsewhere.strip()
    assert made.digest() in card


def test_no_text_occurs_twice_in_a_world_or_in_that_of_the_tokenizer(made: World) -> None:
    counted = Counter(everything(made) + everything(world(TOKENIZER_SEED)))
    assert counted.most_common(1)[0][1] == 1


def test_each_text_is_seen_as_often_as_it_says(made: World) -> None:
    seen = Counter(made.stream(np.random.default_rng(0)))
    assert set(seen.values()) == set(REPETITIONS)
    for count in REPETITIONS:
        assert {seen[text] for text in made.planted(count)} == {count}


def test_the_card_says_what_was_shipped(card: str) -> None:
    files = [path for path in FIXTURE.iterdir() if path.name != "README.md"]
    assert {path.name for path in files} == {"model.safetensors", "config.json", "tokenizer.json"}
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert sum(path.stat().st_size for path in FIXTURE.iterdir()) <= 3_000_000


def unseen(count: int) -> list[str]:
    """Rows that are not of the world: the canonical order of its own unseen ones is likely by chance, p = .02."""
    generator = np.random.default_rng(7)
    return [grammar.question(generator) for _ in range(count)]


def p_values(target: Target, made: World, count: int) -> dict[str, float | None]:
    """Of every exact test, on as much as is scored in seconds: fewer siblings, rows and draws than there are."""
    secret = replace(made.canaries[count], count=99)  # the first 99 of the 999
    pairs = [paired.Pair(public, (private,), str(at)) for at, (public, private) in enumerate(made.pairs[count])]
    found = identifier.find([Item(text, str(at), str(at)) for at, text in enumerate(made.identifiers[count])])
    results = [
        judge(canary, target, [secret], alpha=ALPHA),
        judge(order, target, made.orders[count][:16] if count else unseen(16), draws=99, shards=1, alpha=ALPHA, seed="order"),
        judge(paired, target, pairs, draws=9999, alpha=ALPHA, seed="paired"),
        judge(identifier, target, found, draws=9, alpha=ALPHA, seed="identifier"),
    ]
    return {result.rule: result.p_value for result in results}


def test_every_exact_test_finds_what_was_seen_16_times(target: Target, made: World) -> None:
    found = p_values(target, made, 16)
    assert len(found) == 4
    assert all(p is not None and p <= ALPHA for p in found.values()), found


def test_no_exact_test_finds_what_was_never_seen(target: Target, made: World) -> None:
    found = p_values(target, made, 0)
    assert len(found) == 4
    assert all(p is not None and p > ALPHA for p in found.values()), found


def mean_log_probabilities(target: Target, texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([scores.logprob.mean(dtype=np.float64) for scores in target.beginnings(texts)])


def auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    return float(mannwhitneyu(positive, negative).statistic) / (len(positive) * len(negative))


def test_the_loss_tells_members_apart_the_better_the_more_often_they_were_seen(target: Target, made: World) -> None:
    never = mean_log_probabilities(target, made.non_members[:100])
    by_count = [auroc(mean_log_probabilities(target, made.members[count][:40]), never) for count in REPETITIONS]
    assert by_count == sorted(by_count)
    assert by_count[-1] > 0.95
