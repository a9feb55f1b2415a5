"""Plan the number of requests for the wanted power, before money is spent.

From effects that were measured once (`effects.json`, by `benchmarks/substitution.py`) and the arithmetic of the tests.
Knows nothing about endpoints.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors.substitution import (
    border_inputs,
    border_tracking,
    border_watch,
    exceedance,
    log_odds,
    prompt_tokens,
    teacher_forced,
)
from llm_audit.detectors.substitution.prompts import FEWEST
from llm_audit.stats import border, homogeneity, online
from llm_audit.stats.exceedance import requests_needed

MOST = 2_000
"""Requests beyond which a plan is not worth its cost."""

AUDITS, MOST_SIMULATED = 400, 400
"""Simulated audits for each plan, and requests of each audit."""

DRAWS = 1999
"""Of each simulated test of border inputs."""

ODDS, ODDS_DRAWS, HONEST = 100, 600, 100
"""Simulated audits by logit bias, draws of each test, and prompts of the reference's own: an audit has more by default."""

WATCHES, WATCH_DRAWS = 100, 999
"""Simulated comparisons with a baseline of border inputs, and draws of each."""


@dataclass(frozen=True)
class Effect:
    """A substitution, as measured.

    Attributes:
        name: such as "q8".
        description: what was served, and on which model it was measured.
        ranks: (k,) for each request, the share of null distances that its own does not exceed, N + 1 in the denominator.
        border: (inputs, 4) probabilities of the two nearly tied tokens of each border input: the reference's, the substitute's.
        turning_points: (prompts, variants + 1) of the reference in each allowed precision, and of the substitute.
        watched: for each border input of a watch (2, texts) probabilities of its answers: the reference's, the substitute's.
    """

    name: str
    description: str
    ranks: NDArray[np.float64]
    border: NDArray[np.float64]
    turning_points: NDArray[np.float64]
    watched: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True)
class Plan:
    """Requests that a test needs for the wanted power, or that it always takes; None: more than `MOST`."""

    rule: str
    requests: int | None
    tokens: int | None
    note: str


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("llm_audit.detectors.substitution").joinpath("effects.json").read_text("utf-8"))
    return table


def effects() -> dict[str, Effect]:
    """The measured effects, by name."""
    return {
        name: Effect(
            name,
            str(entry["description"]),
            np.array(entry["ranks"], dtype=np.float64),
            np.array(entry["border"], dtype=np.float64),
            np.array(entry["turning_points"], dtype=np.float64),
            tuple(np.array(laws, dtype=np.float64) for laws in entry["watched"]),
        )
        for name, entry in _table()["effects"].items()
    }


def plan(effect: str, *, rate: float, alpha: float, power: float, tokens: int) -> list[Plan]:
    """Requests with which each test of distances finds an effect in a share `rate` of them, at alpha / 2, Holm's worst.

    The teacher-forced comparison is simulated: a substituted request has one of the measured ranks, any other a uniform rank,
    which real ones exceed. Exceedance is exact arithmetic for the share of measured ranks beyond every null distance. The
    counts of prompt tokens cost the same whatever is sought, and so do border inputs, whose power is simulated from the
    measured probabilities: in an audit at alpha / 6; over time, where they are the only test, at alpha; and so does
    logit bias, at alpha / 6.

    Raises:
        AuditError: an effect that was not measured.
    """
    known = effects()
    if effect not in known:
        raise InvalidConfiguration(f"There is no measured effect {effect!r}; there are {', '.join(known)}.")
    ranks, level, size = known[effect].ranks, alpha / 2, measured_size()
    first = _allowed(sequential_requests(ranks, rate, level, power, size))
    sensitivity = float(np.mean(ranks * (size + 1) < 1.5))
    second = _allowed(requests_needed(rate * sensitivity, size, level, power, most=MOST)) if sensitivity > 0 else None
    return [
        Plan(teacher_forced.rule.code, first, None if first is None else first * tokens, "can stop earlier, with --sequential"),
        Plan(
            exceedance.rule.code,
            second,
            None if second is None else second * tokens,
            f"{sensitivity:.0%} of single answers go beyond the honest range",
        ),
        Plan(
            prompt_tokens.rule.code,
            len(prompt_tokens.PROMPTS),
            len(prompt_tokens.PROMPTS) * tokens,
            "whatever the effect: it sees another tokenizer, no quantisation, and does not decide",
        ),
        Plan(
            border_inputs.rule.code,
            border_inputs.INPUTS * border_inputs.DRAWS,
            border_inputs.INPUTS * border_inputs.DRAWS,
            f"only where log-probabilities are hidden, whatever the effect: finds it in "
            f"{_border_power(known[effect].border, rate, alpha / 6):.0%} of audits",
        ),
        _watch(known[effect].watched, rate, alpha),
        Plan(
            log_odds.rule.code,
            log_odds.FORCED + log_odds.INPUTS * log_odds.STEPS,
            log_odds.FORCED + log_odds.INPUTS * log_odds.STEPS,
            f"only where log-probabilities are hidden and logit_bias is honoured, whatever the effect: finds it in "
            f"{_log_odds_power(known[effect].turning_points, rate, alpha / 6):.0%} of audits",
        ),
    ]


