"""From the tests of all candidates on one text to its verdict.

Two nulls, never merged: "this candidate wrote it", and "a person wrote it". Refuting the first is not "human"; not refuting it
is not "this candidate wrote it". That takes evidence against every named rival and against human writing besides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from llm_audit.detectors import registry
from llm_audit.detectors.attribution.base import OTHER_TOKENS, SETTINGS, SOME_SETTINGS, CandidateRule
from llm_audit.detectors.attribution.likelihood_ratio import least
from llm_audit.detectors.attribution.refutation import Refutation, needed, refuted
from llm_audit.detectors.attribution.sets import concluded, human_p_value, summary
from llm_audit.detectors.populations.population import alone
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.results import Attribution, Authorship, Document, Result
from llm_audit.results.evidence import Generations, Settings
from llm_audit.stats.conformal import smallest_p_value


def conclude(document: Document, terms: Terms) -> Document:
    """The document with what follows from the tests of its candidates: their verdicts, those of sets, and its own.

    What is odd about the characters of the text, its summary does not say yet: that is the integrity family's.

    Raises:
        NotDerivable: something that a p-value follows from is not stored, or not here.
    """
    given = document.attributions
    known = [refuted(one, one.evidence, terms.alpha) if isinstance(one.evidence, Settings) else None for one in given]
    together = [one and one[0] for one in known]
    judged = []
    for number, one in enumerate(given):
        shown = known[number]
        if shown is not None and isinstance(one.evidence, Settings):
            judged.append(_exact(document, number, one.evidence.model_copy(update={"shown": shown[1]}), together, terms.alpha))
        elif isinstance(one.evidence, Generations):
            judged.append(_ranked(one, one.evidence, terms))
        elif one.p_value is not None:
            raise NotDerivable("the report stores nothing that the p-value follows from")
        else:
            judged.append(one)
    document = document.model_copy(update={"attributions": tuple(judged)})
    sets = tuple(concluded(one, document, terms.alpha) for one in document.sets)
    verdict, sentence = summary(judged, sets)
    return document.model_copy(update={"sets": sets, "verdict": verdict, "summary": sentence})


def _exact(
    document: Document, number: int, evidence: Settings, together: Sequence[Refutation | None], alpha: float
) -> Attribution:
    """A candidate of which the prompt is known."""
    stored, own = document.attributions[number], together[number]
    assert own is not None
    stored = stored.model_copy(update={"evidence": evidence, "settings": tuple(one.name for one in evidence.settings)})
    verdict, reason = _verdict(document, number, evidence, together, alpha)
    return stored.model_copy(
        update={
            "verdict": verdict,
            "reason": reason,
            "p_value": own.p_value,
            "exact": True,
            "tests": tuple(_of_candidate(test, stored, evidence) for test in sorted(stored.tests, key=lambda test: test.rule)),
        }
    )


def _of_candidate(test: Result, of: Attribution, evidence: Settings) -> Result:
    """A test with the candidate and its settings in null hypothesis and assumptions, and the length of the text."""
    rule = registry.find_rule(test.rule)
    if not isinstance(rule, CandidateRule):
        return test
    several = len(of.settings) > 1
    assumptions = tuple(SOME_SETTINGS if each == SETTINGS and several else each for each in rule.assumptions)
    # An early report does not say it anywhere else.
    other = OTHER_TOKENS in test.assumptions if evidence.other_tokens is None else evidence.other_tokens
    return test.model_copy(
        update={
            "null": f"{of.candidate} wrote the text: every token drawn from it after {of.context}, with "
            f"{' or '.join(of.settings)}.",
            "assumptions": (*assumptions, OTHER_TOKENS) if rule.needs_rivals and other else assumptions,
            "n": len(of.trace.start) if of.trace else test.n,
        }
    )


def _verdict(
    document: Document, number: int, evidence: Settings, together: Sequence[Refutation | None], alpha: float
) -> tuple[Authorship, str]:
    stored, own = document.attributions[number], together[number]
    assert own is not None
    p = own.p_value
    if own.stands:
        return Authorship.NOT_WRITTEN_BY, (
            f"Refuted: had {stored.candidate} written the text with this prompt and these settings, evidence like this would "
            f"come up with probability {p:.2g} at most. That does not say who or what wrote it instead."
        )
    if own.refuted:
        return Authorship.UNDECIDED, (
            f"The tests would refute it (p = {p:.2g}), but not without a single token: likely another tokeniser, another "
            "precision or an edit at that place."
        )
    if evidence.same is None and stored.verdict is Authorship.NOT_ASSESSABLE:  # an early report says it in words alone
        return stored.verdict, stored.reason
    fits = f"Not refuted (p = {p:.2g}), which is no evidence for it"
    if evidence.same:
        return Authorship.NOT_ASSESSABLE, (
            f"{fits}: {document.attributions[evidence.same[0]].candidate} is the same model with the same prompt and settings, "
            "and no test can tell the two apart."
        )
    missing = _missing(document, number, evidence, together, alpha)
    if missing is not None:
        return Authorship.UNDECIDED, f"{fits}: {missing}."
    return Authorship.WRITTEN_BY, (
        f"Of the named candidates only this one fits: it is not refuted (p = {p:.2g}), every other one is, and the text is "
        f"unlike human writing (p = {human_p_value(document):.2g}). A model that nobody named could still have written it."
    )


def _missing(
    document: Document, number: int, evidence: Settings, together: Sequence[Refutation | None], alpha: float
) -> str | None:
    """What is missing for "written by", as half a sentence; None if nothing is.

    Every rival must be refuted by itself, and by the likelihood of this candidate against its own, at alpha over the number
    of rivals: whichever of them wrote the text, all the others together take it from it with probability alpha at most.
    """
    others = {i: one for i, one in enumerate(document.attributions) if i != number}
    if not others:
        return "to say that it wrote the text, name its rivals with --candidate or --other"
    for other, rival in others.items():
        if together[other] is None:
            return f"its rival {rival.candidate} could not be tested"
    enough, n = needed(len(others), alpha), document.attributions[number].tests[0].n or 0
    ratios = {one.candidate: least([one]) for one in evidence.against}
    if ratios.keys() != others.keys():
        raise NotDerivable("the report does not store the likelihood of every rival")
    weakest = min(ratios, key=lambda other: ratios[other])
    if ratios[weakest] < enough:
        pace = ratios[weakest] / max(n, 1)
        longer = f"; at this pace {math.ceil(enough / pace):,} tokens would do" if pace > 1e-4 else ""
        return (
            f"against {others[weakest].candidate} its e-value is e^{ratios[weakest]:.2f} after {n:,} tokens, and "
            f"e^{enough:.2f} is needed{longer}"
        )
    for other, rival in others.items():
        refutation = together[other]
        if refutation is None or not refutation.stands:
            return f"{rival.candidate}, though less likely, is not refuted either"
    human = human_p_value(document)
    if human is None:
        return "every rival is refuted, but the text could not be compared with human writing"
    if human > alpha:
        return f"every rival is refuted, but the text is not unlike human writing of the population (p = {human:.2g})"
    return None


def _ranked(stored: Attribution, evidence: Generations, terms: Terms) -> Attribution:
    """A candidate of which the prompt is not known: ranks among reference generations, of the setting that fits best."""
    if terms.population is None:
        raise NotDerivable("no population is here")
    ranked = [(terms.population(found).judge(found, found.parts[0]), found) for found in evidence.settings]
    (p, n, stretch), shown = max(ranked, key=lambda entry: entry[0].p_value)
    verdict, reason = _verdict_of_rank(p, n, stretch.stop, terms.alpha)
    tests = {test.rule: test for test in stored.tests}
    own = [
        tests[code].model_copy(update={"evidence": alone(shown, place)})
        for place, code in enumerate(shown.rules)
        if code in tests
    ]
    return stored.model_copy(update={"verdict": verdict, "reason": reason, "p_value": p, "exact": False, "tests": tuple(own)})


def _verdict_of_rank(p: float, n: int, length: int, alpha: float) -> tuple[Authorship, str]:
    """What a rank among n reference generations, cut to `length` tokens, says, and why."""
    if p <= alpha:
        return Authorship.NOT_WRITTEN_BY, (
            f"Unlike the {n:,} reference generations, cut to {length} tokens like this text (p = {p:.2g}). That does not say "
            "who wrote it instead, and prompts of another kind could make the same model write like this."
        )
    if (floor := smallest_p_value(n)) > alpha:
        return Authorship.UNDECIDED, f"With {n:,} reference generations no p-value below {floor:.2g} is possible."
    return Authorship.UNDECIDED, (
        f"Not unlike the {n:,} reference generations (p = {p:.2g}). With an unknown prompt that is no evidence that it wrote "
        "the text, and nothing can be."
    )
