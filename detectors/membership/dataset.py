"""Dataset inference: whether suspect documents score above held-out ones, by many weak scores learned on one half of them.

Knows nothing about files, and nothing about the blind baseline, without which rejecting its null hypothesis does not show
training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidInput
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership.base import MEANING
from llm_audit.detectors.membership.collection import Collection
from llm_audit.detectors.membership.outcomes import BEYOND, result, unit_means
from llm_audit.detectors.membership.target import Target
from llm_audit.detectors.rule import Measurement, MembershipTest, Terms, repeatable, requires
from llm_audit.reports.format import p_statement
from llm_audit.results import Conditions, Draws, Effect, Gate, Result
from llm_audit.results.membership_evidence import TwoSample
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import permutation
from llm_audit.stats.classification import area, bootstrap

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Shares of the least and the most likely tokens whose means are features, as in the paper."""

RIDGE = 0.05
"""Ridge penalty on the weights of standardised features: nineteen correlated ones, with few documents to learn from."""

BLIND = 50
"""Fewest documents per side for the blind baseline; equal to `blind_classifier.FEWEST`."""

FEWEST = 20
"""Fewest documents per side, since half of them train nineteen weights."""


def features(text: str, scores: TokenScores) -> NDArray[np.float64]:
    """(19,) features of one text of n >= 1 scored tokens from one pass; Maini et al. 2024, without their further passes.

    All oriented towards membership. Mean log-probability, the means of the least and most likely shares of tokens (`SHARES`),
    the first of them standardised by entropy and varentropy (Min-K%++), mean log-rank, share of tokens that rank first, and
    mean log-probability per compressed byte.
    """
    import zlib

    logprob = np.sort(scores.logprob.astype(np.float64))
    kept = [max(1, int(len(logprob) * share)) for share in SHARES]
    sigma = np.sqrt(np.maximum(scores.varentropy.astype(np.float64), 1e-6))
    z = np.sort((scores.logprob + scores.entropy) / sigma)
    rank = np.log(scores.rank.astype(np.float64))
    return np.array(
        [
            logprob.mean(),
            *(logprob[:k].mean() for k in kept),
            *(logprob[-k:].mean() for k in kept),
            z[: max(1, int(len(z) * 0.2))].mean(),
            -rank.mean(),
            float(np.mean(scores.rank == 1)),
            logprob.mean() / len(zlib.compress(text.encode("utf-8", "surrogatepass"))),
        ]
    )


def check(suspects: Collection, held_out: Collection) -> None:
    """Refuse too few documents. Raises AuditError with the number needed."""
    for side, collection in (("suspect", suspects), ("held-out", held_out)):
        if len(collection.documents) < FEWEST:
            raise InvalidInput(
                f"There are {len(collection.documents)} {side} documents; half train, half test: {FEWEST} are needed, and "
                f"{BLIND} of each side before {Gate.code} can say whether the sides differ without any model."
            )


def values_of(target: Target, suspects: Collection, held_out: Collection) -> NDArray[np.float64]:
    """(documents, 19) features of each document, the mean over its texts, suspects first."""
    items = [*suspects.items, *held_out.items]
    table = np.array(
        [_features(item.text, scores) for item, scores in zip(items, target.beginnings([i.text for i in items]), strict=True)]
    )
    units = [f"{side} {item.document}" for side, collection in (("s", suspects), ("h", held_out)) for item in collection.items]
    return np.column_stack([unit_means(column, units) for column in table.T])


def preference(values: NDArray[np.float64], n_suspect: int, *, draws: int, seed: str) -> permutation.Outcome:
    """The outcome of the test for one model: features learned on one half of the documents, tested on the other."""
    labels, rng = np.arange(len(values)) < n_suspect, generator(seed, "dataset control")
    scores, tested = scored(values, labels, rng)
    return permutation.two_sample(scores, labels[tested], rng, draws)


def measure(
    target: Target,
    suspects: Collection,
    held_out: Collection,
    *,
    draws: int,
    seed: str,
    control: NDArray[np.float64] | None = None,
) -> Measurement[TwoSample]:
    """Measure the scores of one half of the documents, learned on the other; features are less a control model's, if given.

    Null hypothesis: given the halves, suspect and held-out labels of the test half are exchangeable. The p-value is exact
    then, whatever was learned. Maini et al. 2024 (arXiv 2406.06443) test with a pooled t, clip outliers by group, and let
    weights have any sign; here none is negative, so that a finding has a direction.
    """
    values = values_of(target, suspects, held_out)
    values = values if control is None else values - control
    n_suspect, n_held_out = len(suspects.documents), len(held_out.documents)
    labels = np.arange(n_suspect + n_held_out) < n_suspect
    scores, _ = scored(values, labels, generator(seed, "dataset"))
    evidence = TwoSample(
        suspect=n_suspect, held_out=n_held_out, scores=tuple(scores.tolist()), controlled=None if control is None else True
    )
    return Measurement(evidence, draws=Draws(count=draws, exceeding=0, seed=seed))


