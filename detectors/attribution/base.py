"""The base class of attribution rules, which have an exact test of "sampled from this very model".

A rule has one file: `measure` turns the scores of a text into evidence, `outcome` turns evidence into a p-value at a level, and
`derive` makes the result. Where the prompt is unknown, the same statistics are ranked among reference generations instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from llm_audit.detectors.announced import Announcement
from llm_audit.detectors.plugins import guarded
from llm_audit.detectors.rank import population_of, statistic
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.reports.wording.attribution import AS_DRAWN
from llm_audit.results import Population, Result, Statistic, decide
from llm_audit.results.evidence import Conformal
from llm_audit.stats.alignment import CAP, ESCAPE
from llm_audit.stats.conformal import smallest_p_value

LARGEST = 690.0
"""Largest logarithm of an e-value that is written as a number: float64 ends at e^709."""

NULL = "The candidate wrote the text: every token was drawn from it, after this prompt and with these settings."
KNOWN = "The candidate read exactly this prompt, in its chat template where it has one, before it wrote the text."
SETTINGS = "Its tokens were drawn with exactly these settings."
SOME_SETTINGS = "Its tokens were drawn with one of these settings; each is tested, and the least refuted one counts."
ASSUMPTIONS = (KNOWN, SETTINGS, AS_DRAWN)
"""Assumptions of every exact test with a known prompt."""

OTHER_TOKENS = (
    f"Not exact: rivals with another tokenizer are compared word by word, each word's ratio capped at {CAP:g}; this allows for "
    f"{ESCAPE:.0%} of the words being put together from other tokens than the canonical ones."
)

EXCHANGEABLE = (
    "The prompt is unknown, so nothing here is exact: under the null the text is exchangeable with the reference generations, "
    "that is, with texts that the candidate wrote for prompts like theirs. They are cut to its length: most of them go on for "
    "longer, and texts that end by themselves may be of other kinds."
)


class Outcome(NamedTuple):
    """The outcome of an exact test at a level.

    Attributes:
        p_value: of the test.
        log_e: logarithm of the e-value; None for tests that have none.
        statistic: in the rule's unit.
        robust: false if the test refutes at the level and would not do so without its strongest token.
    """

    p_value: float
    log_e: float | None
    statistic: float
    robust: bool = True


@dataclass(frozen=True, kw_only=True)
class CandidateRule(StatisticRule):
    """A statistic with an exact test of "sampled from this model, with this context and these settings".

    `measure` takes (scores, terms, vocabulary): the scores of the whole text, the terms of the decision, and how many tokens
    the model can choose from.

    Attributes:
        outcome: pure function from evidence and the level of one test to its `Outcome`.
        approximate: whether the p-value is only approximate, so that no verdict rests on it.
        needs_rivals: whether it compares with the column `rivals`, and says nothing without it.
    """

    null: str = NULL
    assumptions: tuple[str, ...] = ASSUMPTIONS
    measure: Callable[[Any, Terms, int], Measurement[Any]]
    outcome: Callable[[Any, float], Outcome]
    approximate: bool = False
    needs_rivals: bool = False

    def adopted(self, plugin: Announcement) -> Self:
        """The rule of a plugin, wrapped so that errors name the plugin."""
        return replace(
            super().adopted(plugin),
            measure=guarded(self.measure, plugin),
            derive=guarded(self.derive, plugin),
            outcome=guarded(self.outcome, plugin),
        )


Reason = Callable[[Any, Measurement[Any], Terms], str | None]
"""Function from evidence, measurement and terms to a sentence with the numbers that a reader needs beside the p-value, or None
if the evidence, stored by an early version, lacks them."""


def candidate_rule(reason: Reason, **fields: Any) -> CandidateRule:
    """The attribution rule with these fields, whose results have the sentences that `reason` makes."""

    def derive(measured: Measurement[Any], terms: Terms) -> Result:
        return _derived(rule, measured, terms, reason)

    rule = CandidateRule(derive=derive, **fields)
    return rule


def without_strongest(token: int, log_e: float) -> str:
    """The end of the sentence on an e-process that refutes by a single token, without which it has this logarithm."""
    return (
        f" Without token {token} it is e^{log_e:.2f}: that points to another tokeniser, another precision or an edit at this "
        "place rather than to another writer."
    )


def _derived(rule: CandidateRule, measured: Measurement[Any], terms: Terms, reason: Reason) -> Result:
    """The result of an attribution rule: of its exact test, or of a rank among reference generations.

    The null hypothesis and assumptions of an exact test name the candidate and its settings; they are taken from the
    measurement of a stored result, and `conclude` writes them anew.
    """
    if isinstance(measured.evidence, Conformal):
        return _among_generations(rule, measured, terms)
    if measured.evidence is None:
        raise NotDerivable("the report stores nothing that the p-value follows from")
    outcome = rule.outcome(measured.evidence, terms.level)
    sentence = reason(measured.evidence, measured, terms)
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="document",
        null=measured.null or rule.null,
        verdict=decide(outcome.p_value, 0.0, terms.alpha),
        reason=(measured.reason or "") if sentence is None else sentence,
        statistic=Statistic(name=rule.name, value=float(np.clip(outcome.statistic, -1e300, 1e300)), unit=rule.unit),
        p_value=outcome.p_value,
        e_value=None if outcome.log_e is None else e_value(outcome.log_e),
        n=measured.n,
        evidence=measured.evidence,
        assumptions=measured.assumptions or rule.assumptions,
        method=rule.method,
    )


def _among_generations(rule: CandidateRule, measured: Measurement[Any], terms: Terms) -> Result:
    evidence, reference = population_of(measured, terms)
    p, n, stretch, _ = reference.judge(evidence, evidence.parts[0])
    sheet = reference.datasheet
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="document",
        null=f"The text was written like the reference generations {sheet.name}.",
        verdict=decide(p, smallest_p_value(n), terms.alpha),
        reason=f"Of {n:,} reference generations {round(p * (n + 1)) - 1:,} lie at least as far out.",
        statistic=statistic(rule, measured, evidence.parts[0].statistics[0], rule.unit),
        p_value=p,
        p_floor=smallest_p_value(n),
        n=stretch.stop,
        population=Population(
            name=sheet.name,
            description=sheet.description,
            n=n,
            length_bin=f"first {stretch.stop} tokens",
            digest=reference.digest,
        ),
        evidence=evidence,
        assumptions=(EXCHANGEABLE,),
        method=rule.method,
    )


def e_value(log_e: float) -> float:
    """The e-value for its logarithm, capped at the largest number that is written."""
    return math.exp(min(log_e, LARGEST))


def is_robust(peak: float, without: float, level: float) -> bool:
    """Whether an e-process that refutes at a level still does so without its strongest token; `peak`, `without`: logarithms."""
    return peak < -math.log(level) or without >= -math.log(level)


def level_of(tests: int | None, terms: Terms) -> float:
    """The level of one of `tests` tests of a candidate; None: the level of one test of the run."""
    return terms.alpha / tests if tests else terms.level
