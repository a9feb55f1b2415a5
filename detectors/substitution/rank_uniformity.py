"""Rank uniformity: whether the rank of each answer's score among the reference's own answers is uniform."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, Terms, requires
from llm_audit.detectors.substitution import two_samples
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.reference import LOCAL
from llm_audit.detectors.substitution.two_samples import INDEPENDENT
from llm_audit.reports.format import p_statement
from llm_audit.results import Effect, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import RelativeRanks
from llm_audit.stats import ranks


def measure(
    scores: ArrayLike,
    references: ArrayLike,
    seed: str,
    repeated: tuple[Collection[str], Collection[str]] | None = None,
) -> Measurement[RelativeRanks]:
    """Measure the endpoint's scores and those of the reference's answers.

    Args:
        scores: (n,) mean log-rank of the endpoint's answer to each prompt, under the reference.
        references: (n, m) of the reference's own answers.
        seed: of the random numbers that break ties.
        repeated: the prompts all of whose texts are one, of the endpoint and of the reference; None: not counted.
    """
    endpoint_scores, table = np.asarray(scores, dtype=np.float64), np.asarray(references, dtype=np.float64)
    endpoint, reference = map(set, repeated or ((), ()))
    return Measurement(
        RelativeRanks(
            seed=seed,
            scores=tuple(endpoint_scores.tolist()),
            references=tuple(map(tuple, table.tolist())),
            repeated=(len(endpoint), len(reference)) if repeated else None,
            alone=(len(endpoint - reference), len(reference - endpoint)) if repeated else None,
        )
    )


def derive(measured: Measurement[RelativeRanks], terms: Terms) -> Result:
    """An e-process on the ranks; before Holm."""
    requires(measured, RelativeRanks)
    evidence = measured.evidence
    if why := _one_text(evidence):
        return Result(
            **rule.result_fields,
            subject="endpoint",
            verdict=Verdict.NOT_ASSESSABLE,
            reason=why,
            n=len(evidence.scores),
            evidence=evidence,
        )
    table = np.array(evidence.references)
    relative = ranks.relative_rank(np.array(evidence.scores), table, generator(evidence.seed, "text ranks"))
    uniform, process = ranks.uniformity(relative), ranks.wealth(relative)
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=Verdict.INCONCLUSIVE,
        reason=(
            f"Among {table.shape[1]} answers of the reference the endpoint's rank {uniform.mean:.2f} on average (uniform: "
            f"0.50) over {len(relative)} prompts; Cramer-von Mises {p_statement(uniform.p_value)}, by a test that does not "
            "decide"
        ),
        statistic=Statistic(name="largest log e-value over the prompts", value=process.log_peak, unit="nats"),
        p_value=process.p_anytime,
        e_value=float(np.exp(np.clip(process.log_e, -700.0, 700.0))),
        effect=Effect(name="mean rank", value=uniform.mean, unit=""),
        n=len(relative),
        evidence=evidence,
    )


def _one_text(evidence: RelativeRanks) -> str:
    """Sentence that the endpoint gives each prompt one text, where the reference does not; "" if it does not.

    One draw of each prompt is tested: a cache that repeats a draw spoils nothing, but what is always the same is no draw.
    """
    endpoint, reference = evidence.repeated or (0, 0)
    prompts, alone = len(evidence.scores), evidence.alone or (0, 0)
    most = 2 * endpoint > prompts and 2 * reference < endpoint
    if not most and not (alone[0] > alone[1] and two_samples.unalike(*alone)):
        return ""
    return (
        f"To {endpoint} of {prompts} prompts all texts of the endpoint are one and the same, to {reference} those of the "
        "reference: the endpoint ignores temperature 1, or its answers come from a cache. No p-value."
    )


rule = SubstitutionRule[tuple[ArrayLike, ArrayLike], RelativeRanks](
    code="AUD403",
    name="rank-uniformity",
    title="Rank uniformity",
    question="Is the rank of each of the endpoint's texts among the reference's own uniform?",
    null=LOCAL.null,
    assumptions=INDEPENDENT,
    method=(
        "RUT (arXiv 2506.06975) with the rank (#less + U (#ties + 1)) / (m + 1), which is uniform for every m; the "
        "published one, over m, is not. An e-process decides in the place of Cramer-von Mises"
    ),
    beside=two_samples.rule.code,
    measure=measure,
    derive=derive,
)
