"""Is a data set's canonical order more likely than its shuffles? AUD310, and what the texts alone say about their order.

If the rows are exchangeable, a model that has not seen them in this order finds no order likelier than another. Knows
nothing about files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.evidence import GATE_LEVEL, mean_interval, result, signs_of, strongest
from llm_audit.detectors.membership.target import Target
from llm_audit.errors import AuditError
from llm_audit.results import Effect, Result
from llm_audit.results.evidence import Derivation, Drawn, RankSum
from llm_audit.seeds import generator
from llm_audit.stats import permutation

RULE = "AUD310"
GATE_DRAWS = 499
SEPARATOR = "\n"
LAGS, LEAST_FOR_GATE = 10, 8
"""Places between rows that the gate compares; different rows below which it would hardly ever see that they were sorted."""

LEAST_IN_SHARD = 5
"""Rows: of 5! = 120 orders few draws are the canonical one itself, which counts as a tie."""

ASSUMPTIONS = (
    "Under the null hypothesis all orders of the rows are equally likely to have been the canonical one: the rows were not "
    "sorted, grouped or written one after another. AUD300 looks for the signs of that in the texts, and cannot see all.",
    "Other copies of the data in another order would hide training on it; they do not make a false finding likelier.",
)
SHARDED = "The shards are tested each within itself; under the null hypothesis their ranks are independent."


def check(n_rows: int, draws: int, shards: int, alpha: float) -> None:
    """Refuse what cannot come to a decision, before anything is scored.

    Raises:
        AuditError: too few rows or draws for p <= alpha, with the numbers needed.
    """
    needed = max(permutation.rows_needed(alpha), 3)
    if n_rows < needed:
        raise AuditError(f"The data set has {n_rows} rows; a p-value of {alpha:g} needs {needed} or more.")
    if n_rows < LEAST_IN_SHARD * shards > LEAST_IN_SHARD:
        raise AuditError(
            f"{n_rows} rows do not make {shards} shards of {LEAST_IN_SHARD} rows or more; ask for at most "
            f"{n_rows // LEAST_IN_SHARD}."
        )
    if shards == 1 and draws < permutation.draws_needed(alpha):
        raise AuditError(
            f"With {draws} shuffles no p-value is below {1 / (draws + 1):.2g}; alpha {alpha:g} needs --draws "
            f"{permutation.draws_needed(alpha)} or more, or more --shards."
        )


def judge(target: Target, rows: Sequence[str], *, draws: int, shards: int, alpha: float, seed: str) -> Result:
    """Compare the log-probability of the rows in their order with that of `draws` shuffles.

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
        alpha: of the decision.
        seed: of the shuffles.
    """
    check(len(rows), draws, shards, alpha)
    rng = generator(seed, "order")
    parts = np.array_split(np.arange(len(rows)), shards)
    texts = []
    for before, part in zip([parts[0][:0], *parts], parts, strict=False):
        orders = [part, *(rng.permutation(part) for _ in range(draws))]
        texts += [SEPARATOR.join(rows[i] for i in (*before, *order)) for order in orders]
    totals = target.totals(texts).reshape(shards, draws + 1)
    single = [permutation.monte_carlo(float(total[0]), total[1:]) for total in totals]
    gain = totals[:, 0] - totals[:, 1:].mean(axis=1)
    evidence: Derivation = Drawn(effect="standardised")
    if shards == 1:
        outcome = single[0]
        found = f"{outcome.exceeding:,} of {draws:,} shuffles are at least as likely as the canonical order"
        said = ("log-probability", "nats")
        effect = Effect(
            name="canonical order over the mean shuffle", value=permutation.standardised(outcome), unit="standard deviations"
        )
    else:
        outcome = permutation.rank_sum([each.exceeding for each in single], [draws] * shards)
        evidence = RankSum(
            exceeding=tuple(each.exceeding for each in single), draws=(draws,) * shards, gains=tuple(gain.tolist())
        )
        t, df, p = permutation.sharded_t(totals[:, 0], totals[:, 1:])
        mean_rank = float(np.mean([each.exceeding for each in single]) / draws)
        found = (
            f"In {shards} shards, {mean_rank:.1%} of the shuffles on average are at least as likely as the canonical order (by "
            f"chance: 50 %); t = {t:.2f} with {df} degrees of freedom, p = {p:.2g}, by an approximation that does not decide"
        )
        said = ("mean share of shuffles beaten", "")
        low, high = mean_interval(gain, generator(seed, "order interval"))
        effect = Effect(
            name="canonical order over the mean shuffle", value=float(gain.mean()), unit="nats per shard", lower=low, upper=high
        )
    return result(
        outcome,
        rule=RULE,
        name="Order of the rows",
        null="The model was not trained on these rows in this order: it finds the canonical order no likelier than any other.",
        statistic=said,
        effect=effect,
        n=len(rows),
        alpha=alpha,
        found=f"{found}; p = {outcome.p_value:.2g}",
        seed=seed,
        assumptions=(*ASSUMPTIONS, *([SHARDED] if shards > 1 else [])),
        method="Exchangeability of a data set's order (Oren et al. 2023, arXiv 2310.17623), by ranks",
        evidence=evidence,
    )


def gate(rows: Sequence[str], seed: str) -> Result:
    """AUD300 for an order: whether the texts alone show that they were sorted or follow one another.

    Statistics of the order, each against the same shuffles and two-sided: likeness of rows up to ten places apart, how often
    they begin and how often they end alike, and rank correlation of the place with length, alphabetical rank and the first
    number. Bonferroni over them.
    """
    if len(set(rows)) < LEAST_FOR_GATE:
        raise AuditError(
            f"{LEAST_FOR_GATE} different rows are needed to see whether they were sorted; there are {len(set(rows))}."
        )
    rng, n = generator(seed, "order gate"), len(rows)
    orders = np.array([np.arange(n), *(rng.permutation(n) for _ in range(GATE_DRAWS))])
    measured = {name: statistic(rows, orders) for name, statistic in _OF_AN_ORDER.items()}
    outcomes = {name: permutation.monte_carlo(values[0], values[1:]) for name, values in measured.items()}
    name, outcome = strongest(outcomes)
    return result(
        outcome,
        rule="AUD300",
        name="Order of the texts alone",
        null="The order of the rows has nothing to do with what they say.",
        statistic=(name, "correlation"),
        effect=Effect(name=name, value=permutation.standardised(outcome), unit="standard deviations"),
        n=n,
        alpha=GATE_LEVEL,
        found=(
            f"Without any model, the strongest sign of an order is {name}, p = {outcome.p_value:.2g} over {len(outcomes)} signs"
        ),
        seed=seed,
        assumptions=(),
        method=f"Permutation of the rows; signs: {', '.join(outcomes)}; Bonferroni",
        evidence=signs_of(outcomes),
    )


def _neighbours(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) how far the mean cosine of the word sets of rows some places apart is from usual."""
    from scipy import sparse

    vocabulary: dict[str, int] = {}
    sets = [{vocabulary.setdefault(word, len(vocabulary)) for word in re.findall(r"\w+", row.lower())} for row in rows]
    counts = np.array([len(each) for each in sets])
    columns = np.array([word for each in sets for word in sorted(each)], dtype=np.int64)
    # Rare words tie neighbours together, common ones every row with every other.
    weight = np.log((1 + len(rows)) / (1 + np.bincount(columns, minlength=len(vocabulary)))) if len(columns) else np.zeros(0)
    matrix = sparse.csr_array(
        (weight[columns], columns, np.concatenate([[0], np.cumsum(counts)])), shape=(len(rows), max(len(vocabulary), 1))
    )
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel()
    scaled = sparse.csr_array(sparse.diags_array(1 / np.maximum(norm, 1e-12)) @ matrix)
    return _unusual(np.asarray((scaled @ scaled.T).todense()), orders)


