"""The rule of two samples: whether the endpoint's texts and the reference's have the same distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, Terms, repeatable, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.reference import WORDS, Words
from llm_audit.reports.format import p_statement
from llm_audit.results import Draws, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import Discrepancy, Kernel
from llm_audit.stats import kernels
from llm_audit.stats.permutation import Outcome

KEPT_DRAWS = 999
"""Most draws whose statistic goes into the report, for the plot."""

LEVEL = 0.01
"""Of the sign test whether one side repeats its texts at more prompts than the other, so that they are no independent draws."""

REPEATS = 0.05
"""Of the permutation test whether a side repeats its texts more: then only different texts of each side are compared.

Twice that where the test is two-sided. At .01 a cache that repeats one draw of five is called another model in 3 % of audits.
"""

REPEATS_DRAWS = 999
"""Permutations of that test."""

_REPEATING = {
    "local": "the endpoint repeats its texts more than the reference",
    "trusted": "one endpoint repeats its texts more than the other",
}

INDEPENDENT = (
    "The texts are independent draws: of seeds that no two of them share.",
    "The endpoint draws with the settings that were asked for and no others: a hidden system prompt, temperature, top-k or "
    "min-p is a departure from the reference, and is found as one.",
)
"""Assumptions of every test of texts."""


Likeness = tuple[NDArray[np.float64], int]
"""Similarities of all texts of a prompt, and how many of them are the endpoint's; see `kernels.within_prompts`."""


