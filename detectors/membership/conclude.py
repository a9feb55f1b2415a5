"""From the results about a collection to the verdict about it; pure, so that `llm-audit verify` concludes again.

Knows nothing about models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import blind_classifier, screen
from llm_audit.detectors.membership.base import find_scores
from llm_audit.detectors.membership.outcomes import unit_means
from llm_audit.detectors.registry import find_rule
from llm_audit.detectors.rule import MembershipTest, NotDerivable, Terms
from llm_audit.reports.wording import membership as wording
from llm_audit.results import Gate, Membership, Result, Screened, Separation, Verdict


def conclude(subject: Membership, terms: Terms) -> Membership:
    """The collection with everything that follows from its results.

    That is: the blind baseline, the order of tests and texts, how well the scores separate the sides, verdict and summary.
    Tests are taken as they are: their own numbers and verdicts follow by `derive` of their rules.

    Raises:
        NotDerivable: a stored collection lacks what its numbers follow from.
    """
    subject = subject.model_copy(
        update={
            "gate": subject.gate and blind_classifier.derived(subject.gate),
            "tests": tuple(sorted(subject.tests, key=lambda test: test.rule)),
        }
    )
    if subject.deciding:
        verdict, summary = _of_test(subject, subject.deciding[0])
    elif subject.texts:
        subject = _screened(subject)
        verdict, summary = _of_scores(subject, terms.alpha)
    elif subject.gate:
        verdict, summary = _of_baseline(subject.gate)
    else:
        raise NotDerivable("the report stores no test, no score and no blind baseline")
    return _stated(subject.model_copy(update={"verdict": verdict, "summary": summary}))


def _stated(subject: Membership) -> Membership:
    """The collection with its claim, facts, size and unit, as they follow from its conditions; early reports have none."""
    conditions = subject.conditions
    if conditions is None:
        return subject
    if subject.deciding:
        decided = subject.deciding[0]
        rule = find_rule(decided.rule)
        assert isinstance(rule, MembershipTest)  # as it is a deciding test
        units, n_suspect, n_held_out = rule.units(decided, conditions)
        claim = rule.claim.format(
            model=conditions.model or (wording.ENDPOINT_MODEL if conditions.endpoint else rule.unnamed),
            documents=f"{conditions.documents or 0:,}",
            key=getattr(decided.evidence, "key", ""),
        )
        facts = rule.stated(decided, conditions, units) if rule.stated else wording.facts_of_test(conditions, units)
    elif subject.texts:
        model = conditions.model or "the model"
        claim, n_suspect, n_held_out = wording.claim_of_scores(subject, model), subject.n_suspect, subject.n_held_out
        rates = [(fpr, *_true_rate(fpr, n_held_out)) for fpr in screen.RATES if n_held_out * fpr >= 1]
        halves = n_held_out >= 2 * screen.FEWEST
        facts = wording.facts_of_scores(subject, conditions, _methods(subject.texts[0]), rates, halves=halves)
    else:
        assert subject.gate is not None  # as there are no tests and no scores
        claim, n_suspect, n_held_out = wording.WITHOUT_A_MODEL, subject.gate.n_suspect, subject.gate.n_held_out
        facts = wording.facts_of_baseline(conditions)
    update = {"claim": claim, "facts": tuple(facts), "n_suspect": n_suspect, "n_held_out": n_held_out, "unit": "collection"}
    return subject.model_copy(update=update)


def _methods(text: Screened) -> list[tuple[str, str]]:
    """Name and method of each score of a text."""
    try:
        return [(score.name, score.method) for score in find_scores(list(text.scores))]
    except AuditError as error:
        raise NotDerivable("a score is of a plug-in that is not here") from error


def _true_rate(fpr: float, n: int) -> tuple[float, float]:
    """Bounds of the true false-positive rate of a threshold that floor(n fpr) of n held-out documents reach (a beta law)."""
    from scipy.stats import beta

    k = max(1, int(n * fpr))
    low, high = beta.ppf([0.025, 0.975], k, n + 1 - k)
    return float(low), float(high)


def _unstated(subject: Membership) -> bool:
    """Whether it is not stated how the held-out texts were obtained. Early reports show this in their verdict only."""
    return bool(subject.unstated) or subject.verdict is Verdict.INCONCLUSIVE


def _of_test(subject: Membership, decided: Result) -> tuple[Verdict, str]:
    """Verdict and sentence of an exact test, given the blind tests of the texts alone."""
    rule = find_rule(decided.rule)
    if not isinstance(rule, MembershipTest):
        raise NotDerivable(f"no test of collections that is installed has the code {decided.rule}")
    telling: list[Result | Gate] = [
        test for test in subject.tests if test not in subject.deciding and test.verdict is not Verdict.PASS
    ]
    if subject.gate and subject.gate.outcome != "no_difference_found":
        telling.append(subject.gate)
    if telling:
        return Verdict.NOT_ASSESSABLE, wording.given_away(telling[0], decided)
    if decided.verdict is Verdict.FINDING and (_unstated(subject) if rule.held_out else subject.unstated):
        return Verdict.INCONCLUSIVE, wording.untestified(decided, rule.unstated)
    if decided.verdict is Verdict.PASS and subject.undecided:  # an order may as well be unlikelier than its shuffles
        return Verdict.INCONCLUSIVE, wording.untestified(decided, rule.unstated)
    return decided.verdict, wording.tested(decided, rule.condition, rule.data)


def _of_baseline(gate: Gate) -> tuple[Verdict, str]:
    """Verdict and sentence of the blind baseline alone."""
    if gate.outcome == "no_difference_found":
        return Verdict.PASS, wording.comparable(gate)
    return Verdict.NOT_ASSESSABLE, wording.incomparable(gate)


def _of_scores(subject: Membership, alpha: float) -> tuple[Verdict, str]:
    """Verdict and sentence of scores: about the collection, as far as the blind baseline allows, never about one text."""
    scores = subject.separations
    if subject.gate is None:
        return Verdict.NOT_ASSESSABLE, wording.NO_HELD_OUT
    if subject.gate.outcome != "no_difference_found":
        return _of_baseline(subject.gate)
    fooled = [score for score in scores if score.other_model is not None and score.other_model.lower > 0.5]
    if fooled:
        return Verdict.NOT_ASSESSABLE, wording.told_apart_by_another(fooled[0])
    controlled = any(score.gain is not None for score in scores)
    deciding = [score for score in scores if not controlled or (score.gain is not None and score.gain.lower > 0)]
    best = min(deciding or scores, key=_adjusted)
    floor = len(scores) / (1 + screen.DRAWS)
    if deciding and _adjusted(best) <= alpha:
        verdict, possible = Verdict.INCONCLUSIVE if _unstated(subject) else Verdict.FINDING, True
    else:  # held-out texts of which nothing is known may as well score above the suspects
        possible = floor <= alpha
        verdict = Verdict.PASS if possible and not subject.undecided else Verdict.INCONCLUSIVE
    return verdict, wording.separated(
        verdict, best, len(scores), beyond=bool(deciding), floor=None if possible else floor, alpha=alpha
    )


def _adjusted(score: Separation) -> float:
    return 1.0 if score.p_adjusted is None else score.p_adjusted


def _screened(subject: Membership) -> Membership:
    """The collection with its texts ranked by their first score, and the separation of the sides by each score."""
    if any(text.place is None or text.unit is None for text in subject.texts):
        raise NotDerivable("the report does not say of which document each text is")
    ordered = sorted(subject.texts, key=lambda text: text.place or 0)
    texts = [text.model_copy(update={"place": place}) for place, text in enumerate(ordered)]
    first = {text.unit: text for text in reversed(texts)}
    units = [first[unit] for unit in sorted(first, key=lambda unit: unit or 0)]
    labels = np.array([text.side == "suspect" for text in units])
    separations = tuple(sorted(subject.separations, key=lambda separation: (separation.rule, separation.score)))
    if separations:
        if subject.seed is None:
            raise NotDerivable("the report stores no seed")
        names = [separation.score for separation in separations]
        separations = screen.separate(
            separations,
            {name: _means(texts, name) for name in names},
            {name: _means(texts, name, "control") for name in names if name in texts[0].control},
            labels,
            [text.group for text in units],
            subject.seed,
        )
    ranking = next(iter(texts[0].scores))
    return subject.model_copy(
        update={
            "separations": separations,
            "texts": tuple(sorted(texts, key=lambda text: -text.scores[ranking])),
            "n_suspect": int(labels.sum()),
            "n_held_out": int((~labels).sum()),
        }
    )


def _means(texts: Sequence[Screened], score: str, field: str = "scores") -> screen.Floats:
    return unit_means([getattr(text, field)[score] for text in texts], [str(text.unit) for text in texts])
