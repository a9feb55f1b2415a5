"""The result of ranking a text's statistics among those of a population of human texts. Pure, given the population."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llm_audit.detectors.populations.population import Comparison, Population, as_stored
from llm_audit.detectors.rule import Measurement, NotDerivable, Rule, Terms
from llm_audit.reports.format import p_statement, p_value
from llm_audit.results import FalsePositiveRate, Histogram, Kind, Result, Span, Statistic, Verdict, decide
from llm_audit.results import Population as NamedPopulation
from llm_audit.results.evidence import Conformal
from llm_audit.stats.combination import benjamini_hochberg, simes
from llm_audit.stats.conformal import realised_false_positive_rate, smallest_p_value, upper_p_value

ASSUMPTIONS = (
    "Under the null hypothesis the text is exchangeable with the beginnings of the population's texts, most of which go on "
    "for longer. Texts that are themselves short are of other kinds, and are flagged somewhat more often than alpha.",
    "Line breaks, invisible characters and look-alike letters do not count: the normalised text was scored.",
)

ASSUMPTIONS_OF_PARTS = (
    "The parts of the text, from the second on cut in mid-sentence, are compared with beginnings of human texts. Measured "
    "for second to fourth parts, where it made no difference.",
    "The p-values of the parts are merged by Simes' method. Its level holds if the parts of a text are alike (positively "
    "dependent), as measured; under any dependence whatever p is too small by a factor of at most 1 + 1/2 + ... + 1/(parts).",
)

ASSUMPTIONS_OF_PASSAGES = (
    "A passage is scored with the text before it in its part: next to machine text a human passage can stand out.",
    "A passage is 64 tokens, half of them shared with the next, and is shown as the sentences of which most stands in it. It "
    "is compared with the passages of human texts that begin nearest to it in their part, with beginnings only if it is one.",
)


def population_of(measured: Measurement[Any], terms: Terms) -> tuple[Conformal, Population]:
    """The evidence of a rank, and the population that it names.

    Raises:
        NotDerivable: the evidence is another one, or the population is not here.
    """
    if not isinstance(measured.evidence, Conformal):
        raise NotDerivable("the report stores nothing that the p-value follows from")
    if terms.population is None:
        raise NotDerivable("no population is here")
    return measured.evidence, terms.population(measured.evidence)


def among_people(
    rule: Rule[Any, Any], measured: Measurement[Any], terms: Terms, *, unit: str | None = None, method: str | None = None
) -> Result:
    """The result of a rank among human texts.

    Args:
        rule: whose result it is.
        measured: with evidence of the kind `Conformal`.
        terms: with the population.
        unit: of the statistic; None: of several statistics combined. That one is ranked anew with the population, and no fixed
            function of the text, so that its p-value has no confidence bound.
        method: instead of the rule's.
    """
    evidence, population = population_of(measured, terms)
    comparisons = [population.judge(evidence, part) for part in evidence.parts]
    sheet, count = population.datasheet, len(comparisons)
    place = strongest(comparisons)
    best = comparisons[place]
    p = simes([comparison.p_value for comparison in comparisons])
    floor = simes([smallest_p_value(comparison.n) for comparison in comparisons])
    verdict = decide(p, floor, terms.alpha)
    length = best.stretch.stop
    rate = realised_false_positive_rate(terms.alpha, best.n)
    spans = tuple(_spans(measured.spans, evidence, population))
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="document",
        null=f"The text was written like the human texts of the population {sheet.name}.",
        verdict=verdict,
        reason=_reason(verdict, p, floor, best, count, terms.alpha),
        statistic=None if unit is None else statistic(rule, measured, evidence.parts[place].statistics[0], unit),
        p_value=p,
        p_floor=floor,
        p_upper=upper_p_value(p, best.n) if unit is not None and count == 1 else None,
        population=NamedPopulation(
            name=sheet.name,
            description=sheet.description,
            n=best.n,
            length_bin=f"first {length} tokens" if count == 1 else f"{length} tokens, the most machine-like of {count} parts",
            digest=population.digest,
            nearest_kind=_nearest_kind(comparisons, place) if unit is None else None,
        ),
        evidence=evidence,
        false_positive_rate=FalsePositiveRate(alpha=terms.alpha, lower=rate.lower, upper=rate.upper) if count == 1 else None,
        n=sum(comparison.stretch.stop for comparison in comparisons),
        histogram=None if measured.histogram is None else histogram(population, rule.code, best),
        spans=spans,
        shares=measured.shares,
        assumptions=(
            *ASSUMPTIONS,
            *(ASSUMPTIONS_OF_PARTS if count > 1 else ()),
            *(ASSUMPTIONS_OF_PASSAGES if spans else ()),
        ),
        method=method or rule.method,
    )


def strongest(comparisons: Sequence[Comparison]) -> int:
    """The place of the comparison with the smallest p-value, of equal ones the first."""
    return min(range(len(comparisons)), key=lambda place: comparisons[place].p_value)


def _nearest_kind(comparisons: Sequence[Comparison], place: int) -> Kind | None:
    """The kind of text with the largest p-value among its texts alone, its counts those of the comparison at `place`.

    The parts are merged kind by kind. As the largest over all kinds with enough texts, the p-value is valid for a text
    exchangeable with those of any one of them.
    """
    by_kind: dict[str, list[float]] = {}
    for comparison in comparisons:
        for kind in comparison.kinds:
            by_kind.setdefault(kind.name, []).append((1 + kind.exceeding) / (1 + kind.n))
    merged = {name: simes(p_values) for name, p_values in by_kind.items() if len(p_values) == len(comparisons)}
    known = [kind for kind in comparisons[place].kinds if kind.name in merged]
    if not known:
        return None
    nearest = max(known, key=lambda kind: (merged[kind.name], kind.n))
    return Kind(name=nearest.name, n=nearest.n, exceeding=nearest.exceeding, p_value=merged[nearest.name])


def kind_of_largest_share(evidence: Conformal, population: Population) -> Kind | None:
    """The kind that reports of 0.2.0 name as the nearest: of the largest share of texts as extreme as the strongest part."""
    comparisons = [population.judge(evidence, part) for part in evidence.parts]
    kinds = comparisons[strongest(comparisons)].kinds
    if not kinds:
        return None
    return Kind(**max(kinds, key=lambda kind: (kind.exceeding / kind.n, kind.n))._asdict())


def statistic(rule: Rule[Any, Any], measured: Measurement[Any], in_evidence: float, unit: str) -> Statistic:
    """The measured statistic in full precision if it rounds to the value in the evidence, else the latter."""
    value = measured.statistic.value if measured.statistic else in_evidence
    return Statistic(name=rule.name, value=value if as_stored(value) == in_evidence else in_evidence, unit=unit)


def histogram(population: Population, code: str, comparison: Comparison) -> Histogram:
    """A statistic over the population's texts, cut like the judged one, for the plot."""
    edges, counts = population.histogram(code, comparison.stretch)
    return Histogram(edges=tuple(float(f"{edge:.6g}") for edge in edges), counts=tuple(counts.tolist()))


