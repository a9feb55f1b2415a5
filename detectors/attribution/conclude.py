"""From the tests of all candidates on one text to its verdict.

Two nulls, never merged: "this candidate wrote it", and "a person wrote it". Refuting the first does not mean "human"; not
refuting it does not mean "this candidate wrote it", which takes evidence against every named rival and human writing as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from llm_audit.detectors import registry
from llm_audit.detectors.attribution.base import OTHER_TOKENS, SETTINGS, SOME_SETTINGS, CandidateRule
from llm_audit.detectors.attribution.likelihood_ratio import least
from llm_audit.detectors.attribution.refutation import Refutation, needed, refuted
from llm_audit.detectors.attribution.sets import concluded, human_p_value, of_text
from llm_audit.detectors.populations.population import alone
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.reports.wording import attribution as wording
from llm_audit.results import Attribution, Authorship, Document, Result
from llm_audit.results.evidence import Generations, Settings
from llm_audit.stats.conformal import smallest_p_value


def conclude(document: Document, terms: Terms) -> Document:
    """The document with all that follows from the tests of its candidates: their verdicts, those of sets, and its own.

    Its summary does not mention odd characters yet; the integrity family adds them.

    Raises:
        NotDerivable: something that a p-value follows from is not stored, or not here.
    """
    attributions = document.attributions
    known = [
        refuted(candidate, candidate.evidence, terms.alpha) if isinstance(candidate.evidence, Settings) else None
        for candidate in attributions
    ]
    together = [pair and pair[0] for pair in known]
    judged = []
    for number, candidate in enumerate(attributions):
        shown = known[number]
        if shown is not None and isinstance(candidate.evidence, Settings):
            evidence = candidate.evidence.model_copy(update={"shown": shown[1]})
            judged.append(_exact(document, number, evidence, together, terms.alpha))
        elif isinstance(candidate.evidence, Generations):
            judged.append(_ranked(candidate, candidate.evidence, terms))
        elif candidate.p_value is not None:
            raise NotDerivable("the report stores nothing that the p-value follows from")
        else:
            judged.append(candidate)
    document = document.model_copy(update={"attributions": tuple(judged)})
    sets = tuple(concluded(stored, document, terms.alpha) for stored in document.sets)
    return document.model_copy(
        update={"sets": sets, "verdict": of_text(judged, sets), "summary": wording.summary(judged, sets)}
    )


def _exact(
    document: Document, number: int, evidence: Settings, together: Sequence[Refutation | None], alpha: float
) -> Attribution:
    """Conclude a candidate whose prompt is known."""
    stored, refutation = document.attributions[number], together[number]
    assert refutation is not None
    stored = stored.model_copy(update={"evidence": evidence, "settings": tuple(setting.name for setting in evidence.settings)})
    verdict, reason = _verdict(document, number, evidence, together, alpha)
    return stored.model_copy(
        update={
            "verdict": verdict,
            "reason": reason,
            "p_value": refutation.p_value,
            "exact": True,
            "tests": tuple(_of_candidate(test, stored, evidence) for test in sorted(stored.tests, key=lambda test: test.rule)),
        }
    )


def _of_candidate(test: Result, of: Attribution, evidence: Settings) -> Result:
    """The test with candidate, settings and the length of the text written into null hypothesis and assumptions."""
    rule = registry.find_rule(test.rule)
    if not isinstance(rule, CandidateRule):
        return test
    several = len(of.settings) > 1
    assumptions = tuple(SOME_SETTINGS if stated == SETTINGS and several else stated for stated in rule.assumptions)
    # An early report does not say it anywhere else.
    other = OTHER_TOKENS in test.assumptions if evidence.other_tokens is None else evidence.other_tokens
    return test.model_copy(
        update={
            "null": wording.null(of),
            "assumptions": (*assumptions, OTHER_TOKENS) if rule.needs_rivals and other else assumptions,
            "n": len(of.trace.start) if of.trace else test.n,
        }
    )


def _verdict(
    document: Document, number: int, evidence: Settings, together: Sequence[Refutation | None], alpha: float
) -> tuple[Authorship, str]:
    stored, refutation = document.attributions[number], together[number]
    assert refutation is not None
    p = refutation.p_value
    if refutation.stands:
        return Authorship.NOT_WRITTEN_BY, wording.refuted(stored, p)
    if refutation.refuted:
        return Authorship.UNDECIDED, wording.refuted_by_one_token(p)
    if evidence.same is None and stored.verdict is Authorship.NOT_ASSESSABLE:  # an early report says it in words alone
        return stored.verdict, stored.reason
    if evidence.same:
        return Authorship.NOT_ASSESSABLE, wording.fits(p, wording.same_as(document.attributions[evidence.same[0]]))
    missing = _missing(document, number, evidence, together, alpha)
    if missing is not None:
        return Authorship.UNDECIDED, wording.fits(p, missing)
    human = human_p_value(document)
    assert human is not None
    return Authorship.WRITTEN_BY, wording.only_one_that_fits(p, human)


def _missing(
    document: Document, number: int, evidence: Settings, together: Sequence[Refutation | None], alpha: float
) -> str | None:
    """Half a sentence on what is missing for the verdict "written by"; None if nothing is.

    Every rival must be refuted by its own tests, and by the likelihood ratio of this candidate to it, at alpha over the number
    of rivals: whichever of them wrote the text, the probability that it is attributed to another one is at most alpha.
    """
    others = {i: rival for i, rival in enumerate(document.attributions) if i != number}
    if not others:
        return wording.NO_RIVALS
    for other, rival in others.items():
        if together[other] is None:
            return wording.untested(rival)
    enough, tokens = needed(len(others), alpha), document.attributions[number].tests[0].n or 0
    ratios = {against.candidate: least([against]) for against in evidence.against}
    if ratios.keys() != others.keys():
        raise NotDerivable("the report does not store the likelihood of every rival")
    weakest = min(ratios, key=lambda other: ratios[other])
    if ratios[weakest] < enough:
        pace = ratios[weakest] / max(tokens, 1)
        would_do = math.ceil(enough / pace) if pace > 1e-4 else None
        return wording.too_likely(others[weakest], ratios[weakest], enough, tokens, would_do)
    for other, rival in others.items():
        refutation = together[other]
        if refutation is None or not refutation.stands:
            return wording.unrefuted(rival)
    human = human_p_value(document)
    if human is None:
        return wording.IN_DOUBT[document.doubt] if document.doubt else wording.NOT_COMPARED
    return wording.like_people(human) if human > alpha else None


def _ranked(stored: Attribution, evidence: Generations, terms: Terms) -> Attribution:
    """Conclude a candidate whose prompt is unknown, from ranks among the reference generations of its best-fitting setting."""
    if terms.population is None:
        raise NotDerivable("no population is here")
    ranked = [(terms.population(setting).judge(setting, setting.parts[0]), setting) for setting in evidence.settings]
    (p, n, stretch, _), shown = max(ranked, key=lambda entry: entry[0].p_value)
    floor = smallest_p_value(n)
    verdict = Authorship.NOT_WRITTEN_BY if p <= terms.alpha else Authorship.UNDECIDED
    reason = wording.ranked(verdict, p, floor if floor > terms.alpha else None, n, stretch.stop)
    tests = {test.rule: test for test in stored.tests}
    shown_tests = [
        tests[code].model_copy(update={"evidence": alone(shown, place)})
        for place, code in enumerate(shown.rules)
        if code in tests
    ]
    return stored.model_copy(
        update={"verdict": verdict, "reason": reason, "p_value": p, "exact": False, "tests": tuple(shown_tests)}
    )
