"""The rule of conformance: whether the endpoint honours its interface (counts, names, limits); no p-value, never decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scipy.stats import binom

from llm_audit.detectors.rule import Measurement, Terms, requires
from llm_audit.detectors.substitution import parameters
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.endpoints.defects import PLACEHOLDERS, POOR, changes
from llm_audit.endpoints.positions import UNREADABLE
from llm_audit.endpoints.records import Failure, Position, Reply
from llm_audit.reports.format import p_statement
from llm_audit.results import Result, Verdict
from llm_audit.results.substitution_evidence import Conformance, Flaw, Parameter

TIE = 0.01
"""Nats within which two tokens count as tied, since numbers and choice may come from two passes."""

REPEATS_THAT_DIFFER = 0.25
"""Share of pairs with one seed that an honest server may answer differently: its arithmetic depends on what else it serves."""

NEAR_TIES = 0.01
"""Share of tokens at temperature 0 that an honest server may choose against its own numbers."""


def measure(
    outcomes: Sequence[Reply | Failure], asked_for: str, trials: Sequence[Reply | Failure] = ()
) -> Measurement[Conformance]:
    """Measure the endpoint's claims against its answers: names, counts, lengths, alternatives; in `trials`: stop, seed, n."""
    replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    counted = [reply for reply in replies if reply.usage[1] is not None and reply.positions]
    with_logprobs = [reply for reply in replies if reply.ask.top_logprobs is not None]
    flaws = Counter(flaw for reply in with_logprobs for flaw in _flaws(reply))
    # Those that contradict themselves first: a single one of these is enough, and the headline names the first.
    listed = sorted(flaws.most_common(), key=lambda entry: entry[0] in POOR)
    greedy = [
        (position, reply.rounded)
        for reply in with_logprobs
        if reply.ask.temperature == 0
        for position in reply.usable
        if len(position.top) > 1 and position.logprob is not None
    ]
    evidence = Conformance(
        changes=changes(replies),
        asked=asked_for,
        named=tuple(sorted({reply.model for reply in replies if reply.model and reply.model != asked_for})),
        longer=sum(max(len(reply.positions), reply.usage[1] or 0) > reply.ask.max_tokens for reply in replies),
        counted=len(counted),
        # The token that ends an answer is billed, and often not among the positions.
        miscounted=sum(abs((reply.usage[1] or 0) - len(reply.positions)) > 1 for reply in counted),
        fewer=sum(
            any(len(position.top) < reply.ask.top_logprobs for position in reply.positions)
            for reply in replies
            if reply.ask.top_logprobs
        ),
        answers=len(with_logprobs),
        contradictory=sum(
            reply.unreadable or any(position.contradictory for position in reply.positions) for reply in with_logprobs
        ),
        defective=sum(bool(_flaws(reply)) for reply in with_logprobs),
        placeholders=sum(not PLACEHOLDERS.isdisjoint(_flaws(reply)) for reply in with_logprobs) or None,
        flaws=tuple(Flaw(name=name, answers=count) for name, count in listed),
        repaired=sum(bool(reply.repairs) for reply in with_logprobs),
        greedy=len(greedy),
        unlikely=sum(map(_unlikely, greedy)),
        untold=sum(not reply.positions and bool(reply.text) for reply in with_logprobs),
        parameters=parameters.counted(trials) or None,
    )
    return Measurement(evidence, n=len(replies))


def _unlikely(place: tuple[Position, float]) -> bool:
    """Whether another token is likelier than the one that was written, by the endpoint's own numbers, rounding aside."""
    position, rounded = place
    best = max(value for _, value in position.top)
    return position.logprob is not None and position.logprob < best - TIE - rounded


def _flaws(reply: Reply) -> set[str]:
    """The kinds of defects of an answer."""
    unreadable = {UNREADABLE} if reply.unreadable else set[str]()
    return unreadable | {flaw for position in reply.positions for flaw in position.defects}


