"""The blind baseline of two collections: whether the texts alone, without the model, tell suspect from held-out documents.

If they can, a score that tells them apart too may have seen the same difference and says nothing about training. A blind
classifier is cross-validated, and its AUC compared with what it reaches when the labels are dealt out anew: exact, whatever
the texts are, and cheap because its scores are linear in the labels. Knows nothing about models.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.stats import rankdata

from llm_audit.common.errors import local_packages
from llm_audit.detectors.membership.collection import Collection, Item
from llm_audit.detectors.membership.features import Features, Floats, Indexes, count, presence, views
from llm_audit.detectors.rule import NotDerivable
from llm_audit.results import Feature, Gate, Interval

FEWEST, MOST, MOST_TEXTS = 50, 1_000, 5
"""Fewest documents per side; most documents per side, drawn at random from more; and most texts drawn of a document."""

FOLDS, DRAWS = 5, 999
"""Number of folds of the cross-validation, and of label permutations."""

RIDGE, OUTSTANDING = 10.0, 3.0
"""Ridge penalty for documents of unit variance, and standard errors from which a feature counts on its own. Neither is fitted
to the data at hand. Chosen on artificial shifts (a word, a quotation mark, years, another source in a third of the texts):
ridge regression alone misses a single telling word, outstanding features alone miss differences spread over many."""

RULE = (
    "The texts count as shifted if the 95 % interval of the blind classifier's AUC leaves out 0.5, which it does for at most "
    "5 % of random halves of one corpus."
)


def judge(suspects: Collection, held_out: Collection, generator: np.random.Generator) -> Gate:
    """Test whether the texts alone tell the sides apart.

    Null hypothesis: the documents were assigned to the sides at random. The classifier sees words and pairs of words, runs of
    characters, and the surface (lengths, punctuation, years mentioned, dates given). It adds kernel ridge regression on all of
    them, for differences spread over many, and a vote of those that stand out in the training folds, so that one telling word
    or year is enough. It is cross-validated so that no document and no document name is in two folds; words, weights and
    outstanding features come from the training folds alone.

    The AUC is the mean over folds: whatever the training labels are, those of the test fold are still equally likely in any
    order, so its mean is 0.5 under the null. (Scores pooled over folds would not do: their mean AUC is lower.) Labels are
    permuted within folds 999 times and everything repeated; the interval is the central 95 % of these AUCs, moved to the
    observed one. So under the null it lies above 0.5 in at most 2.5 % of cases, exactly, and below in as many: sides that
    mirror each other, one made from the other, are no random halves either. The simple interval of a fixed classifier, which
    ignores that every pair of folds counts twice, would lie above in 8 %. Elsewhere it is an approximation.

    Unlike the blind baselines of Das et al. (2024) and Meeus et al. (2025) it has an exact size, and no feature is chosen by
    hand or on test data.
    """
    sizes = len(suspects.documents), len(held_out.documents)
    measured = Gate(outcome="too_few", rule=RULE, reason="", auc=None, n_suspect=sizes[0], n_held_out=sizes[1])
    if min(sizes) < FEWEST:
        return derived(measured)
    sample = _sample(suspects, held_out, generator)
    features = count(sample.items)
    folds = _folds(sample, generator)
    labels = _permuted(sample.labels, folds, generator)
    aucs = _cross_validated(features, sample, folds, labels)
    auc, chance = Interval(value=float(aucs[0]), lower=0.0, upper=1.0), _chance(aucs[1:])
    telling = _telling(features, sample, labels) if shifted(interval(auc.value, chance)) else ()
    return derived(measured.model_copy(update={"auc": auc, "chance": chance, "features": telling}))


def derived(gate: Gate) -> Gate:
    """The blind baseline with all that follows from its AUC, from the AUCs by chance, and from the counts.

    Raises:
        NotDerivable: a stored one lacks the interval of AUCs by chance.
    """
    sizes = gate.n_suspect, gate.n_held_out
    if gate.auc is None:
        reason = (
            f"There are {sizes[0]:,} suspect and {sizes[1]:,} held-out documents; {FEWEST} of each are needed to see whether "
            f"the texts alone tell them apart."
        )
        return gate.model_copy(update={"outcome": "too_few", "rule": RULE, "reason": reason, "features": ()})
    if min(sizes) < FEWEST:
        return derived(gate.model_copy(update={"auc": None, "chance": None}))
    if gate.chance is None:
        raise NotDerivable("the report does not say between which AUCs chance lies")
    auc = interval(gate.auc.value, gate.chance)
    telling = gate.features if shifted(auc) else ()
    return gate.model_copy(
        update={
            "outcome": "shifted" if shifted(auc) else "no_difference_found",
            "rule": RULE,
            "reason": _reason(auc, telling, max(sizes) > MOST),
            "auc": auc,
            "features": telling,
        }
    )


def shifted(auc: Interval) -> bool:
    """Whether the texts alone tell the sides apart, or show that one mirrors the other."""
    return not auc.lower <= 0.5 <= auc.upper


class _Sample(NamedTuple):
    """The documents in a blind test, as arrays.

    Attributes:
        items: the texts.
        means: (documents, texts), each row the weights of a document's mean over its texts.
        labels: (documents,) 1 for suspects and 0 for held-out.
        names: (documents,).
    """

    items: list[Item]
    means: NDArray[np.float32]
    labels: NDArray[np.float32]
    names: list[str]


def _sample(suspects: Collection, held_out: Collection, generator: np.random.Generator) -> _Sample:
    items: list[Item] = []
    names: list[str] = []
    owners, labels = [], []
    for label, side in ((1.0, suspects), (0.0, held_out)):
        texts = defaultdict(list)
        for item in side.items:
            texts[item.document].append(item)
        documents = side.documents
        for i in np.sort(generator.permutation(len(documents))[:MOST]):
            its_texts = texts[documents[i]]
            chosen = np.sort(generator.permutation(len(its_texts))[:MOST_TEXTS])
            owners += [len(names)] * len(chosen)
            items += [its_texts[j] for j in chosen]
            labels.append(label)
            names.append(documents[i])
    means = np.zeros((len(names), len(items)), np.float32)
    means[owners, np.arange(len(items))] = 1
    return _Sample(items, means / means.sum(axis=1, keepdims=True), np.array(labels, np.float32), names)


def _folds(sample: _Sample, generator: np.random.Generator) -> list[Indexes]:
    """The documents of each fold."""
    with local_packages():
        from sklearn.model_selection import StratifiedGroupKFold
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=int(generator.integers(2**31)))
    return [test for _, test in splitter.split(sample.labels, sample.labels, sample.names)]


def _permuted(labels: NDArray[np.float32], folds: list[Indexes], generator: np.random.Generator) -> NDArray[np.float32]:
    """(1 + DRAWS, documents): the labels, then permutations of them within each fold, which keeps the folds stratified."""
    dealt = np.tile(labels, (1 + DRAWS, 1))
    for fold in folds:
        dealt[1:, fold] = generator.permuted(dealt[1:, fold], axis=1)
    return dealt


def _cross_validated(features: Features, sample: _Sample, folds: list[Indexes], labels: NDArray[np.float32]) -> Floats:
    """(labellings,) mean AUC over folds."""
    aucs = []
    for test in folds:
        training = np.setdiff1d(np.arange(len(sample.labels)), test)
        texts = np.flatnonzero(sample.means[training].any(axis=0))
        known = labels[:, training] - labels[:, training].mean(axis=1, keepdims=True)
        spread = known @ _ridge(features, sample, texts, training, test)
        spread /= np.maximum(spread.std(axis=1, keepdims=True), 1e-9)
        _, values = _named(features, sample, texts)
        values = _standardised(values, training)
        z = known @ values[training] / np.sqrt(np.sum(known**2, axis=1, keepdims=True))
        votes = np.sign(z) * np.maximum(np.abs(z) - OUTSTANDING, 0)
        aucs.append(_auc(spread + votes @ values[test].T, labels[:, test]))
    return np.asarray(np.mean(aucs, axis=0))


def _ridge(features: Features, sample: _Sample, texts: Indexes, training: Indexes, test: Indexes) -> Floats:
    """(training, test) matrix M such that labels @ M are the scores of the test documents, for any training labels."""
    similar = np.mean([_kernel(sample.means @ view, training) for view in views(features, texts)], axis=0)
    inner = similar[np.ix_(training, training)] + RIDGE * np.eye(len(training))
    return np.asarray(solve(inner, similar[np.ix_(training, test)], assume_a="pos"))


def _kernel(rows: NDArray[np.float32], training: Indexes) -> Floats:
    """(documents, documents) inner products about the mean of the training documents, whose mean square is made 1."""
    rows = rows - rows[training].mean(axis=0)
    scale = np.mean(np.sum(rows[training] ** 2, axis=1))
    return np.asarray(rows @ rows.T / max(scale, 1e-9), np.float64)


def _named(features: Features, sample: _Sample, texts: Indexes) -> tuple[list[str], Floats]:
    """Names and (documents, k) means of `presence`, not a number where none of a document's texts says anything."""
    names, values = presence(features, texts)
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return names, np.asarray((sample.means @ np.where(known, values, 0.0)) / (sample.means @ known), np.float64)