def _allowed(requests: int | None) -> int | None:
    """The requests, or as many as an audit asks at least."""
    return None if requests is None else max(requests, FEWEST)


def _watch(measured: Sequence[NDArray[np.float64]], rate: float, alpha: float) -> Plan:
    """The cost and the power of a comparison with a baseline of border inputs."""
    first = border_watch.TRIALS * len(border_watch.CANDIDATES) + border_watch.INPUTS * border_watch.KEPT
    later = border_watch.INPUTS * border_watch.DRAWS
    return Plan(
        border_tracking.rule.code,
        later,
        later,
        f"each run of watch --border-inputs, after a baseline of {first:,}: finds it in "
        f"{_watch_power(measured, rate, alpha):.0%} of runs; no model and no log-probabilities are needed",
    )


def _watch_power(measured: Sequence[NDArray[np.float64]], rate: float, alpha: float) -> float:
    """The share of simulated comparisons that show what now answers a share `rate` of the requests."""
    rng, p_values = np.random.default_rng(0), []
    for _ in range(WATCHES):
        before, after = [], []
        for claimed, substitute in measured:
            counts = [
                rng.multinomial(size, law / law.sum())
                for size, law in ((border_watch.KEPT, claimed), (border_watch.DRAWS, (1 - rate) * claimed + rate * substitute))
            ]
            before.append(counts[0])
            after.append(counts[1])
        p_values.append(homogeneity.changed(before, after, rng, WATCH_DRAWS).p_value)
    return float(np.mean(np.array(p_values) <= alpha))


def measured_size() -> int:
    """Null distances among which the effects' ranks were measured."""
    return int(_table()["honest"])


def _border_power(measured: NDArray[np.float64], rate: float, level: float) -> float:
    """The share of simulated audits in which border inputs reveal a model that answers a share `rate` of the requests."""
    rng = np.random.default_rng(0)
    claimed, substitute = measured[:, :2], measured[:, 2:]
    served = (1 - rate) * claimed + rate * substitute
    counts = rng.multinomial(border_inputs.DRAWS, np.column_stack([served, 1 - served.sum(axis=1)]), (AUDITS, len(served)))
    total = np.full(len(served), border_inputs.DRAWS)
    p_values = [
        border.compare(total, audit[:, 0], audit[:, 1], claimed[:, 0], claimed[:, 1], rng, DRAWS).p_value for audit in counts
    ]
    return float(np.mean(np.array(p_values) <= level))


def _log_odds_power(measured: NDArray[np.float64], rate: float, level: float) -> float:
    """The share of simulated audits in which log-odds reveal a model that answers under a share `rate` of the biases."""
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(ODDS):
        rows = measured[rng.integers(len(measured), size=log_odds.INPUTS)]
        honest = measured[rng.integers(len(measured), size=HONEST), :-1]

        def comes(_: int, biases: NDArray[np.float64], rows: NDArray[np.float64] = rows) -> NDArray[np.bool_]:
            return biases >= np.where(rng.random(len(rows)) < rate, rows[:, -1], rows[:, 0])

        bracket = log_odds.bisect(log_odds.centred(rows[:, 0]), comes)
        tested = [
            log_odds.compare(bracket, rows[:, :-1], honest, variant, rng, ODDS_DRAWS).p_value
            for variant in range(honest.shape[1])
        ]
        p_values.append(max(tested))
    return float(np.mean(np.array(p_values) <= level))


def sequential_requests(ranks: NDArray[np.float64], rate: float, level: float, power: float, size: int) -> int | None:
    """The number of requests by which a share `power` of simulated audits has rejected; None: more than `MOST_SIMULATED`.

    Args:
        ranks: measured of the substitute.
        rate: share of the requests that it answers.
        level: of the test.
        power: wanted.
        size: null distances of an audit.
    """
    rng = np.random.default_rng(0)
    stops = []
    for _ in range(AUDITS):
        values = np.sort(rng.random(size))
        # A measured rank says which share of null values was larger; below that share of these the request is put.
        drawn = np.where(rng.random(MOST_SIMULATED) < rate, rng.choice(ranks, MOST_SIMULATED), rng.random(MOST_SIMULATED))
        distances = np.quantile(values, 1 - drawn) + 1e-9 * rng.random(MOST_SIMULATED)
        path = online.wealth(online.ranks(distances, values, rng)).path
        over = np.flatnonzero(path >= -np.log(level))
        stops.append(int(over[0]) + 1 if len(over) else MOST_SIMULATED + 1)
    needed = int(np.quantile(stops, power, method="higher"))
    return None if needed > MOST_SIMULATED else needed