def _reason(verdict: Verdict, p: float, floor: float, best: Comparison, count: int, alpha: float) -> str:
    exceeding = round(best.p_value * (best.n + 1)) - 1
    subject = "this text" if count == 1 else f"the most machine-like of its {count} parts"
    compared = (
        f"of {best.n:,} human texts, cut to {best.stretch.stop} tokens, {exceeding:,} look at least as "
        f"machine-like as {subject}" + (f"; over all parts {p_statement(p, alpha=alpha)}" if count > 1 else "")
    )
    if verdict is Verdict.FINDING:
        return f"Unlike human writing of the population: {compared}."
    if verdict is Verdict.INCONCLUSIVE:
        return (
            f"Undecided: with {best.n:,} human texts and {count} {'part' if count == 1 else 'parts'} no p-value below "
            f"{p_value(floor, alpha)} is possible, and {alpha:g} was asked for."
        )
    return f"Not unusual enough at alpha {alpha:g}: {compared}. That does not show that a person wrote it."


def _spans(spans: Sequence[Span], evidence: Conformal, population: Population) -> Iterator[Span]:
    """The passages with their numbers: those that are compared with any document, in the order of the evidence."""
    compared = [population.judge(evidence, part) for part in evidence.passages]
    adjusted = benjamini_hochberg([comparison.p_value for comparison in compared])
    numbers = iter(zip(compared, adjusted, strict=True))
    for span in spans:
        comparison, q = next(numbers, (None, None)) if span.n else (None, None)
        yield span.model_copy(
            update={
                "p_value": comparison and comparison.p_value,
                "p_floor": comparison and smallest_p_value(comparison.n),
                "q_value": comparison and float(q or 0.0),
                "n": comparison.n if comparison else 0,
            }
        )
    for comparison, q in numbers:  # no span has them: the report is not what was found
        p, n = comparison.p_value, comparison.n
        yield Span(start=0, end=0, p_value=p, p_floor=smallest_p_value(n), q_value=float(q), n=n)
