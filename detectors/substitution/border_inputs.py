"""Border inputs: prompts at which two first tokens are nearly tied, and how often an endpoint writes either.

One token of text a request is enough: no log-probabilities, no counts. At temperature 1 the null hypothesis is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.reference import LOCAL
from llm_audit.endpoints.records import Ask, Failure, Reply, Surface
from llm_audit.results import Effect, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import BorderInput, BorderInputs
from llm_audit.stats import border

CANDIDATES = 400
"""Prompts, and beginnings of prompts, among which border inputs are looked for."""

INPUTS, DRAWS = 8, 50
"""Border inputs, and requests for each: of as many requests in all, few inputs asked often show a shift of the odds best."""

TIED = 0.5
"""Nats by which the log-probabilities of the two tokens may differ. Near a tie, no temperature moves their ratio by much."""

FEWEST = 5
"""Border inputs without which nothing is said."""

MOST_TOLD = 20_000
"""Answers that are counted again, or a forged number would keep somebody waiting."""

_NAME, _FIRST_SEED = "border input ", 2 * 10**7


@dataclass(frozen=True)
class Border:
    """A prompt, and the two texts of one token that are nearly tied there.

    Attributes:
        prompt: as it is sent.
        tokens: the two, white space at their ends aside; the likelier one first.
    """

    prompt: str
    tokens: tuple[str, str]


def find(chances: Mapping[str, Mapping[str, float]]) -> list[Border]:
    """The `INPUTS` prompts of which one answer tells most about the difference of two logits, the best first.

    That is the Fisher information p q / (p + q) where the two likeliest texts have the probabilities p and q.

    Args:
        chances: prompt -> probability of each text that its first token can be; what stands under "" is never one of the two.
    """
    candidates: list[tuple[float, Border]] = []
    for prompt, texts in chances.items():
        best = sorted(((chance, text) for text, chance in texts.items() if text and chance > 0), reverse=True)[:2]
        if len(best) == 2 and np.log(best[0][0] / best[1][0]) <= TIED:
            (p, first), (q, second) = best
            candidates.append((p * q / (p + q), Border(prompt, (first, second))))
    return [candidate for _, candidate in sorted(candidates, key=lambda entry: -entry[0])[:INPUTS]]


def questions(borders: Sequence[Border], surface: Surface) -> list[Ask]:
    """`DRAWS` requests of one token at temperature 1 for each border input, in turn, each with a seed of its own."""
    return [
        Ask(f"{_NAME}{at}, draw {draw}", border.prompt, surface, 1, 1.0, seed=_FIRST_SEED + at * 1000 + draw)
        for draw in range(1, DRAWS + 1)
        for at, border in enumerate(borders, start=1)
    ]


def measure(
    outcomes: Sequence[Reply | Failure],
    borders: Sequence[Border],
    expected: Mapping[str, Sequence[Mapping[str, float]]],
    known: Collection[str],
    seed: str,
) -> Measurement[BorderInputs]:
    """Measure how often the answers are either of the two tokens.

    Args:
        outcomes: of `questions`.
        borders: that were asked.
        expected: variant -> for each border input, the probability of each text.
        known: the texts that a token of the reference can be. Any other answer, an empty one included, tells nothing.
        seed: of the draws under the null hypothesis.
    """
    written: dict[str, Counter[str]] = {border.prompt: Counter() for border in borders}
    for outcome in outcomes:
        if isinstance(outcome, Reply) and outcome.text.strip() in known:
            written[outcome.ask.prompt][outcome.text.strip()] += 1
    inputs = tuple(
        BorderInput(
            tokens=border.tokens,
            told=written[border.prompt].total(),
            first=written[border.prompt][border.tokens[0]],
            second=written[border.prompt][border.tokens[1]],
            same=len(written[border.prompt]) == 1 < written[border.prompt].total(),
            expected=tuple(_pair(chances[at], border.tokens) for chances in expected.values()),
        )
        for at, border in enumerate(borders)
    )
    evidence = BorderInputs(seed=seed, asked=len(outcomes), variants=tuple(expected), inputs=inputs)
    return Measurement(evidence, n=sum(border_input.told for border_input in inputs))


def _pair(chances: Mapping[str, float], tokens: tuple[str, str]) -> tuple[float, float]:
    """The probabilities of two first tokens of an answer, divided by their sum where rounding took that above 1."""
    p, q = (chances.get(token, 0.0) for token in tokens)
    return p / max(1.0, p + q), q / max(1.0, p + q)


def derive(measured: Measurement[BorderInputs], terms: Terms) -> Result:
    """The largest p-value over the allowed variants; before Holm."""
    requires(measured, BorderInputs)
    evidence = measured.evidence
    usable = sum(border_input.told for border_input in evidence.inputs)
    if nothing := _nothing(evidence, usable):
        return _result(evidence, Verdict.NOT_ASSESSABLE, nothing)
    if usable > MOST_TOLD:
        raise NotDerivable(f"{usable:,} answers are more than the {MOST_TOLD:,} that are counted again")
    same = [bool(border_input.same) for border_input in evidence.inputs]
    cached = 2 * sum(same) > len(same)
    counts = np.array([(border_input.told, border_input.first, border_input.second) for border_input in evidence.inputs])
    if cached:  # what comes again and again is one draw: that of another model may still be seen by it
        counts = np.where(np.array(same)[:, None], np.minimum(counts, 1), counts)
    tested = []
    for at, variant in enumerate(evidence.variants):
        chances = np.array([border_input.expected[at] for border_input in evidence.inputs])
        rng = generator(evidence.seed, f"border inputs, {variant}")
        tested.append((border.compare(counts[:, 0], counts[:, 1], counts[:, 2], chances[:, 0], chances[:, 1], rng), variant))
    worst, variant = max(tested, key=lambda pair: pair[0].p_value)
    if cached and worst.p_value > terms.alpha:
        return _result(evidence, Verdict.NOT_ASSESSABLE, f"{sum(same)} of {len(same)} prompts got {_SAME}")
    silent = f" ({evidence.asked - usable} more told no token that the reference knows)" if usable < evidence.asked else ""
    once = f", of which {usable - int(counts[:, 0].sum())} repeat the only one and do not count" if cached else ""
    reason = (
        f"Of {usable} answers of one token to {len(evidence.inputs)} prompts at which two are nearly tied{silent}{once}, "
        f"{worst.others} are neither of the two ({worst.expected_others:.1f} expected of {variant}, the nearest), and the "
        f"first of the two is off its share by {worst.off:.2g} answers a prompt (root mean square; chance: "
        f"{worst.expected_off:.2g})"
    )
    return _result(evidence, Verdict.INCONCLUSIVE, reason, worst)


def _nothing(evidence: BorderInputs, usable: int) -> str:
    """Sentence on why the answers tell nothing; "" if they may tell something."""
    answered = [border_input for border_input in evidence.inputs if border_input.told > 1]
    if len(answered) < FEWEST:
        return (
            f"{len(answered)} prompts at which two tokens of the reference are nearly tied were answered with tokens of its "
            f"vocabulary; {FEWEST} are needed. No p-value."
        )
    if 2 * usable < evidence.asked:
        return f"{usable} of {evidence.asked} answers are a token that the reference knows: fewer than half. No p-value."
    if all(border_input.told in (border_input.first, border_input.second) for border_input in answered):
        return f"Each prompt got {_SAME}"
    return ""


_SAME = (
    "one and the same token every time, where two are as good as tied: the endpoint ignores temperature 1, or its answers come "
    "from a cache. No p-value."
)


def _result(evidence: BorderInputs, verdict: Verdict, reason: str, test: border.Comparison | None = None) -> Result:
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=reason,
        statistic=Statistic(name="sum of squared differences of counts", value=test.statistic, unit="") if test else None,
        p_value=test.p_value if test else None,
        p_floor=test.p_floor if test else None,
        effect=Effect(name="shift of the log-odds of the two tokens", value=test.shift, unit="nats") if test else None,
        n=sum(border_input.told for border_input in evidence.inputs),
        evidence=evidence,
    )


rule = SubstitutionRule[Sequence[Reply | Failure], BorderInputs](
    code="AUD408",
    name="border-inputs",
    title="Border inputs",
    question="Where two first tokens are nearly tied, does the endpoint write each as often as the reference would?",
    null=LOCAL.null,
    assumptions=(
        "The answers are independent draws at temperature 1: with seeds that no two share, and none from a cache.",
        "What the endpoint draws from is cut by no more than top-k, top-p or min-p, which keep the two likeliest tokens: the "
        "ratio of the two stays as it is, and other tokens become rarer. A temperature other than 1 moves the ratio by little, "
        "since the two are nearly tied.",
        "The endpoint reads the prompt as the reference does: a hidden system prompt or another chat template is a departure, "
        "and is found as one.",
        "The endpoint's software moves the logits by far less than chance moves the counts: by 0.1 nats or less.",
    ),
    method=(
        "Prompts found by the reference as those of B3IT (arXiv 2602.11083) are by the endpoint's own answers, and asked at "
        "temperature 1, not 0. Two tests, doubled: the sum of squared differences of counts given how many answers are either "
        "token, drawn from binomials; the number of other answers, exactly"
    ),
    one_token=True,
    measure=measure,
    derive=derive,
)
