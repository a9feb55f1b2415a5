"""Log-odds by logit bias: the bias at which an endpoint's greedy first token turns is a difference of two of its logits.

One token of text a request is enough, where the endpoint honours `logit_bias`. The technique is that by which logits are
read from APIs (Morris et al., arXiv 2311.13647; Carlini et al., arXiv 2403.06634); the test against a reference is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.common.progress import Progress, part, silent
from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.reference import LOCAL, Favoured
from llm_audit.endpoints.records import Ask, Reply, Source, Surface
from llm_audit.results import Effect, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import LogOdds, TurningPoint
from llm_audit.stats.permutation import Outcome, monte_carlo

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

INPUTS = 40
"""Prompts to the endpoint, each with a bisection of its own."""

AROUND, STEPS = 0.5, 7
"""Nats around the reference's turning point in which the endpoint's is looked for, and bisections: to .0078 nats."""

FORCED, FORCE = 5, 50.0
"""Requests that show first whether the bias is honoured, and their bias in nats."""

FEWEST = 10
"""Prompts, of the endpoint and of the reference, without which nothing is said."""

MOST_POINTS = 2_000
"""Turning points that are compared again, or a forged number would keep somebody waiting."""

_NAME = "log-odds "


class Bracket(NamedTuple):
    """The biases (n,) between which a first token turns: at the lower ones it is not the favoured token, at the upper it is."""

    lower: Floats
    upper: Floats


def bisect(centres: ArrayLike, favoured: Callable[[int, Floats], Flags]) -> Bracket:
    """The brackets that bisection finds, `AROUND` each centre.

    Args:
        centres: (n,) nats.
        favoured: step from 1, (n,) biases -> (n,) whether the favoured token comes under each.
    """
    around = np.asarray(centres, dtype=np.float64)
    lower, upper = around - AROUND, around + AROUND
    for step in range(1, STEPS + 1):
        middle = (lower + upper) / 2
        comes = favoured(step, middle)
        lower, upper = np.where(comes, lower, middle), np.where(comes, middle, upper)
    return Bracket(lower, upper)


def centred(turning_points: ArrayLike) -> Floats:
    """Centres of bisections: rounded, so that the questions of an audit can be repeated on a machine whose last bits differ."""
    rounded: Floats = np.asarray(turning_points, dtype=np.float64).round(2)
    return rounded


def gaps(bracket: Bracket, turning_points: ArrayLike) -> Floats:
    """(n,) nats by which the brackets miss turning points; 0: they hold them."""
    points = np.asarray(turning_points, dtype=np.float64)
    return np.maximum(0.0, np.maximum(bracket.lower - points, points - bracket.upper))


def honest_gaps(turning_points: Floats, variant: int) -> Floats:
    """(N,) gaps of the farthest other variant from this one, bisected as an endpoint is.

    Args:
        turning_points: (N, variants) of the reference; bisections are centred at the first.
        variant: the number of this one.
    """
    centres = centred(turning_points[:, 0])

    def bracket(served: Floats) -> Bracket:
        return bisect(centres, lambda _, biases: biases >= served)

    others = [gaps(bracket(served), turning_points[:, variant]) for at, served in enumerate(turning_points.T) if at != variant]
    farthest: Floats = np.max(others, axis=0)
    return farthest


@dataclass(frozen=True)
class Bisections:
    """The outcome of the bisections at an endpoint.

    Attributes:
        asked: requests.
        forced: requests whose bias must force the favoured token, if the endpoint honours it.
        obeyed: of those, the answers that are this token.
        inputs: numbers of the prompts of which every request was answered.
        bracket: of those.
    """

    asked: int
    forced: int
    obeyed: int
    inputs: tuple[int, ...]
    bracket: Bracket


def ask(
    source: Source, surface: Surface, favoured: Sequence[Favoured], centres: ArrayLike, progress: Progress = silent
) -> Bisections:
    """Ask an endpoint at temperature 0 for one token under biases: first whether it honours them, then by bisection."""
    answered = np.ones(len(favoured), dtype=bool)
    asked = 0

    def comes(name: str, at: Sequence[int], biases: Floats, share: Progress) -> Flags:
        nonlocal asked
        asks = [
            Ask(
                f"{_NAME}{number + 1}, {name}",
                favoured[number].prompt,
                surface,
                1,
                0.0,
                favoured=favoured[number].token,
                bias=round(float(bias), 6),
            )
            for number, bias in zip(at, biases, strict=True)
        ]
        outcomes = source.ask(asks, share)
        asked += len(asks)
        for number, outcome in zip(at, outcomes, strict=True):
            answered[number] &= isinstance(outcome, Reply)
        return np.array(
            [
                isinstance(outcome, Reply) and outcome.text.strip() == favoured[number].text
                for number, outcome in zip(at, outcomes, strict=True)
            ]
        )

    first = range(min(FORCED, len(favoured)))
    obeyed = int(comes("forced", first, np.full(len(first), FORCE), part(progress, 0, 1 / (STEPS + 1))).sum())
    if obeyed < len(first) or len(favoured) < FEWEST:
        return Bisections(asked, len(first), obeyed, (), Bracket(np.empty(0), np.empty(0)))
    every = range(len(favoured))
    bracket = bisect(
        centres,
        lambda step, biases: comes(f"step {step}", every, biases, part(progress, step / (STEPS + 1), (step + 1) / (STEPS + 1))),
    )
    kept = np.flatnonzero(answered)
    return Bisections(asked, len(first), obeyed, tuple(kept.tolist()), Bracket(bracket.lower[kept], bracket.upper[kept]))


def measure(
    bisected: Bisections, expected: Mapping[str, Sequence[float]], honest: Mapping[str, Sequence[float]], seed: str
) -> Measurement[LogOdds]:
    """Measure turning points of an endpoint, beside those of the reference.

    Args:
        bisected: at the endpoint.
        expected: variant -> turning point of the reference at each prompt of the endpoint.
        honest: variant -> the same at each prompt of its own, dealt at random from the same pool.
        seed: of the draws under the null hypothesis.
    """
    points = tuple(
        TurningPoint(
            lower=float(lower), upper=float(upper), expected=tuple(float(points[number]) for points in expected.values())
        )
        for number, lower, upper in zip(bisected.inputs, *bisected.bracket, strict=True)
    )
    evidence = LogOdds(
        seed=seed,
        asked=bisected.asked,
        forced=bisected.forced,
        obeyed=bisected.obeyed,
        variants=tuple(expected),
        points=points,
        honest=tuple(tuple(map(float, row)) for row in zip(*honest.values(), strict=True)),
    )
    return Measurement(evidence, n=len(points))


def compare(
    bracket: Bracket, expected: Floats, honest: Floats, variant: int, rng: np.random.Generator, draws: int = 9999
) -> Outcome:
    """Whether the endpoint's gaps from a variant are larger than those of the other variants; exact by permutation.

    The statistic is the mean gap: a share of the requests that goes elsewhere makes few gaps large, which ranks hardly show.

    Args:
        bracket: (n,) of the endpoint.
        expected: (n, variants) turning points of the reference at the same prompts.
        honest: (N, variants) at prompts of its own.
        variant: number of the variant.
        rng: of the draws.
        draws: how many.
    """
    endpoint = gaps(bracket, expected[:, variant])
    together = np.tile(np.concatenate([endpoint, honest_gaps(honest, variant)]), (draws, 1))
    means = rng.permuted(together, axis=1)[:, : len(endpoint)].mean(axis=1)
    # Equal divisions must stay tied: a difference in the last bit of a sum is not evidence.
    means[np.abs(means - endpoint.mean()) <= 1e-12] = endpoint.mean()
    return monte_carlo(float(endpoint.mean()), means)


def derive(measured: Measurement[LogOdds], terms: Terms) -> Result:
    """The largest p-value over the allowed variants; before Holm."""
    requires(measured, LogOdds)
    evidence = measured.evidence
    if nothing := _nothing(evidence):
        return _result(evidence, Verdict.NOT_ASSESSABLE, nothing)
    if len(evidence.points) + len(evidence.honest) > MOST_POINTS:
        raise NotDerivable(f"more than {MOST_POINTS:,} turning points are not compared again")
    bracket = Bracket(*np.array([(point.lower, point.upper) for point in evidence.points]).T)
    expected, honest = np.array([point.expected for point in evidence.points]), np.array(evidence.honest)
    outcomes = [
        compare(bracket, expected, honest, at, generator(evidence.seed, f"log-odds, {name}"))
        for at, name in enumerate(evidence.variants)
    ]
    means = [float(gaps(bracket, points).mean()) for points in expected.T]
    nearest = int(np.argmin(means))
    reason = (
        f"At {len(evidence.points)} prompts, the bias at which the endpoint's first token turns is off by {means[nearest]:.2g} "
        f"nats on average from {evidence.variants[nearest]}, the nearest allowed precision; allowed precisions are off by "
        f"{honest_gaps(honest, nearest).mean():.2g} from each other"
    )
    return _result(evidence, Verdict.INCONCLUSIVE, reason, max(outcomes, key=lambda outcome: outcome.p_value), means[nearest])


def _nothing(evidence: LogOdds) -> str:
    """Sentence on why the answers tell nothing; "" if they may tell something."""
    if evidence.obeyed < evidence.forced:
        return (
            f"Of {evidence.forced} answers that logit_bias must turn into a given token, {evidence.obeyed} are that token: the "
            "endpoint does not honour logit_bias, or numbers its tokens otherwise. No p-value."
        )
    if min(len(evidence.points), len(evidence.honest)) < FEWEST:
        return (
            f"{len(evidence.points)} prompts were answered under every bias, and {len(evidence.honest)} are the reference's "
            f"own; {FEWEST} of each are needed. No p-value."
        )
    return ""


def _result(evidence: LogOdds, verdict: Verdict, reason: str, outcome: Outcome | None = None, gap: float = 0.0) -> Result:
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=reason,
        statistic=Statistic(name="mean gap", value=outcome.statistic, unit="nats") if outcome else None,
        p_value=outcome.p_value if outcome else None,
        p_floor=outcome.p_floor if outcome else None,
        effect=Effect(name="gap of the log-odds", value=gap, unit="nats") if outcome else None,
        n=len(evidence.points),
        evidence=evidence,
    )


rule = SubstitutionRule[Bisections, LogOdds](
    code="AUD410",
    name="log-odds",
    title="Log-odds by logit bias",
    question="Does the endpoint's first token turn at the same bias as the reference's?",
    null=LOCAL.null,
    assumptions=(
        LOCAL.assumptions[0],
        "The endpoint adds logit_bias to the logits and then takes the likeliest token, as servers do at temperature 0, and "
        "its software moves differences of logits no more than the coarsest allowed precision does.",
        "The endpoint reads the prompt as the reference does: a hidden system prompt or another chat template is a departure, "
        "and is found as one.",
    ),
    method=(
        "Bisection of the bias of the reference's second likeliest token, at temperature 0; the reference's other precisions "
        "are bisected alike. Mean of the gaps, one-sided, by permutation of the prompts (Pitman 1937), the largest p over "
        "allowed precisions"
    ),
    one_token=True,
    measure=measure,
    derive=derive,
)
