"""From the outcome of an exact test to a result, and from results to what is said of the collection.

Knows nothing about models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.results import (
    Coverage,
    Draws,
    Effect,
    Fact,
    Gate,
    Manifest,
    Membership,
    Report,
    Result,
    Statistic,
    Verdict,
)
from llm_audit.results.evidence import Derivation, Sign, Signs
from llm_audit.stats.combination import bonferroni
from llm_audit.stats.permutation import Outcome, bootstrap_mean

KEPT_DRAWS = 999
"""Draws whose statistic goes into the report, for the picture."""

GATE_LEVEL = 0.05
"""At which p the texts alone count as giving the answer away. Larger than alpha: here the danger is to see too little."""

LIMITS = (
    "A finding says that the null hypothesis stated beside the number fails. That the data was trained on is the likeliest "
    "reason only if the assumptions hold; each is stated, and whoever supplied the data answers for it.",
    "No finding is not evidence of absence: data seen once or a few times leaves no trace that any known test can find.",
    "The claim is about the collection as a whole. Which of its texts were seen remains open.",
    "Copies count as the data: a model that saw a quotation, a mirror or a near-duplicate of a text has seen that text.",
    "Every test, model and collection tried is a further chance to be wrong; state all that were tried.",
)


def result(
    outcome: Outcome,
    *,
    rule: str,
    name: str,
    null: str,
    statistic: tuple[str, str],
    effect: Effect | None,
    n: int,
    alpha: float,
    found: str,
    seed: str | None,
    assumptions: Sequence[str],
    method: str,
    evidence: Derivation,
) -> Result:
    """An exact test as a result, whose fields are explained there.

    `statistic` is name and unit, `n` counts independent units, `found` says what p counts as the beginning of a sentence, and
    `seed` is None if nothing was drawn.
    """
    verdict, then = decide(outcome.p_value, outcome.p_floor, alpha)
    return Result(
        rule=rule,
        name=name,
        subject="collection",
        null=null,
        verdict=verdict,
        reason=f"{found}: {then}.",
        statistic=Statistic(name=statistic[0], value=float(outcome.statistic), unit=statistic[1]),
        p_value=outcome.p_value,
        p_floor=outcome.p_floor,
        n=n,
        effect=effect,
        draws=Draws(
            count=outcome.draws,
            exceeding=outcome.exceeding,
            seed=seed,
            values=tuple(float(value) for value in np.asarray(outcome.null)[:KEPT_DRAWS]),
        ),
        evidence=evidence,
        assumptions=tuple(assumptions),
        method=method,
    )


def decide(p: float, floor: float, alpha: float) -> tuple[Verdict, str]:
    """The verdict of one exact test, and half a sentence that says so."""
    if p <= alpha:
        return Verdict.FINDING, f"at alpha {alpha:g} the null hypothesis is rejected"
    if floor > alpha:
        return Verdict.INCONCLUSIVE, f"no p-value below {floor:.2g} was possible, and {alpha:g} was asked for"
    return Verdict.PASS, f"at alpha {alpha:g} the null hypothesis is not rejected, which does not prove it"


def mean_interval(values: NDArray[np.float64], generator: np.random.Generator) -> tuple[float | None, float | None]:
    """The 95 % bootstrap interval of a mean of independent values; none for fewer than 10, of which it would miss too often."""
    return bootstrap_mean(values, generator) if len(values) >= 10 else (None, None)


def strongest(outcomes: Mapping[str, Outcome]) -> tuple[str, Outcome]:
    """The sign with the smallest p-value; p-value and floor are corrected for the number of signs (Bonferroni)."""
    name, outcome = min(outcomes.items(), key=lambda entry: entry[1].p_value)
    p = bonferroni([each.p_value for each in outcomes.values()])
    return name, outcome._replace(p_value=p, p_floor=min(1.0, outcome.p_floor * len(outcomes)))


def signs_of(outcomes: Mapping[str, Outcome]) -> Signs:
    """What a gate's p-value follows from: name -> outcome of each sign that it looked for."""
    return Signs(signs=tuple(Sign(name=name, exceeding=one.exceeding, draws=one.draws) for name, one in outcomes.items()))


def unit_means(values: ArrayLike, units: Sequence[str]) -> NDArray[np.float64]:
    """(k,) mean of the values of each independent unit, in order of first appearance."""
    number = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    member = np.array([number[unit] for unit in units], dtype=np.int64)
    return np.asarray(np.bincount(member, np.asarray(values, dtype=np.float64)) / np.bincount(member), dtype=np.float64)


def conclude(
    tests: Sequence[Result],
    *,
    deciding: str,
    claim: str,
    units: str,
    n_suspect: int,
    n_held_out: int,
    provenance: str,
    facts: Sequence[Fact],
    notes: Sequence[str],
    condition: str,
    unstated: str = "",
    gate: Gate | None = None,
) -> Membership:
    """What exact tests come to, given what the texts alone gave away (the results of rule AUD300 among them).

    `tests` come in the order to be shown, `deciding` is the rule that the verdict rests on, `units` says what the independent
    units are, `condition` what a finding rests on besides the number, and `unstated` what nobody has stated without which there
    is none. The other fields are explained at `Membership`.
    """
    (decided,) = (test for test in tests if test.rule == deciding)
    verdict, summary = concluded(decided, tests, gate, condition=condition, unstated=unstated)
    return Membership(
        verdict=verdict,
        summary=summary,
        claim=claim,
        unit="collection",
        n_suspect=n_suspect,
        n_held_out=n_held_out,
        provenance=provenance,
        gate=gate,
        tests=tuple(tests),
        facts=(Fact(name="Independent units", value=units), *facts),
        notes=tuple(notes),
    )


def concluded(
    decided: Result, tests: Sequence[Result], gate: Gate | None, *, condition: str, unstated: str
) -> tuple[Verdict, str]:
    """The verdict and its sentence, from the deciding result and what the texts alone gave away; see `conclude`."""
    given_away = [test.reason for test in tests if test.rule == "AUD300" and test.verdict is not Verdict.PASS]
    if gate and gate.outcome != "no_difference_found":
        given_away.append(gate.reason)
    verdict, summary = decided.verdict, decided.reason
    if given_away:
        verdict, summary = (
            Verdict.NOT_ASSESSABLE,
            f"Not assessable: {given_away[0]} {decided.rule} is shown, and decides nothing.",
        )
    elif verdict is Verdict.FINDING and unstated:
        verdict, summary = Verdict.INCONCLUSIVE, f"Undecided: {unstated} {summary}"
    elif verdict is Verdict.FINDING:
        summary = f"Evidence that the model was trained on this data, if {condition}. {summary}"
    elif verdict is Verdict.PASS:
        summary = f"No evidence that the model was trained on this data. {summary}"
    else:
        summary = f"Undecided. {summary}"
    return verdict, summary


def report(membership: Membership, manifest: Manifest, limits: Sequence[str], *, found: int, malformed: int) -> Report:
    """A membership as a report. `found` lines and files, of which `malformed` could not be read."""
    assessable = membership.verdict is not Verdict.NOT_ASSESSABLE
    judged = found - malformed
    return Report(
        question="Was this in the training data?",
        manifest=manifest,
        coverage=Coverage(
            found=found,
            scored=judged if assessable else 0,
            not_assessable=0 if assessable else judged,
            unreadable=malformed,
        ),
        documents=(),
        membership=membership,
        limits=tuple(limits),
    )
