"""The rule of tracking: whether an endpoint's next-token probabilities have changed between two occasions.

Change is not identity: it does not say which of the two states is the promised one. Pure: no endpoint.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.rule import Measurement, Terms, decision, repeatable, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.reports.format import p_statement
from llm_audit.results import Draws, Effect, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import Change
from llm_audit.stats import tracking

DRAWS = 9999

SMALLEST = 0.05
"""Nats per token below which a change is what another replica, batch or precision can do: rounding the logits of SmolLM2 to
bfloat16 moved its log-probabilities by 0.04."""


Floats = NDArray[np.float64]
Occasion = Literal["before", "after"]


def measure(rows: Floats, before: int, seed: str) -> Measurement[Change]:
    """The measurement of the rows (n, tokens) of both occasions, the first `before` of the first; see `tracking.table`."""
    evidence = Change(before=before, rows=tuple(map(tuple, rows.tolist())), binary=_binary(rows, before))
    return Measurement(evidence, draws=Draws(count=DRAWS, exceeding=0, seed=seed))


def _binary(rows: Floats, before: int) -> Occasion | None:
    """The occasion whose rows are to base 2: read as nats they moved by `SMALLEST` or more, and converted by less.

    Another model, or another temperature, does not divide all log-probabilities by one number: their normaliser moves, too.
    """
    occasions: tuple[Occasion, ...] = ("before", "after")
    if _moved(rows, before) < SMALLEST:
        return None
    return next((name for name in occasions if _moved(_in_nats(rows, before, name), before) < SMALLEST), None)


def _moved(rows: Floats, before: int) -> float:
    """Mean absolute change of the mean log-probabilities, nats a token."""
    return float(np.abs(rows[:before].mean(axis=0) - rows[before:].mean(axis=0)).mean())


def _in_nats(rows: Floats, before: int, binary: Occasion | None) -> Floats:
    """The rows with those of one occasion converted from base 2."""
    factors = {"before": (np.log(2), 1.0), "after": (1.0, np.log(2)), None: (1.0, 1.0)}[binary]
    return np.asarray(rows * np.where(np.arange(len(rows)) < before, *factors)[:, None], dtype=np.float64)


_BINARY = {
    None: "",
    "before": "The log-probabilities of the baseline are to base 2, and were converted to nats. ",
    "after": "The log-probabilities of now are to base 2, and were converted to nats. ",
}


def derive(measured: Measurement[Change], terms: Terms) -> Result:
    """The mean absolute change of the log-probabilities among divisions of the rows, drawn from the seed."""
    requires(measured, Change)
    evidence, (_, seed) = measured.evidence, repeatable(measured.draws)
    rows = _in_nats(np.array(evidence.rows), evidence.before, evidence.binary)
    outcome = tracking.moved(rows, evidence.before, np.random.default_rng(int(seed, 16)), DRAWS)
    verdict, then = decision(outcome.p_value, outcome.p_floor, terms.alpha)
    if verdict is Verdict.FINDING and outcome.statistic < SMALLEST:
        verdict, then = Verdict.PASS, f"it moved, by less than {SMALLEST} nats, as another replica or batch of the same can do"
    moved = f"{_BINARY[evidence.binary]}Mean log-probabilities moved by {outcome.statistic:.3g} nats a token"
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=f"{moved}; {p_statement(outcome.p_value, alpha=terms.alpha)}: {then}.",
        statistic=Statistic(name="mean absolute change", value=float(outcome.statistic), unit="nats per token"),
        p_value=outcome.p_value,
        p_floor=outcome.p_floor,
        effect=Effect(name="mean absolute change", value=float(outcome.statistic), unit="nats per token"),
        n=len(rows),
        draws=Draws(count=outcome.draws, exceeding=outcome.exceeding, seed=seed),
        evidence=evidence,
    )


rule = SubstitutionRule[Floats, Change](
    code="AUD405",
    name="tracking",
    title="Log-probability tracking",
    question="Has the endpoint changed since a stored baseline?",
    null="The endpoint's next-token probabilities are as they were.",
    assumptions=("Rows of both times are exchangeable under the null hypothesis: spread over time, not of one minute.",),
    method="LT (arXiv 2512.03816): left-censored means, permutation of rows with p = (1 + b)/(1 + B)",
    alternatives=True,
    joint=False,
    measure=measure,
    derive=derive,
)
