"""The blind baseline: whether the texts alone, without the model, tell the sides apart, which makes any test uninformative.

For two collections a classifier decides it (`blind_classifier`). For an order and for versions, signs that need no model do:
each is ranked among the same rearrangements that the test of the model uses. Knows nothing about models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from llm_audit.common.errors import InvalidInput
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership.outcomes import draws_of, effect_of, ranked, result
from llm_audit.detectors.membership.running_on import english
from llm_audit.detectors.membership.signs import OF_ORDERS, REPEATING, RUNNING_ON, RUNNING_ON_LATER, STORY, WEIGHTS, repeats
from llm_audit.detectors.membership.version_signs import (
    OF_TEXTS,
    likeness,
    neighbouring_characters,
    neighbouring_words,
    telling,
    usual,
)
from llm_audit.detectors.rule import Measurement, NotDerivable, Rule, Terms, requires
from llm_audit.reports.format import p_statement
from llm_audit.reports.wording.membership import CONTROL_ALONE, ORDER_ALONE, VERSIONS_ALONE
from llm_audit.results import Effect, Gate, Result, Statistic
from llm_audit.results.membership_evidence import Sign, Signs
from llm_audit.stats import permutation

if TYPE_CHECKING:
    from llm_audit.detectors.membership.paired import Pair

LEVEL = 0.05
"""Level at which the texts alone count as telling the sides apart. Larger than alpha, since the danger is to miss it."""

DRAWS = 999
"""Number of orders drawn: a sixteenth of `LEVEL`, the share of most signs of an order, then corresponds to three of them."""

FEWEST = 8
"""Fewest distinct rows: with fewer, sorting would hardly ever be detected."""


HALF = ", half of the level for the last sign"
WEIGHTED = ", with weight 6 for the next rows, 2 for those some places on and 1 for every other sign"
"""Texts added to a result's method where `RUNNING_ON` was tested: alone of its kind, or beside `RUNNING_ON_LATER`."""


@dataclass(frozen=True)
class Kind:
    """One kind of blind test (of an order, of versions, of a control model), with its texts for reports.

    Attributes:
        title: name in reports.
        null: the hypothesis.
        unit: of the signs.
        signs: names of all signs that can be tested.
        sentence: of the result, where `name` is the strongest sign.
        method: text before the names of the signs.
        opening: beginning of the sentence.
    """

    title: str
    null: str
    unit: str
    signs: frozenset[str]
    sentence: str
    method: str
    opening: str = "Without any model"


def of_order(rows: Sequence[str], seed: str) -> Measurement[Signs]:
    """Measure the signs that rows were sorted or continue one another.

    Statistics of the order, each against the same shuffles. Two-sided: likeness of rows up to ten places apart, how often
    they begin and how often they end alike, and rank correlation of the place with length, alphabetical rank, the first
    number and a counter. One-sided: how well the beginning of a row goes on where the one before ends, or one up to
    six places before (`running_on`), how alike rows are as sentences of a story or of several, and, where rows repeat, whether
    they follow one another again.

    Raises:
        AuditError: too few different rows.
    """
    if len(set(rows)) < FEWEST:
        raise InvalidInput(f"{FEWEST} different rows are needed to see whether they were sorted; there are {len(set(rows))}.")
    rng, n = generator(seed, "order gate"), len(rows)
    orders = np.array([np.arange(n), *(rng.permutation(n) for _ in range(DRAWS))])
    measured = {name: statistic(rows, orders) for name, statistic in OF_ORDERS.items()}
    if len(set(rows)) < n:
        measured[REPEATING] = repeats(rows, orders)
    outcomes = {name: permutation.monte_carlo(values[0], values[1:]) for name, values in measured.items()}
    return _measured(outcomes, ORDER, n, seed)


def of_versions(pairs: Sequence[Pair], seed: str) -> Measurement[Signs]:
    """Measure the signs that tell public from private versions.

    The same permutation of versions, on quantities that need no model: length, digits, punctuation, capitals; how usual the
    order of words is in English, and judging by the other items, as the runs of characters are; and any word, character or
    beginning of a sentence that the public versions have in common.
    """
    rng, groups = generator(seed, "paired gate"), [pair.document for pair in pairs]
    outcomes = {}
    for name, of_text in OF_TEXTS.items():
        table = np.array([[of_text(text) for text in (pair.public, *pair.private)] for pair in pairs])
        for side, label in zip((1.0, -1.0), _both(name), strict=True):
            outcomes[label] = permutation.versions(side * table, rng, groups=groups)
    for label, parts in _USUAL.items():
        outcomes[label] = permutation.versions(usual(pairs, parts), rng, groups=groups)
    if pairs[0].private[1:]:
        outcomes[_CLOSEST] = permutation.versions(likeness(pairs), rng, groups=groups)
    table = np.array([[english(text) for text in (pair.public, *pair.private)] for pair in pairs])
    outcomes[_ENGLISH] = permutation.versions(table, rng, groups=groups)
    outcomes[_WORDS] = telling(pairs, rng)
    return _measured(outcomes, VERSIONS, len(set(groups)), seed)


def of_control(outcome: permutation.Outcome, n: int, seed: str) -> Measurement[Signs]:
    """Measure whether a control model, which cannot have seen the data, prefers it too: then the texts themselves differ."""
    return _measured({_PREFERENCE: outcome}, CONTROL, n, seed)


