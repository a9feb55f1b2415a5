"""The rule on the randomised probability integral transform, whose values are independent uniforms under the null."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.base import ASSUMPTIONS, Outcome, candidate_rule, level_of
from llm_audit.detectors.attribution.support import EPSILON, inside
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.reports.format import p_statement, p_value
from llm_audit.results.evidence import Fisher
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import pit

DRAWS = 9
"""Number of sets of random numbers whose median p-value must confirm a refutation, so that no text is refuted by luck."""

FIXED_LENGTH = (
    "The length does not depend on what was written. Where the model itself ended the text this is not quite so, and the test "
    "is somewhat less strict than it says."
)


def transform(scores: TokenScores, draw: int = 0) -> NDArray[np.float64]:
    """(n,) transformed values, independent uniforms under the null. Their random numbers follow from the text and `draw`."""
    seed = hashlib.sha256(np.ascontiguousarray(scores.token_id, dtype="<i4").tobytes()).digest()
    rng = np.random.default_rng((int.from_bytes(seed[:16], "big"), draw))
    if scores.free_logprob is None:
        return pit.randomised(scores.mass_above, scores.tie_mass, rng)
    return pit.contaminated(scores.mass_above, scores.tie_mass, ~inside(scores), rng)


def deviation(scores: TokenScores) -> float:
    """|mean of -log(1 - U) - 1|: how far Fisher's statistic lies from its mean under the null, per token."""
    u = np.minimum(transform(scores), 1 - 2.0**-24)
    return abs(float(-np.log1p(-u).mean()) - 1.0)


def measure(scores: TokenScores, terms: Terms, vocabulary: int) -> Measurement[Fisher]:
    """Measure Fisher's statistic and the count of excluded tokens; where they refute, also with other random numbers."""
    u = transform(scores)
    evidence = Fisher(
        tokens=len(u),
        total=float(-np.log1p(-np.minimum(u, 1 - 2.0**-24)).sum()),
        impossible=int((u == 1).sum()),
        outside=None if scores.free_logprob is None else int((~inside(scores)).sum()),
        share=EPSILON,
        without=None,
        kolmogorov_smirnov=pit.kolmogorov_smirnov(u),
        anderson_darling=pit.anderson_darling(u),
        tests=terms.tests,
    )
    _, p_outside, p = _p_values(evidence)
    if p <= terms.level and 2 * p_outside > terms.level:  # that many excluded tokens need no confirmation
        without = float(np.median([_without_the_strongest(scores, draw) for draw in range(DRAWS)]))
        evidence = evidence.model_copy(update={"without": without})
    return Measurement(evidence, n=len(u))


def outcome(evidence: Fisher, level: float) -> Outcome:
    """Fisher's statistic, two-sided; for a truncated setting Bonferroni's with the count of excluded tokens."""
    _, p_outside, p = _p_values(evidence)
    confirmed = evidence.without is None or evidence.without <= level
    return Outcome(p, None, abs(evidence.total / evidence.tokens - 1), p > level or 2 * p_outside <= level or confirmed)


def _reason(evidence: Fisher, measured: Measurement[Any], terms: Terms) -> str | None:
    if evidence.kolmogorov_smirnov is None or evidence.anderson_darling is None:
        return None
    p_fisher, p_outside, p = _p_values(evidence)
    sentence = (
        f"Fisher {p_statement(p_fisher)}; other forms of the same test, which decide nothing: Kolmogorov-Smirnov "
        f"{p_value(evidence.kolmogorov_smirnov)}, Anderson-Darling {p_value(evidence.anderson_darling)}."
    )
    if evidence.outside is not None:
        sentence += (
            f" {evidence.outside} of {evidence.tokens:,} tokens are impossible under these settings, and {evidence.share:.0%} "
            f"are allowed for: {p_statement(p_outside)}. Together (Bonferroni) {p_statement(p)}."
        )
    if not outcome(evidence, level_of(evidence.tests, terms)).robust:
        sentence += (
            f" Without its most surprising token, and with other random numbers, {p_statement(evidence.without or 0.0)}."
        )
    return sentence


def _p_values(evidence: Fisher) -> tuple[float, float, float]:
    """The p-values of Fisher's statistic, of the count of excluded tokens, and of both together."""
    p = pit.fisher_tail(math.inf if evidence.impossible else evidence.total, evidence.tokens)
    if evidence.outside is None:
        return p, 1.0, p
    p_outside = pit.outside(evidence.outside, evidence.tokens, evidence.share)
    return p, p_outside, min(1.0, 2 * min(p, p_outside))


def _without_the_strongest(scores: TokenScores, draw: int) -> float:
    """The p-value with one set of random numbers, without the most surprising token."""
    p = pit.fisher(np.sort(transform(scores, draw))[:-1]) if len(scores) > 1 else 1.0
    return p if scores.free_logprob is None else min(1.0, 2 * p)


rule = candidate_rule(
    _reason,
    code="AUD203",
    name="pit",
    title="Probability integral transform",
    question="Are the places of the text's tokens in this model's distributions spread as evenly as those of its own?",
    assumptions=(*ASSUMPTIONS, FIXED_LENGTH),
    unit="deviation of the mean from 1",
    method="Randomised PIT in order of descending probability, Fisher's statistic -2 sum log(1 - U) ~ chi2 with 2n degrees, "
    "two-sided; the random numbers are seeded from the text's tokens",
    statistic=deviation,
    measure=measure,
    outcome=outcome,
)
