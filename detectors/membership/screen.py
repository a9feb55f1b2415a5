"""Compute every score of every text, and how well each score separates suspect from held-out documents.

Scores rank texts and prove nothing about one; their separation on these very texts is reported beside them. Knows nothing
about files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from llm_audit.common.errors import InvalidInput
from llm_audit.common.progress import Progress, part
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership.base import MembershipScore, Passes
from llm_audit.detectors.membership.collection import Collection, Item
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.detectors.membership.target import Target
from llm_audit.results import Interval, Rate, Screened, Separation
from llm_audit.scoring.request import Prompted
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import permutation
from llm_audit.stats.classification import area, binomial_interval, bootstrap, threshold_at_fpr
from llm_audit.stats.combination import holm

Floats = NDArray[np.float64]

DRAWS = 9999
RESAMPLES = 1000
RATES = (0.01, 0.001)
FEWEST = 20
"""Fewest documents per side for which the interval of an AUC is reported."""


@dataclass(frozen=True)
class Material:
    """Material that scores need besides the target's own pass.

    Attributes:
        frequencies: for DC-PDD; None: there is no table for this tokenizer.
        reference: another model, for the reference ratio.
        prefix: texts that the target has not seen, for ReCaLL, its start token included.
    """

    frequencies: Frequencies | None = None
    reference: Target | None = None
    prefix: str | None = None

    def serves(self, score: MembershipScore) -> bool:
        """Whether all material that a score needs is here."""
        available = {"lowercase": True, "frequencies": self.frequencies, "reference": self.reference, "prefixed": self.prefix}
        return all(available[need] is not None for need in score.needs)


def passes(
    target: Target, items: Sequence[Item], scores: Sequence[MembershipScore], material: Material, progress: Progress
) -> Iterator[Passes]:
    """Yield, text by text, the token scores of the text and of those variants of it (in lower case, ...) that some score reads.

    Raises:
        AuditError: a text without a token that the model scores.
    """
    needs = {need for score in scores for need in score.needs}
    texts = [item.text for item in items]
    kinds: dict[str, tuple[Target, list[str | Prompted]]] = {"scores": (target, list(texts))}
    if "lowercase" in needs:
        kinds["lowercase"] = target, [text.lower() for text in texts]
    if "reference" in needs and material.reference:
        kinds["reference"] = material.reference, list(texts)
    if "prefixed" in needs:
        kinds["prefixed"] = target, [Prompted(text, material.prefix) for text in texts]
    streams = {}
    for number, (kind, (source, inputs)) in enumerate(kinds.items()):
        within = part(progress, number / len(kinds), (number + 1) / len(kinds))
        # One kind after the other: two models need not be in memory together.
        streams[kind] = list(source.beginnings(inputs, within)) if len(kinds) > 1 else source.beginnings(inputs, within)
    for item, *runs in zip(items, *streams.values(), strict=True):
        by_kind: dict[str, TokenScores] = dict(zip(streams, runs, strict=True))
        if not all(len(run) for run in by_kind.values()):
            raise InvalidInput(f"{item.name} has no tokens that the model can score; remove it.")
        end = int(by_kind["scores"].char_end[-1])
        yield Passes(text=item.text[:end], frequencies=material.frequencies, **by_kind)


def screened(item: Item, side: str, read: Passes, scores: Sequence[MembershipScore]) -> Screened:
    """One text with all its scores."""
    saturations = [score.saturation(read) for score in scores if score.saturation]
    return Screened(
        name=item.name,
        side="suspect" if side == "suspect" else "held_out",
        tokens=len(read.scores),
        truncated=len(read.text) < len(item.text.rstrip()),
        scores={score.name: score.statistic(read) for score in scores},
        saturation=saturations[0] if saturations else None,
        variants={f"{score.name} {name}": variant(read) for score in scores for name, variant in score.variants},
        group=item.group,
    )


@dataclass(frozen=True)
class Sides:
    """The two collections in one order: suspects, then held-out."""

    suspects: Collection
    held_out: Collection

    @property
    def items(self) -> tuple[Item, ...]:
        """The texts of both sides."""
        return (*self.suspects.items, *self.held_out.items)

    @property
    def units(self) -> list[str]:
        """(texts,) the independent unit of each text."""
        return [f"s {item.document}" for item in self.suspects.items] + [f"h {item.document}" for item in self.held_out.items]


def separate(
    scores: Sequence[Separation],
    values: Mapping[str, Floats],
    other: Mapping[str, Floats],
    labels: NDArray[np.bool_],
    groups: Sequence[str],
    seed: str,
) -> tuple[Separation, ...]:
    """The separation of the sides by each score, over documents; Holm over the scores.

    Args:
        scores: names and titles, in the order to be shown; nothing else in them is read.
        values: score name -> (units,) mean of each unit.
        other: the same under a model that cannot have seen any of the texts.
        labels: (units,) True for suspects.
        groups: (units,) the known group of each, or "".
        seed: of intervals and permutations.
    """
    enough = min(labels.sum(), (~labels).sum()) >= FEWEST
    p_values = [
        permutation.two_sample(values[separation.score], labels, generator(seed, f"labels {separation.score}"), DRAWS).p_value
        for separation in scores
    ]
    separations = []
    for separation, p, adjusted in zip(scores, p_values, holm(p_values), strict=True):
        name = separation.score
        target_values, rng = values[name], generator(seed, f"interval {name}")
        control_values = other.get(name)
        half = generator(seed, "halves").permutation(int((~labels).sum())) % 2 == 0
        separations.append(
            Separation(
                rule=separation.rule,
                score=name,
                title=separation.title,
                auc=_auc(target_values, labels, rng) if enough else None,
                rates=tuple(_rates(target_values, labels)),
                p_value=p,
                p_adjusted=float(adjusted),
                control=_auc(target_values[~labels], half, rng) if (~labels).sum() >= 2 * FEWEST else None,
                other_model=_auc(control_values, labels, rng) if control_values is not None and enough else None,
                gain=_gain(target_values, control_values, labels, rng) if control_values is not None and enough else None,
                groups=tuple(_by_group(target_values, labels, groups, rng)),
            )
        )
    return tuple(separations)


def _auc(values: Floats, labels: NDArray[np.bool_], rng: np.random.Generator) -> Interval:
    (interval,) = bootstrap([area], values, labels, range(len(values)), rng, RESAMPLES)
    return Interval(value=interval.value, lower=interval.lower, upper=interval.upper)


def _gain(target_values: Floats, control_values: Floats, labels: NDArray[np.bool_], rng: np.random.Generator) -> Interval:
    """AUC under the target minus AUC under the control model, both of the same resampled documents."""

    def difference(drawn: NDArray[np.intp]) -> float:
        suspect = labels[drawn]
        # Mann-Whitney's U but for a constant.
        sums = [rankdata(values[drawn])[suspect].sum() for values in (target_values, control_values)]
        return float(sums[0] - sums[1]) / (int(suspect.sum()) * int((~suspect).sum()))

    sides = [np.flatnonzero(labels == side) for side in (True, False)]
    resampled = [
        difference(np.concatenate([side[rng.integers(len(side), size=len(side))] for side in sides])) for _ in range(RESAMPLES)
    ]
    lower, upper = np.quantile(resampled, [0.025, 0.975])
    return Interval(value=difference(np.arange(len(labels))), lower=float(lower), upper=float(upper))


def _rates(values: Floats, labels: NDArray[np.bool_]) -> Iterator[Rate]:
    """TPR at each false-positive rate that the held-out documents can resolve, with the binomial interval given the threshold.

    The threshold is itself an estimate, whose true rate is not the nominal one: `conclude` states bounds of it.
    """
    suspects, n_held_out = values[labels], int((~labels).sum())
    for fpr in RATES:
        if n_held_out * fpr >= 1:
            hits = int((suspects >= threshold_at_fpr(values, labels, fpr)).sum())
            low, high = binomial_interval(hits, len(suspects))
            yield Rate(fpr=fpr, found=hits, n=len(suspects), lower=low, upper=high)


def _by_group(
    values: Floats, labels: NDArray[np.bool_], groups: Sequence[str], rng: np.random.Generator
) -> Iterator[tuple[str, Interval]]:
    unit_groups = np.array(groups)
    names = sorted(set(unit_groups[labels].tolist()) - {""}, key=lambda name: (len(name), name))  # "4" before "16"
    for name in names if len(names) > 1 else ():
        chosen = ~labels | (unit_groups == name)
        if (labels & chosen).sum() >= FEWEST and (~labels).sum() >= FEWEST:
            yield name, _auc(values[chosen], labels[chosen], rng)