def _standardised(values: Floats, training: Indexes) -> Floats:
    """Columns with the mean 0 and variance 1 over the training documents, cut off at 3; unknown values are the mean."""
    known = ~np.isnan(values[training])
    centred = values - np.where(known, values[training], 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.nan_to_num(centred)
    return np.asarray(np.clip(centred / np.maximum(centred[training].std(axis=0), 1e-9), -3, 3))


def _auc(scores: Floats, labels: NDArray[np.float32]) -> Floats:
    """(labellings,) of scores and labels (labellings, documents), ties counted half."""
    ranks = rankdata(scores, axis=1)
    positive = labels.sum(axis=1)
    above = (ranks * labels).sum(axis=1) - positive * (positive + 1) / 2
    return np.asarray(above / (positive * (labels.shape[1] - positive)))


def _chance(aucs: Floats) -> tuple[float, float]:
    """Bounds of the central 95 % of the AUCs of permuted labels."""
    return float(np.quantile(aucs, 0.025, method="lower")), float(np.quantile(aucs, 0.975, method="higher"))


def interval(value: float, chance: tuple[float, float]) -> Interval:
    """The interval of an AUC, from the AUCs by chance: above 0.5 if (1 + #{others >= it}) / 1,000 <= .025."""
    low, high = chance
    return Interval(value=value, lower=max(0.0, value - (high - 0.5)), upper=min(1.0, value + (0.5 - low)))


def _telling(features: Features, sample: _Sample, labels: NDArray[np.float32], most: int = 10) -> tuple[Feature, ...]:
    """The features whose means differ most, strongest first; each by more than the strongest one of most relabellings.

    That is the single-step max-T test of Westfall & Young (1993) at .05, so that ten of thousands are no accident.
    """
    names, means = _named(features, sample, np.arange(len(sample.items)))
    suspect = sample.labels == 1
    enough = [np.sum(~np.isnan(means[side]), axis=0) >= FEWEST // 5 for side in (suspect, ~suspect)]
    judged = np.flatnonzero(enough[0] & enough[1])
    means = means[:, judged]
    strength = np.abs((labels - sample.labels.mean()) @ _standardised(means, np.arange(len(means))))
    limit = np.quantile(strength[1:].max(axis=1), 0.95, method="higher")
    order = np.argsort(-strength[0], kind="stable")[:most]
    telling = []
    for i in order[strength[0][order] > limit]:
        in_suspect, in_held_out = float(np.nanmean(means[suspect, i])), float(np.nanmean(means[~suspect, i]))
        more: Literal["suspect", "held_out"] = "suspect" if in_suspect > in_held_out else "held_out"
        telling.append(Feature(name=names[judged[i]], side=more, suspect=in_suspect, held_out=in_held_out))
    return tuple(telling)


def _reason(auc: Interval, telling: tuple[Feature, ...], drawn: bool) -> str:
    measured = f"AUC {auc.value:.2f}, 95 % interval {auc.lower:.2f} to {auc.upper:.2f}"
    if auc.lower > 0.5:
        by = f"; most of all by {telling[0].name}" if telling else "; by many small differences, none of them telling alone"
        reason = f"The texts alone, without the model, tell suspect from held-out documents ({measured}){by}."
    elif auc.upper < 0.5:
        reason = (
            f"Suspect and held-out documents mirror each other ({measured}): they were not dealt out at random, but look as if "
            f"one had been made from the other. For versions of the same items there is `membership test paired`."
        )
    else:
        reason = (
            f"This classifier does not tell suspect from held-out documents by the texts alone ({measured}). Its AUC may be "
            f"up to {auc.upper:.2f}, and a language model may see differences that it does not."
        )
    return f"{reason} Judged on at most {MOST:,} documents of a side, drawn at random." if drawn else reason
