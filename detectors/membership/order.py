"""Order of the rows: test whether a data set's canonical order is likelier than its shuffles.

If the rows are exchangeable, a model that has not seen them in this order finds no order likelier than another. Knows
nothing about files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership.base import MEANING
from llm_audit.detectors.membership.outcomes import BEYOND, draws_of, effect_of, mean_interval, rank_sum, ranked, result
from llm_audit.detectors.membership.target import LanguageModel
from llm_audit.detectors.rule import Measurement, MembershipTest, Terms, repeatable, requires
from llm_audit.reports.format import p_statement, p_value
from llm_audit.reports.wording.membership import ORDER_ALONE
from llm_audit.results import Conditions, Draws, Effect, Gate, Result, Statistic
from llm_audit.results.membership_evidence import Drawn, RankSum
from llm_audit.stats import permutation

SEPARATOR = "\n"

LEAST_IN_SHARD = 5
"""Fewest rows: of 5! = 120 orders few draws are the canonical one itself, which counts as a tie."""

SHARDED = "The shards are tested each within itself; under the null hypothesis their ranks are independent."
EFFECT = "canonical order over the mean shuffle"


def check(n_rows: int, draws: int, shards: int, alpha: float) -> None:
    """Refuse settings that cannot give a decision, before anything is scored.

    Raises:
        AuditError: too few rows or draws for p <= alpha, with the numbers needed.
    """
    needed = max(permutation.rows_needed(alpha), 3)
    if n_rows < needed:
        raise InvalidInput(f"The data set has {n_rows} rows; a p-value of {alpha:g} needs {needed} or more.")
    if n_rows < LEAST_IN_SHARD * shards > LEAST_IN_SHARD:
        raise InvalidConfiguration(
            f"{n_rows} rows do not make {shards} shards of {LEAST_IN_SHARD} rows or more; ask for at most "
            f"{n_rows // LEAST_IN_SHARD}."
        )
    if shards == 1 and draws < permutation.draws_needed(alpha):
        raise InvalidConfiguration(
            f"With {draws} shuffles no p-value is below {p_value(1 / (draws + 1), alpha)}; alpha {alpha:g} needs --draws "
            f"{permutation.draws_needed(alpha)} or more, or more --shards."
        )


def totals_of(target: LanguageModel, rows: Sequence[str], *, draws: int, shards: int, seed: str) -> NDArray[np.float64]:
    """(shards, 1 + draws) log-probability of the rows in their order, and of the shuffles that the seed draws."""
    rng = generator(seed, "order")
    parts = np.array_split(np.arange(len(rows)), shards)
    texts = []
    for before, part in zip([parts[0][:0], *parts], parts, strict=False):
        orders = [part, *(rng.permutation(part) for _ in range(draws))]
        texts += [SEPARATOR.join(rows[i] for i in (*before, *order)) for order in orders]
    return target.totals(texts).reshape(shards, draws + 1)


def preference(totals: NDArray[np.float64]) -> permutation.Outcome:
    """The outcome of the test for the totals of one model."""
    single = [permutation.monte_carlo(float(total[0]), total[1:]) for total in totals]
    if len(single) == 1:
        return single[0]
    return permutation.rank_sum([outcome.exceeding for outcome in single], [outcome.draws for outcome in single])


def measure(
    target: LanguageModel,
    rows: Sequence[str],
    *,
    draws: int,
    shards: int,
    seed: str,
    control: NDArray[np.float64] | None = None,
) -> Measurement[Drawn | RankSum]:
    """Measure the rank of the canonical order's log-probability among those of `draws` shuffles.

    One shard: T = log p(all rows); p = (1 + #{shuffles >= T}) / (1 + draws), exact (Oren et al. 2023, arXiv 2310.17623).
    Several: contiguous shards, each ranked among its own shuffles; the sum of ranks decides, exactly. A shard is read after
    the one before it, in canonical order: a model recalls what follows from what precedes. The ranks stay independent, for
    each is uniform given the order of all rows before its shard. Oren et al.'s t over shards is printed beside it with r - 1
    degrees of freedom and the sample standard deviation; their code divides by r, and reads each shard alone.

    Args:
        target: the model.
        rows: (n,) in canonical order, joined with line breaks.
        draws: shuffles per shard.
        shards: r.
        seed: of the shuffles.
        control: `totals_of` a model that cannot have seen the rows, to be subtracted from the target's. The test stays exact.
    """
    totals = totals_of(target, rows, draws=draws, shards=shards, seed=seed)
    if control is not None:
        totals = totals - control
    single = [permutation.monte_carlo(float(total[0]), total[1:]) for total in totals]
    if shards == 1:
        return Measurement(
            Drawn(effect="standardised", controlled=None if control is None else True),
            n=len(rows),
            statistic=Statistic(name="log-probability", value=single[0].statistic, unit="nats"),
            effect=_standardised(single[0]),
            draws=draws_of(single[0], seed),
        )
    gains = totals[:, 0] - totals[:, 1:].mean(axis=1)
    evidence = RankSum(
        exceeding=tuple(outcome.exceeding for outcome in single),
        draws=(draws,) * shards,
        gains=tuple(gains.tolist()),
        controlled=None if control is None else True,
        t=permutation.sharded_t(totals[:, 0], totals[:, 1:])[0],
    )
    return Measurement(evidence, n=len(rows), draws=Draws(count=draws * shards, exceeding=0, seed=seed))


def derive(measured: Measurement[Drawn | RankSum], terms: Terms) -> Result:
    """The test's result: the rank of the canonical order among the shuffles (`Drawn`), or the sum of its ranks in several
    shards (`RankSum`), as a p-value.
    """
    requires(measured, Drawn, RankSum)
    if isinstance(measured.evidence, RankSum):
        return _sharded(measured, measured.evidence, terms)
    outcome = ranked(measured)
    return result(
        rule,
        measured,
        outcome,
        terms.alpha,
        statistic=("log-probability", "nats"),
        effect=effect_of(measured, outcome, _standardised),
        n=measured.n,
        statement=BEYOND * bool(measured.evidence.controlled)
        + (
            f"{outcome.exceeding:,} of {outcome.draws:,} shuffles are at least as likely as the canonical order; "
            f"{p_statement(outcome.p_value, alpha=terms.alpha)}"
        ),
    )


def _sharded(measured: Measurement[Drawn | RankSum], evidence: RankSum, terms: Terms) -> Result:
    (outcome, gains), (_, seed) = rank_sum(evidence), repeatable(measured.draws)
    shards, statement = len(evidence.draws), None
    if evidence.t is not None:
        mean_rank = float(np.mean(evidence.exceeding) / evidence.draws[0])
        # Gains without any variation give t = 0, and nothing to measure it by.
        p = float(stdtr(shards - 1, -evidence.t)) if evidence.t else 1.0
        statement = BEYOND * bool(evidence.controlled) + (
            f"In {shards} shards, {mean_rank:.1%} of the shuffles on average are at least as likely as the canonical order (by "
            f"chance: 50 %); t = {evidence.t:.2f} with {shards - 1} degrees of freedom, {p_statement(p)}, by an approximation "
            f"that does not decide; {p_statement(outcome.p_value, alpha=terms.alpha)}"
        )
    low, high = mean_interval(gains, generator(seed, "order interval"))
    return result(
        rule,
        measured,
        outcome,
        terms.alpha,
        statistic=("mean share of shuffles beaten", ""),
        effect=Effect(name=EFFECT, value=float(gains.mean()), unit="nats per shard", lower=low, upper=high),
        n=measured.n,
        statement=statement,
        assumptions=(*rule.assumptions, SHARDED),
    )


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Units of a result: the rows in words, their number, and the number of other orders, in place of held-out texts."""
    return f"{result.n or 0:,} rows, whose order is what is tested", result.n or 0, 0


def _standardised(outcome: permutation.Outcome) -> Effect:
    return Effect(name=EFFECT, value=permutation.standardised(outcome), unit="standard deviations")


rule = MembershipTest[Sequence[str], Drawn | RankSum](
    code="AUD310",
    name="order",
    title="Order of the rows",
    question="Is a data set's canonical order more likely than shuffled ones?",
    null="The model was not trained on these rows in this order: it finds the canonical order no likelier than any other.",
    assumptions=(
        "Under the null hypothesis all orders of the rows are equally likely to have been the canonical one: the rows were not "
        f"sorted, grouped or written one after another. {Gate.code} looks for the signs of that in the texts, and cannot see "
        "all.",
        "Other copies of the data in another order would hide training on it; they do not make a false finding likelier.",
    ),
    listed=("MembershipOrder", "Data set's canonical order is preferred", MEANING),
    method="Exchangeability of a data set's order (Oren et al. 2023, arXiv 2310.17623), by ranks",
    claim="Was this data set, in this order, in the training data of {model}?",
    units=_units,
    alone=ORDER_ALONE,
    condition="all orders of the rows were equally likely to become the published one",
    unstated="Not stated: nobody says that chance decided the order (--provenance), nor shows by a model that cannot have seen "
    "the rows (--control) that it is not likelier anyway.",
    conditions=frozenset({"repeated", "endpoint"}),
    measure=measure,
    derive=derive,
)


def repeated(rows: Sequence[str]) -> int:
    """Number of rows that repeat an earlier one: shuffles that only exchange them are ties, which costs power."""
    return len(rows) - len(set(rows))
