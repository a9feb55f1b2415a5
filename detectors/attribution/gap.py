"""The rule on log-perplexity against entropy (concentration test): the z-test is approximate, the exact bound very weak."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from llm_audit.detectors.attribution.base import Outcome, candidate_rule
from llm_audit.detectors.attribution.support import inside
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.reports.format import p_cell, p_statement
from llm_audit.results.evidence import MartingaleZ
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import concentration


def absolute_gap(scores: TokenScores) -> float:
    """|log-perplexity - mean entropy| of the tokens that the setting does not exclude, nats per token."""
    kept = inside(scores)
    return abs(concentration.gap(scores.logprob[kept], scores.entropy[kept])) if kept.any() else 0.0


def measure(scores: TokenScores, terms: Terms, vocabulary: int) -> Measurement[MartingaleZ]:
    """Measure, over the tokens that the setting does not exclude, the sums of surprisal minus entropy and of varentropy."""
    kept = inside(scores)
    logprob, entropy, varentropy = (
        column[kept].astype(np.float64) for column in (scores.logprob, scores.entropy, scores.varentropy)
    )
    evidence = MartingaleZ(
        tokens=int(kept.sum()),
        deviation=float(-logprob.sum() - entropy.sum()),
        variance=float(varentropy.sum()),
        vocabulary=vocabulary,
    )
    return Measurement(evidence, n=len(scores))


def outcome(evidence: MartingaleZ, level: float) -> Outcome:
    """The martingale z with its normal p-value."""
    if not evidence.tokens:
        return Outcome(1.0, None, 0.0)
    deviation = math.inf if evidence.deviation is None else evidence.deviation
    return Outcome(concentration.z_test(deviation, evidence.variance).p_value, None, deviation / evidence.tokens)


def _reason(evidence: MartingaleZ, measured: Measurement[Any], terms: Terms) -> str | None:
    n = evidence.tokens
    if not n:
        return "Every token is impossible under these settings; there is no gap to measure."
    if evidence.vocabulary is None or evidence.deviation is None:
        return None
    gap, z = evidence.deviation / n, concentration.z_test(evidence.deviation, evidence.variance)
    certificate = concentration.certificate(gap, n, evidence.vocabulary)
    side = "above" if gap > 0 else "below"
    sentence = (
        f"Surprisal lies {abs(gap):.3f} nats per token {side} entropy: z = {z.z:.2f}, {p_statement(z.p_value)} by an "
        "approximation that is not to be trusted below .01. "
    )
    if abs(gap) > 0:
        needed = concentration.certificate_length(gap, evidence.vocabulary, terms.alpha)
        by_z = concentration.z_length(gap, evidence.variance / n, terms.alpha)
        bound = f"p {p_cell(certificate, certificate)}" if certificate <= 0.99 else "p ≤ 1"
        worth = "vacuous" if certificate >= 0.5 else "weak" if certificate > terms.alpha else "decisive"
        sentence += (
            f"The certificate that holds at every length gives {bound} after {n:,} tokens ({worth}): a gap of "
            f"this size needs {_tokens(needed)} for alpha {terms.alpha:g}, and {_tokens(by_z)} by z at the observed variance. "
        )
    return sentence + "Neither sees a writer whose cross-entropy under this model equals the model's own entropy."


def _tokens(n: int) -> str:
    return f"{n:,} tokens" if n <= 1_000_000 else "over a million tokens"


rule = candidate_rule(
    _reason,
    code="AUD201",
    name="gap",
    title="Surprisal against entropy",
    question="Is the text as surprising to this model, on average, as the model's own text would be?",
    unit="nats per token",
    method="Radvand et al. 2025 (arXiv 2501.02406), standardised as a martingale; approximate, no verdict rests on it",
    statistic=absolute_gap,
    measure=measure,
    outcome=outcome,
    approximate=True,
)
