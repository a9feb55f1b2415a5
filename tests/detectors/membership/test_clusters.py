"""Documents that are retellings of one another are one: found, counted and no threat to the size of the test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binom

from llm_audit.detectors.membership.clusters import joined
from llm_audit.detectors.membership.collection import Collection, Item
from llm_audit.reports.wording.notes import of_collection
from llm_audit.results import Conditions
from llm_audit.stats import permutation

WORDS = [f"{a}{b}{c}" for a in "bdfglmnprst" for b in "aeiou" for c in "lmnrst"]


def collection(texts: Sequence[str], name: str) -> Collection:
    return Collection(tuple(Item(text, f"{name}:{i}", f"{name}:{i}") for i, text in enumerate(texts)), "", len(texts))


def text(rng: np.random.Generator, own: Sequence[str] = (), words: int = 60) -> str:
    """Words that anybody uses and, half of them, those of a subject."""
    common = rng.choice(WORDS, words)
    chosen = np.where(rng.random(words) < 0.5, rng.choice(own, words), common) if len(own) else common
    return " ".join(chosen)


def clustered(rng: np.random.Generator, groups: int, n: int) -> tuple[list[str], list[int]]:
    subjects = [rng.choice(WORDS, 12, replace=False) for _ in range(groups)]
    return [text(rng, subjects[i % groups]) for i in range(n)], [i % groups for i in range(n)]


def test_texts_of_one_subject_are_one_unit() -> None:
    rng = np.random.default_rng(1)
    texts, number = clustered(rng, 10, 60)
    suspects, held_out = joined(collection(texts, "s"), collection([text(rng) for _ in range(60)], "h"))
    assert len(suspects.documents) in (9, 10) and len(held_out.documents) >= 40  # two subjects may share words
    for a, b in ((0, 10), (3, 43)):
        assert number[a] == number[b] and suspects.items[a].document == suspects.items[b].document
    groups = len(suspects.documents)
    (note, *_) = of_collection(Conditions(groups=((60, groups), (60, len(held_out.documents)))), ())
    assert note.startswith(f"The 60 suspect documents fall into {groups} groups of texts that are more alike")


def test_texts_of_the_same_kind_stay_apart() -> None:
    """Where the sides share their subjects, labels are exchangeable, and hardly anything is joined."""
    rng = np.random.default_rng(2)
    plain = [collection([text(rng) for _ in range(80)], side) for side in "sh"]
    suspects, held_out = joined(*plain)
    assert min(len(suspects.documents), len(held_out.documents)) >= 70
    texts, _ = clustered(rng, 10, 160)
    order = rng.permutation(160)
    shared = [collection([texts[i] for i in half], side) for half, side in zip(np.split(order, 2), "sh", strict=True)]
    suspects, held_out = joined(*shared)
    assert min(len(suspects.documents), len(held_out.documents)) >= 60


@pytest.mark.parametrize("hidden", [False, True])
def test_the_size_holds_where_suspects_come_in_clusters(hidden: bool) -> None:
    """A score that has an effect of the cluster and none of the side: by document it is refuted far too often, by unit not."""
    rng, runs, rejected = np.random.default_rng(3), 300, 0
    for _ in range(runs):
        number = np.arange(200) % 10
        scores = np.concatenate([rng.standard_normal(10)[number] + 0.5 * rng.standard_normal(200), rng.standard_normal(200)])
        labels = np.arange(400) < 200
        if not hidden:
            scores = np.concatenate([[scores[:200][number == k].mean() for k in range(10)], scores[200:]])
            labels = np.arange(210) < 10
        rejected += permutation.two_sample(scores, labels, rng, 199).p_value <= 0.05
    limit = binom.isf(1e-4, runs, 0.05)
    assert rejected > 2 * limit if hidden else rejected <= limit
