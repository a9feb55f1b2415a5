"""From the comparisons of a text's parts with a population to a result. Pure: `llm-audit verify` makes it again."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.detectors.populations.population import Comparison, Population
from llm_audit.results import FalsePositiveRate, Result, Span, Statistic, Verdict
from llm_audit.results import Population as NamedPopulation
from llm_audit.results.evidence import Conformal
from llm_audit.stats.combination import benjamini_hochberg, merged_p_value
from llm_audit.stats.conformal import realised_false_positive_rate, smallest_p_value, upper_p_value

ASSUMPTIONS = (
    "Under the null hypothesis the text is exchangeable with the beginnings of the population's texts, most of which go on "
    "for longer. Texts that are themselves short are of other kinds, and are flagged somewhat more often than alpha.",
    "Line breaks, invisible characters and look-alike letters do not count: the normalised text was scored.",
)

ASSUMPTIONS_OF_PARTS = (
    "The parts of the text, from the second on cut in mid-sentence, are compared with beginnings of human texts. Measured "
    "for second parts only, where it made no difference.",
    "The p-values of the parts are merged in a way that holds under any dependence between them.",
)

ASSUMPTIONS_OF_PASSAGES = (
    "A passage is scored with the text before it in its part: next to machine text a human passage can stand out.",
)


def conformal_result(
    comparisons: Sequence[Comparison],
    population: Population,
    alpha: float,
    *,
    rule: str,
    name: str,
    method: str,
    exact_tail: bool,
    statistic: Statistic | None = None,
    spans: tuple[Span, ...] = (),
    evidence: Conformal | None = None,
) -> Result:
    """The windows' comparisons as one result.

    `exact_tail`: the score is a fixed function of the text, so that the p-value has a confidence bound. The combined
    statistic is not: it is ranked anew with the population.
    """
    sheet, count = population.datasheet, len(comparisons)
    strongest = min(comparisons, key=lambda comparison: comparison.p_value)
    p = merged_p_value([comparison.p_value for comparison in comparisons])
    floor = merged_p_value([smallest_p_value(comparison.n) for comparison in comparisons])
    verdict = Verdict.FINDING if p <= alpha else Verdict.INCONCLUSIVE if floor > alpha else Verdict.PASS
    length = strongest.stretch.stop
    rate = realised_false_positive_rate(alpha, strongest.n)
    return Result(
        rule=rule,
        name=name,
        subject="document",
        null=f"The text was written like the human texts of the population {sheet.name}.",
        verdict=verdict,
        reason=_reason(verdict, p, floor, strongest, count, alpha),
        statistic=statistic,
        p_value=p,
        p_floor=floor,
        p_upper=upper_p_value(p, strongest.n) if exact_tail and count == 1 else None,
        population=NamedPopulation(
            name=sheet.name,
            description=sheet.description,
            n=strongest.n,
            length_bin=f"first {length} tokens" if count == 1 else f"{length} tokens, the most machine-like of {count} parts",
            digest=population.digest,
        ),
        evidence=evidence,
        false_positive_rate=FalsePositiveRate(alpha=alpha, lower=rate.lower, upper=rate.upper) if count == 1 else None,
        n=sum(comparison.stretch.stop for comparison in comparisons),
        spans=spans,
        assumptions=(
            *ASSUMPTIONS,
            *(ASSUMPTIONS_OF_PARTS if count > 1 else ()),
            *(ASSUMPTIONS_OF_PASSAGES if spans else ()),
        ),
        method=method,
    )


def _reason(verdict: Verdict, p: float, floor: float, strongest: Comparison, count: int, alpha: float) -> str:
    exceeding = round(strongest.p_value * (strongest.n + 1)) - 1
    subject = "this text" if count == 1 else f"the most machine-like of its {count} parts"
    compared = (
        f"of {strongest.n:,} human texts, cut to {strongest.stretch.stop} tokens, {exceeding:,} look at least as "
        f"machine-like as {subject}" + (f"; over all parts p = {p:.2g}" if count > 1 else "")
    )
    if verdict is Verdict.FINDING:
        return f"Unlike human writing of the population: {compared}."
    if verdict is Verdict.INCONCLUSIVE:
        return (
            f"Undecided: with {strongest.n:,} human texts and {count} {'part' if count == 1 else 'parts'} no p-value below "
            f"{floor:.2g} is possible, and {alpha:g} was asked for."
        )
    return f"Not unusual enough at alpha {alpha:g}: {compared}. That does not show that a person wrote it."


def passage_numbers(found: Conformal, population: Population) -> list[dict[str, float]]:
    """p_value, p_floor, q_value and n of each passage that was measured."""
    compared = [population.judge(found, part) for part in found.passages]
    adjusted = benjamini_hochberg([comparison.p_value for comparison in compared])
    return [
        {"p_value": one.p_value, "p_floor": smallest_p_value(one.n), "q_value": float(q), "n": one.n}
        for one, q in zip(compared, adjusted, strict=True)
    ]