def derive(measured: Measurement[TwoSample], terms: Terms) -> Result:
    """The result of the permutation of labels over the documents kept for the test, drawn from its seed."""
    requires(measured, TwoSample)
    draws, seed = repeatable(measured.draws)
    evidence, rng = measured.evidence, generator(seed, "dataset")
    scores, labels = np.array(evidence.scores), np.arange(evidence.suspect + evidence.held_out) < evidence.suspect
    tested = ~divide(labels, rng)
    outcome = permutation.two_sample(scores, labels[tested], rng, draws)
    low, high = _interval(scores, labels[tested], seed)
    return result(
        rule,
        measured,
        outcome,
        terms.alpha,
        statistic=("AUROC on the test half", ""),
        effect=Effect(name="AUROC on the test half", value=float(outcome.statistic), unit="", lower=low, upper=high),
        n=int(tested.sum()),
        statement=BEYOND * bool(evidence.controlled)
        + (
            f"On {int(tested.sum()):,} documents kept for the test, a suspect one scores above a held-out one in "
            f"{outcome.statistic:.1%} of pairs; {p_statement(outcome.p_value, alpha=terms.alpha)}"
        ),
    )


def divide(labels: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) flags of the documents to learn from: a random half of each side."""
    learned = np.zeros(len(labels), dtype=bool)
    for side in (True, False):
        members = rng.permutation(np.flatnonzero(labels == side))
        learned[members[: len(members) // 2]] = True
    return learned


def scored(
    values: NDArray[np.float64], labels: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The scores of the test half, learned on the other half, and flags of the documents in the test half."""
    learned = divide(labels, rng)
    centre, spread = values[learned].mean(axis=0), np.maximum(values[learned].std(axis=0), 1e-12)
    standard = (values - centre) / spread
    return standard[~learned] @ weights(standard[learned], labels[learned]), ~learned


def weights(values: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(k,) weights of a logistic regression with a ridge penalty, none negative.

    Every feature is oriented towards membership. With negative weights, held-out texts that the model knows better than the
    suspects would be a finding against the suspects.
    """
    from scipy.optimize import minimize

    sign = np.where(labels, 1.0, -1.0)
    balance = np.where(labels, 1 / labels.sum(), 1 / (~labels).sum()) / 2

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (values @ parameters[1:] + parameters[0])
        slope = -balance * sign * np.exp(-np.logaddexp(0, margin))
        value = balance @ np.logaddexp(0, -margin) + RIDGE * (parameters[1:] ** 2).sum()
        return float(value), np.concatenate([[slope.sum()], slope @ values + 2 * RIDGE * parameters[1:]])

    k = values.shape[1]
    optimum = minimize(loss, np.zeros(k + 1), jac=True, method="L-BFGS-B", bounds=[(None, None), *[(0, None)] * k])
    return np.asarray(optimum.x[1:], dtype=np.float64)


def _features(text: str, scores: TokenScores) -> NDArray[np.float64]:
    if not len(scores):
        raise InvalidInput("A text has no tokens that the model can score; remove texts of a single token.")
    return features(text[: int(scores.char_end[-1])], scores)


def _interval(scores: NDArray[np.float64], labels: NDArray[np.bool_], seed: str) -> tuple[float, float]:
    (interval,) = bootstrap([area], scores, labels, range(len(scores)), generator(seed, "dataset interval"), 1000)
    return interval.lower, interval.upper


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Units of a result: the documents of both sides in words, and their numbers."""
    evidence = result.evidence
    assert isinstance(evidence, TwoSample)
    return "documents, half of which trained the classifier", evidence.suspect, evidence.held_out


rule = MembershipTest[tuple[Collection, Collection], TwoSample](
    code="AUD314",
    name="dataset",
    title="Dataset inference",
    question="Do suspect documents score above held-out ones, on a half kept for the test?",
    null="The model treats suspect and held-out documents alike: it was trained on neither, or on both.",
    assumptions=(
        "Suspect and held-out documents are exchangeable but for the training: of one source and time, and divided at random. "
        f"{Gate.code} looks for what contradicts that in the texts, and cannot see all.",
        "Documents are independent of each other; texts of one document were kept together.",
    ),
    listed=("MembershipDataset", "Suspect documents score above held-out ones", MEANING),
    method="Dataset inference (Maini et al. 2024, arXiv 2406.06443), by label permutation over documents",
    claim="Was the suspect collection in the training data of {model}?",
    units=_units,
    condition="the two collections differ in nothing else",
    held_out=True,
    conditions=frozenset({"copies", "groups"}),
    measure=measure,
    derive=derive,
)