def derive(measured: Measurement[Conformance], terms: Terms) -> Result:
    """The result; its sentence lists the violations.

    Raises:
        ValueError: counts that no answers can have.
    """
    requires(measured, Conformance)
    evidence = measured.evidence
    _check(evidence, measured.n)
    wrong = [f"{change[0].upper()}{change[1:]}" for change in evidence.changes]
    if evidence.named:
        wrong.append(f"Asked for {evidence.asked!r}, it says that it serves {', '.join(map(repr, evidence.named))}.")
    if evidence.longer:
        wrong.append(f"{evidence.longer} answers are longer than was asked for.")
    if evidence.miscounted:
        wrong.append(
            f"{evidence.miscounted} of {evidence.counted} answers are billed for another number of tokens than they have."
        )
    if evidence.fewer:
        wrong.append(f"{evidence.fewer} answers have fewer alternatives than were asked for.")
    if evidence.defective:
        kinds = "; ".join(f"{flaw.name} ({flaw.answers})" for flaw in evidence.flaws or ())
        wrong.append(f"{evidence.defective} of {evidence.answers} answers hold defective log-probabilities: {kinds}.")
    if evidence.greedy and evidence.unlikely:
        p = float(binom.sf(evidence.unlikely - 1, evidence.greedy, NEAR_TIES))
        if p <= terms.alpha:
            wrong.append(
                f"At temperature 0, {evidence.unlikely} of {evidence.greedy:,} tokens are not the likeliest by the endpoint's "
                f"own numbers ({p_statement(p)}, where {NEAR_TIES:.0%} are allowed for): the temperature is ignored, or the "
                "numbers are not those that it draws from."
            )
    if evidence.untold:
        wrong.append(f"{evidence.untold} of {evidence.answers} answers lack the log-probabilities that were asked for.")
    wrong += [sentence for parameter in evidence.parameters or () if (sentence := _ignored(parameter, terms.alpha))]
    if evidence.repaired:
        wrong.append(f"In {evidence.repaired} answers harmless defects were put right.")
    verdict = Verdict.FINDING if evidence.contradictory else Verdict.INCONCLUSIVE if wrong else Verdict.PASS
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="endpoint",
        null=rule.null,
        verdict=verdict,
        reason=f"{' '.join(wrong) or 'Names, counts and lengths are as they should be.'} No p-value; it does not decide.",
        n=measured.n,
        evidence=evidence,
        method=rule.method,
    )


def _check(evidence: Conformance, answers: int | None) -> None:
    """Raise ValueError if a part is larger than its whole, or counted twice; `answers`: all. Early reports lack some counts."""
    names = [parameter.name for parameter in evidence.parameters or ()]
    parts = [
        (evidence.longer, answers),
        (evidence.fewer, answers),
        (evidence.counted, answers),
        (evidence.miscounted, evidence.counted),
        (evidence.answers, answers),
        (evidence.defective, evidence.answers),
        (evidence.contradictory, evidence.defective),
        (evidence.placeholders, evidence.defective),
        (evidence.repaired, evidence.answers),
        (evidence.untold, evidence.answers),
        (evidence.unlikely, evidence.greedy),
        *((flaw.answers, evidence.defective) for flaw in evidence.flaws or ()),
        *((parameter.ignored, parameter.tried) for parameter in evidence.parameters or ()),
    ]
    known = [(part, whole) for part, whole in parts if part is not None and whole is not None]
    if answers is None or any(part > whole for part, whole in known):
        raise ValueError("more answers are counted than there are")
    if names != [name for name in parameters.NAMES if name in names]:
        raise ValueError("the parameters that were tried are not in their order, each once")


def _ignored(counted: Parameter, alpha: float) -> str:
    """Sentence that a parameter is ignored, with the p-value under a server that honours it; "" if it may be honoured.

    Such a server never goes on past a stop string and never gives another number of answers: one answer that does is enough.
    A seed fixes what is drawn, but not the arithmetic that it is drawn from, which depends on the load.
    """
    ignored, tried = counted.ignored, counted.tried
    if counted.name == "seed":
        p = float(binom.sf(ignored - 1, tried, REPEATS_THAT_DIFFER))
        if p > alpha:
            return ""
        return (
            f"seed is ignored: at temperature 1, {ignored} of {tried} pairs of answers with one seed differ ({p_statement(p)}, "
            f"where {REPEATS_THAT_DIFFER:.0%} are allowed for)."
        )
    deviation = (
        "go on past the string that was to end them" if counted.name == "stop" else "came in another number than was asked for"
    )
    if not ignored:
        return ""
    return f"{counted.name} is ignored: {ignored} of {tried} answers {deviation}, as no server does that honours it."


rule = SubstitutionRule[Sequence[Reply | Failure], Conformance](
    code="AUD406",
    name="conformance",
    title="Conformance",
    question="Does the endpoint do as its interface says?",
    null="The endpoint does as the interface that it offers says.",
    method="Comparison of what was asked with what was returned",
    measure=measure,
    derive=derive,
)
