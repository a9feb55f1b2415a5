"""AUD203: the randomised probability integral transform: under the null its values are independent and uniform, exactly."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.support import EPSILON, inside
from llm_audit.detectors.base import Detector, Evidence, Terms
from llm_audit.results.evidence import Fisher
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import pit

DRAWS = 9
"""Sets of random numbers whose median must confirm a refutation: a text must not be refuted by the coin alone."""


def transform(scores: TokenScores, draw: int = 0) -> NDArray[np.float64]:
    """(n,) independent and uniform under the null. The same text draws the same random numbers, for each `draw` others."""
    seed = hashlib.sha256(np.ascontiguousarray(scores.token_id, dtype="<i4").tobytes()).digest()
    rng = np.random.default_rng((int.from_bytes(seed[:16], "big"), draw))
    if scores.free_logprob is None:
        return pit.randomised(scores.mass_above, scores.tie_mass, rng)
    return pit.contaminated(scores.mass_above, scores.tie_mass, ~inside(scores), rng)


def deviation(scores: TokenScores) -> float:
    """|mean of -log(1 - U) - 1|: how far Fisher's statistic lies from its mean under the null, per token."""
    u = np.minimum(transform(scores), 1 - 2.0**-24)
    return abs(float(-np.log1p(-u).mean()) - 1.0)


def evidence(scores: TokenScores, terms: Terms) -> Evidence:
    """Fisher's statistic, two-sided; for a truncated setting Bonferroni's with the count of excluded tokens."""
    u = transform(scores)
    p = pit.fisher(u)
    sentence = (
        f"Fisher p = {p:.2g}; other forms of the same test, which decide nothing: Kolmogorov-Smirnov "
        f"{pit.kolmogorov_smirnov(u):.2g}, Anderson-Darling {pit.anderson_darling(u):.2g}."
    )
    p_outside, n_outside, without = 1.0, None, None
    if scores.free_logprob is not None:
        n_outside = int((~inside(scores)).sum())
        p_outside = pit.outside(n_outside, len(u), EPSILON)
        p = min(1.0, 2 * min(p, p_outside))
        sentence += (
            f" {n_outside} of {len(u):,} tokens are impossible under these settings, and {EPSILON:.0%} are allowed for: "
            f"p = {p_outside:.2g}. Together (Bonferroni) p = {p:.2g}."
        )
    robust = True
    if p <= terms.level and 2 * p_outside > terms.level:  # that many excluded tokens need no confirmation
        without = float(np.median([_without_the_strongest(scores, draw) for draw in range(DRAWS)]))
        robust = without <= terms.level
        if not robust:
            sentence += f" Without its most surprising token, and with other random numbers, p = {without:.2g}."
    stored = Fisher(
        tokens=len(u),
        total=float(-np.log1p(-np.minimum(u, 1 - 2.0**-24)).sum()),
        impossible=int((u == 1).sum()),
        outside=n_outside,
        share=EPSILON,
        without=without,
    )
    return Evidence(deviation(scores), p, None, sentence, robust, pit=u, stored=stored)


def _without_the_strongest(scores: TokenScores, draw: int) -> float:
    """The p-value with one set of random numbers, without the most surprising token."""
    p = pit.fisher(np.sort(transform(scores, draw))[:-1]) if len(scores) > 1 else 1.0
    return p if scores.free_logprob is None else min(1.0, 2 * p)


detector = Detector(
    rule="AUD203",
    name="pit",
    title="Probability integral transform",
    unit="deviation of the mean from 1",
    method="Randomised PIT in order of descending probability, Fisher's statistic -2 sum log(1 - U) ~ chi2 with 2n degrees, "
    "two-sided; the random numbers are seeded from the text's tokens",
    statistic=deviation,
    null="model",
    exact=evidence,
)