def _unusual(alike: NDArray[np.float64], orders: NDArray[np.int64]) -> NDArray[np.float64]:
    """(orders,) over the lags up to `LAGS`: the largest distance of the mean of alike[a, b] at that lag from its usual value.

    In standard deviations over the orders: alternating rows are unlike their neighbours, and like the next but one.
    """
    largest = np.zeros(len(orders))
    for lag in range(1, min(LAGS, orders.shape[1] - 2) + 1):
        mean = alike[orders[:, :-lag], orders[:, lag:]].mean(axis=1)
        largest = np.maximum(largest, np.abs(mean - mean.mean()) / max(mean.std(), 1e-12))
    return largest


def _same(word: int) -> Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float64]]:
    """(orders,) how far from usual it is, how often rows some places apart have the same first (0) or last (-1) word."""

    def statistic(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
        words = np.array([(row.lower().split() or [""])[word] for row in rows])
        return _unusual((words[:, None] == words[None, :]).astype(np.float64), orders)

    return statistic


def _place(
    values: Callable[[Sequence[str]], Sequence[float]],
) -> Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float64]]:
    """(orders,) |Spearman correlation| of a row's place with some value of it."""

    def statistic(rows: Sequence[str], orders: NDArray[np.int64]) -> NDArray[np.float64]:
        from scipy.stats import rankdata

        ranks = rankdata(values(rows)) - (len(rows) + 1) / 2
        place = np.arange(len(rows)) - (len(rows) - 1) / 2
        scale = np.sqrt((ranks**2).sum() * (place**2).sum())
        return np.asarray(np.abs(ranks[orders] @ place) / max(scale, 1e-12), dtype=np.float64)

    return statistic


def _alphabetical(rows: Sequence[str]) -> list[float]:
    place = {row: float(rank) for rank, row in enumerate(sorted(set(rows)))}
    return [place[row] for row in rows]


def _first_number(rows: Sequence[str]) -> list[float]:
    found = [re.search(r"\d+", row) for row in rows]
    return [float(match[0][:15]) if match else -1.0 for match in found]


_OF_AN_ORDER: dict[str, Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float64]]] = {
    "likeness of rows near each other": _neighbours,
    "beginnings of rows near each other": _same(0),
    "endings of rows near each other": _same(-1),
    "place and length": _place(lambda rows: [float(len(row)) for row in rows]),
    "place and alphabet": _place(_alphabetical),
    "place and first number": _place(_first_number),
}


def repeated(rows: Sequence[str]) -> int:
    """Rows that occur earlier already: shuffles that only exchange them are ties, which costs power."""
    return len(rows) - len(set(rows))