def _measured(outcomes: Mapping[str, permutation.Outcome], kind: Kind, n: int, seed: str) -> Measurement[Signs]:
    names = list(outcomes)
    name = names[_strongest([outcome.p_value for outcome in outcomes.values()], _shares(names))]
    strongest = outcomes[name]
    return Measurement(
        Signs(
            signs=tuple(Sign(name=name, exceeding=outcome.exceeding, draws=outcome.draws) for name, outcome in outcomes.items())
        ),
        n=n,
        statistic=Statistic(name=name, value=strongest.statistic, unit=_unit(name, kind)),
        effect=_effect(name, strongest),
        draws=draws_of(strongest, seed),
    )


def derive(measured: Measurement[Signs], terms: Terms) -> Result:
    """The result: the strongest sign, by weighted Bonferroni over all signs tested, at a level of its own.

    The level is divided by `signs.WEIGHTS`, among the signs that were tested: those of early reports are fewer.

    Raises:
        ValueError: counts that no draws give.
    """
    requires(measured, Signs)
    signs = measured.evidence.signs
    names = [sign.name for sign in signs]
    kind = next((kind for kind in (ORDER, VERSIONS, CONTROL) if kind.signs.issuperset(names)), None)
    if kind is None or not signs:
        raise NotDerivable("it looked for signs that this version does not know")
    if len(set(names)) < len(names) or any(sign.exceeding > sign.draws for sign in signs):
        raise ValueError("a sign is counted twice, or has more draws than were made")
    if kind is ORDER and len({sign.draws for sign in signs}) > 1:
        raise ValueError("the signs of one order are not among the same draws")
    shares = _shares(names)
    p_values = [(1 + sign.exceeding) / (1 + sign.draws) for sign in signs]
    place = _strongest(p_values, shares)
    strongest = signs[place]
    outcome = ranked(measured)
    effect = effect_of(measured, outcome, partial(_effect, strongest.name))
    outcome = outcome._replace(
        p_value=min(1.0, p_values[place] * shares[place]),
        p_floor=min(1.0, min(shares) / (1 + strongest.draws)),
        draws=strongest.draws,
        exceeding=strongest.exceeding,
    )
    return result(
        rule,
        measured,
        outcome,
        LEVEL,
        statistic=(strongest.name, _unit(strongest.name, kind)),
        effect=effect,
        n=measured.n,
        statement=(
            f"{kind.opening}, {kind.sentence.format(name=strongest.name)}, {p_statement(outcome.p_value, alpha=LEVEL)} over "
            f"{len(signs)} signs"
        ),
        name=kind.title,
        null=kind.null,
        method=f"{kind.method}; signs: {', '.join(names)}; Bonferroni"
        + (WEIGHTED if RUNNING_ON_LATER in names else HALF * (RUNNING_ON in names)),
    )


def _shares(names: Sequence[str]) -> list[float]:
    """Factor for the p-value of each sign: 1 over its share of the level; the shares add up to 1."""
    total = sum(WEIGHTS.get(name, 1) for name in names)
    return [total / WEIGHTS.get(name, 1) for name in names]


def _strongest(p_values: Sequence[float], shares: Sequence[float]) -> int:
    """Index of the sign with the smallest corrected p-value; where none is below 1, with the smallest uncorrected one."""
    return min(range(len(shares)), key=lambda place: (min(1.0, p_values[place] * shares[place]), p_values[place]))


def _unit(sign: str, kind: Kind) -> str:
    if sign in (RUNNING_ON_LATER, STORY):
        return "standard deviations"
    return "nats per join" if sign == RUNNING_ON else kind.unit


def _effect(name: str, outcome: permutation.Outcome) -> Effect:
    return Effect(name=name, value=permutation.standardised(outcome), unit="standard deviations")


_WORDS, _ENGLISH = "words of public versions", "more usual English in public versions"
_CLOSEST = "likeness of public versions to the others"
_USUAL = {
    "more usual order of words in public versions": neighbouring_words,
    "more usual characters in public versions": neighbouring_characters,
}
"""Sign -> the parts of a text that are more usual in public versions, judging by the other items."""


def _both(name: str) -> tuple[str, str]:
    return f"more {name} in public versions", f"less {name} in public versions"


ORDER = Kind(
    title=ORDER_ALONE,
    null="The order of the rows has nothing to do with what they say.",
    unit="correlation",
    signs=frozenset([*OF_ORDERS, REPEATING]),
    sentence="the strongest sign of an order is {name}",
    method="Permutation of the rows",
)

VERSIONS = Kind(
    title=VERSIONS_ALONE,
    null="Public and private versions do not differ in what can be seen without a model.",
    unit="mean difference",
    signs=frozenset([_WORDS, _ENGLISH, _CLOSEST, *_USUAL, *(sign for name in OF_TEXTS for sign in _both(name))]),
    sentence="{name} is the strongest difference",
    method="Permutation of versions",
)

_PREFERENCE = "preference of the control model"

CONTROL = Kind(
    title=CONTROL_ALONE,
    null="A model that cannot have seen the data has no preference for it.",
    unit="as of the test",
    signs=frozenset([_PREFERENCE]),
    sentence="what was published is likelier, too ({name})",
    method="The test itself, of a model that cannot have seen the data",
    opening="To a model that cannot have seen it",
)

rule = Rule[Sequence[str], Signs](
    code=Gate.code,
    name="blind-baseline",
    title="Texts without the model",
    listed=(
        "ShiftedCollections",
        "Collections differ without any model",
        "Null hypothesis: suspect and held-out texts are exchangeable. If they are not, no score tells members apart.",
    ),
    question="Can suspect and held-out texts be told apart without any model?",
    null="The side of a document, the place of a row, the choice of a version have nothing to do with the texts.",
    method="Blind baselines (Das et al. 2024; Meeus et al. 2025), of exact size; no feature is chosen by hand or on test data",
    derive=derive,
)
