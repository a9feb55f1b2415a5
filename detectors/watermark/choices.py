"""Tests of an endpoint's choices among a few words after meaningless contexts; shared by two rules without a key."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, Rule, Terms, affordable, decision, requires
from llm_audit.detectors.watermark.base import Numbers
from llm_audit.reports.format import p_statement
from llm_audit.results import Draws, Result, Statistic, Verdict
from llm_audit.results.watermark_evidence import ProbedChoices
from llm_audit.stats import row_exchange
from llm_audit.stats.permutation import Outcome

DRAWS = 9999

NATURAL = (
    "The digits that make the contexts do not move the model's choice by themselves, in the same way in every sentence: they "
    "are exchangeable within a sentence.",
    "Settings of the endpoint did not change while it was asked.",
)


def ranked(evidence: ProbedChoices) -> Outcome:
    """The rank of the statistic among those of tables with contexts permuted within each sentence."""
    table = _table(evidence)
    if evidence.statistic == "log_odds":
        share = (table + 1) / (table.sum(axis=-1, keepdims=True) + 2)
        cells, statistic = np.log(share / (1 - share)), row_exchange.common_shift
    else:
        cells = table / np.maximum(table.sum(axis=-1, keepdims=True), 1)
        statistic = _agreement
    return row_exchange.within_rows(cells, statistic, generator(evidence.seed, evidence.statistic), affordable(evidence.draws))


def outcome(evidence: ProbedChoices) -> Numbers:
    """The p-value and its floor."""
    result = ranked(evidence)
    return Numbers(math.log(result.p_value), math.log(result.p_floor))


def alike(evidence: ProbedChoices) -> bool:
    """Whether it is always the same word, which no exchange of contexts can tell from a mark."""
    return int((_table(evidence).sum(axis=(0, 1)) > 0).sum()) < 2


def rule_of(
    statistic: Literal["log_odds", "agreement"], *, code: str, name: str, title: str, question: str, null: str, method: str
) -> Rule[ProbedChoices, ProbedChoices]:
    """The rule that tests a table of choices by one of the statistics of `ranked`; the other arguments are those of `Rule`."""

    def measure(evidence: ProbedChoices) -> Measurement[ProbedChoices]:
        return Measurement(evidence.model_copy(update={"statistic": statistic}))

    def derive(measured: Measurement[ProbedChoices], terms: Terms) -> Result:
        return _result(rule, measured, terms)

    rule = Rule[ProbedChoices, ProbedChoices](
        code=code, name=name, title=title, question=question, null=null, assumptions=NATURAL, method=method,
        measure=measure, derive=derive,
    )  # fmt: skip
    return rule


def tested(rule: Rule[ProbedChoices, ProbedChoices], table: ProbedChoices, terms: Terms) -> Result:
    """The result of such a rule on a table of choices."""
    assert rule.measure is not None
    return rule.derive(rule.measure(table), terms)


def _result(rule: Rule[ProbedChoices, ProbedChoices], measured: Measurement[ProbedChoices], terms: Terms) -> Result:
    """The permutation p-value of the table's statistic, and whether the endpoint marks its words."""
    requires(measured, ProbedChoices)
    evidence = measured.evidence
    ranking = ranked(evidence)
    answers = int(_table(evidence).sum())
    verdict, clause = decision(ranking.p_value, ranking.p_floor, terms.alpha)
    if answers < evidence.unread:
        verdict, clause = Verdict.NOT_ASSESSABLE, "most answers hold none of the words, so that nothing is concluded"
    sentences, contexts = len(evidence.counts), len(evidence.counts[0])
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=(
            f"{answers:,} choices among {len(evidence.words)} words after {contexts} contexts in {sentences} sentences: "
            f"{ranking.exceeding:,} of {ranking.draws:,} exchanges of the contexts agree as well; "
            f"{p_statement(ranking.p_value, alpha=terms.alpha)}; {clause}."
        ),
        statistic=Statistic(name=evidence.statistic.replace("_", " "), value=ranking.statistic, unit=""),
        p_value=ranking.p_value,
        p_floor=ranking.p_floor,
        n=answers,
        draws=Draws(count=ranking.draws, exceeding=ranking.exceeding, seed=evidence.seed),
        evidence=evidence,
    )


def _table(evidence: ProbedChoices) -> NDArray[np.float64]:
    table = np.array(evidence.counts, dtype=np.float64)
    if table.ndim != 3 or table.shape[2] != len(evidence.words) or (table < 0).any():
        raise ValueError("the counts are no table of sentences, contexts and words")
    return table


def _agreement(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Agreement of sentences on the words after a context: sum over contexts and words of the squared sum of shares."""
    agreed: NDArray[np.float64] = (cells.sum(axis=-3) ** 2).sum(axis=(-2, -1))
    return agreed