def distinct(texts: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Prompt -> how many different texts it got, white space aside, and how many in all; `texts`: (prompt, text)."""
    by_prompt: dict[str, list[str]] = {}
    for prompt, text in texts:
        by_prompt.setdefault(prompt, []).append(" ".join(text.split()))
    return {prompt: (len(set(drawn)), len(drawn)) for prompt, drawn in by_prompt.items()}


def repeated(texts: Sequence[tuple[str, str]]) -> frozenset[str]:
    """The prompts that got at least two texts, all of them equal, white space aside; `texts`: (prompt, text)."""
    return frozenset(prompt for prompt, (different, drawn) in distinct(texts).items() if different == 1 < drawn)


def unalike(more: int, fewer: int) -> bool:
    """Whether one side repeats its texts at more prompts than the other: a two-sided sign test at `LEVEL`."""
    return bool(2 * binom.sf(max(more, fewer) - 1, more + fewer, 0.5) <= LEVEL)


def cached(evidence: Discrepancy) -> str:
    """Sentence that the texts of one side repeat themselves as independent draws of one law do not; "" if they may be draws.

    In reports from before `repeats_p`: each side repeats itself more often at as many prompts as the other (`unalike`).
    """
    shares = [
        (endpoint / kernel.first, reference / (kernel.size - kernel.first))
        for (endpoint, reference), kernel in zip(evidence.distinct or (), evidence.prompts, strict=False)
    ]
    more, fewer = sum(a < b for a, b in shares), sum(a > b for a, b in shares)
    if not unalike(more, fewer):
        return ""
    who = "it ignores temperature 1, or its texts" if more > fewer else "the trusted texts"
    return (
        f"The endpoint repeats its texts more often than the reference at {more} of {len(shares)} prompts, less often at "
        f"{fewer}: {who} come from a cache. No p-value."
    )


def _repeats(evidence: Discrepancy, likeness: Sequence[Likeness]) -> float:
    """The p-value of the test whether the endpoint, or a trusted one as well, repeats its texts more than the other side."""
    seeds = generator(evidence.seed, "permutations of repeats")
    return kernels.repetition(likeness, seeds, REPEATS_DRAWS, two_sided=evidence.yardstick == "trusted").p_value


def _all_alike(whole: Sequence[Likeness], different: Sequence[Likeness]) -> str:
    """Sentence that one side has one text alone to most prompts, though it was asked for several; "" if neither has."""
    several = [
        (kept == 1 < asked, len(fewer) - kept == 1 < len(gram) - asked)
        for (gram, asked), (fewer, kept) in zip(whole, different, strict=True)
    ]
    for who, why, alone in (
        ("the endpoint", "it ignores temperature 1, or its texts come", sum(first for first, _ in several)),
        ("the reference", "the trusted texts come", sum(second for _, second in several)),
    ):
        if 2 * alone > len(several):
            return (
                f"To {alone} of {len(several)} prompts all texts of {who} are one and the same: {why} from a cache. No p-value."
            )
    return ""


def measure(
    endpoint: Sequence[tuple[str, str]], reference: Sequence[tuple[str, str]], seed: str, words: Words, draws: int = 9999
) -> Measurement[Discrepancy]:
    """Measure the similarity of the texts of each prompt, ignoring white space at the ends.

    Args:
        endpoint: (prompt, text), several texts a prompt.
        reference: likewise, for the same prompts.
        seed: of the permutations.
        words: of the reference.
        draws: permutations.
    """

    def canonical(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(prompt, " ".join(text.split())) for prompt, text in texts]

    likeness = kernels.within_prompts(canonical(endpoint), canonical(reference), kernels.spectrum)
    raw = kernels.permuted(
        kernels.within_prompts(endpoint, reference, kernels.hamming), generator(seed, "permutations of raw texts"), draws
    )
    first, second = distinct(endpoint), distinct(reference)
    evidence = Discrepancy(
        yardstick=words.name,
        seed=seed,
        prompts=tuple(
            Kernel(first=first, size=len(gram), above=tuple(gram[np.triu_indices(len(gram), 1)].tolist()))
            for gram, first in likeness
        ),
        raw_p=raw.p_value,
        distinct=tuple((first[prompt][0], second[prompt][0]) for prompt in first if prompt in second),
    )
    evidence = evidence.model_copy(update={"repeats_p": _repeats(evidence, likeness)})
    return Measurement(evidence, n=len(endpoint), draws=Draws(count=draws, exceeding=0, seed=seed))


def derive(measured: Measurement[Discrepancy], terms: Terms) -> Result:
    """Maximum mean discrepancy, permuted within prompts from its seed; before Holm.

    Where one side repeats its texts more than the other (`REPEATS`), as a cache does, each text of a side counts once.

    Raises:
        ValueError: the stored p-value of the repeats is not that of the stored similarities.
    """
    requires(measured, Discrepancy)
    evidence, left_out = measured.evidence, ""
    likeness = [_gram(kernel) for kernel in evidence.prompts]
    if evidence.repeats_p is None:
        if why := cached(evidence):
            return _result(evidence, measured.n, Verdict.NOT_ASSESSABLE, why)
    elif evidence.repeats_p != _repeats(evidence, likeness):
        raise ValueError("the p-value of the repeats is not that of the similarities")
    elif evidence.repeats_p <= REPEATS * (2 if evidence.yardstick == "trusted" else 1):
        different = kernels.distinct(likeness)
        if why := _all_alike(likeness, different):
            return _result(evidence, measured.n, Verdict.NOT_ASSESSABLE, why)
        likeness, repeating = different, f"{_REPEATING[evidence.yardstick]} ({p_statement(evidence.repeats_p)})"
        left_out = f"{repeating}, as a cache does, so that each counts once; "
    draws, _ = repeatable(measured.draws)
    outcome = kernels.permuted(likeness, generator(evidence.seed, "permutations"), draws)
    reason = measured.reason or ""  # as early versions stored it, without the p-value of raw texts
    if evidence.raw_p is not None:
        of_endpoint = sum(first for _, first in likeness)
        others = sum(len(gram) for gram, _ in likeness) - of_endpoint
        reason = (
            f"Maximum mean discrepancy {outcome.statistic:.3g} between {of_endpoint if left_out else measured.n} and {others} "
            f"texts, white space aside; {left_out}with white space and the Hamming kernel {p_statement(evidence.raw_p)}, by a "
            "test that does not decide"
        )
    return _result(evidence, measured.n, Verdict.INCONCLUSIVE, reason, outcome)


def _result(evidence: Discrepancy, n: int | None, verdict: Verdict, reason: str, outcome: Outcome | None = None) -> Result:
    """The `Result` with this verdict and reason, and the statistic, p-value and draws of a permutation test, if one was run."""
    tested: dict[str, Any] = {}
    if outcome is not None:
        values = tuple(float(value) for value in outcome.null[:KEPT_DRAWS])
        draws = Draws(count=outcome.draws, exceeding=outcome.exceeding, seed=evidence.seed, values=values)
        statistic = Statistic(name="MMD, spectrum kernel", value=float(outcome.statistic), unit="")
        tested = {"statistic": statistic, "p_value": outcome.p_value, "p_floor": outcome.p_floor, "draws": draws}
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="endpoint",
        null=WORDS[evidence.yardstick].null,
        verdict=verdict,
        reason=reason,
        n=n,
        evidence=evidence,
        assumptions=rule.assumptions,
        method=rule.method,
        **tested,
    )


def _gram(kernel: Kernel) -> Likeness:
    """The similarity matrix of all texts of a prompt, and how many of them are the endpoint's."""
    gram = np.zeros((kernel.size, kernel.size))
    gram[np.triu_indices(kernel.size, 1)] = kernel.above
    return gram + gram.T, kernel.first


rule = SubstitutionRule[Sequence[tuple[str, str]], Discrepancy](
    code="AUD404",
    name="two-samples",
    title="Two samples of text",
    question="Are the endpoint's texts and the reference's draws from one law?",
    null="The endpoint serves one of the allowed variants of the reference.",
    assumptions=INDEPENDENT,
    method="Model equality testing (Gao et al. 2024, arXiv 2410.20247), permuted within prompts, p = (1 + b)/(1 + B)",
    measure=measure,
    derive=derive,
)
