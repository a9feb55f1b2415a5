"""From the results about a collection to the verdict about it; pure, so that `llm-audit verify` concludes again.

Knows nothing about models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_audit.detectors.membership import blind_classifier, screen
from llm_audit.detectors.membership.outcomes import unit_means
from llm_audit.detectors.registry import find_rule
from llm_audit.detectors.rule import MembershipTest, NotDerivable, Terms
from llm_audit.results import Gate, Interval, Membership, Result, Screened, Separation, Verdict

UNSTATED = "Not stated: nobody says how the held-out texts were obtained, or that the model cannot have seen them."


def conclude(subject: Membership, terms: Terms) -> Membership:
    """The collection with everything that follows from its results.

    The blind baseline, the order of tests and texts, how well the scores separate the sides, verdict and summary. Tests are
    taken as they are: their own numbers and verdicts follow by `derive` of their rules.

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
    return subject.model_copy(update={"verdict": verdict, "summary": summary})


def _unstated(subject: Membership) -> bool:
    """Whether nobody says how the held-out texts were obtained. Early reports say so in their verdict alone."""
    return bool(subject.unstated) or subject.verdict is Verdict.INCONCLUSIVE


def _of_test(subject: Membership, decided: Result) -> tuple[Verdict, str]:
    """What an exact test comes to, given what the texts alone give away."""
    rule = find_rule(decided.rule)
    if not isinstance(rule, MembershipTest):
        raise NotDerivable(f"no test of collections that is installed has the code {decided.rule}")
    given_away = [test.reason for test in subject.tests if test not in subject.deciding and test.verdict is not Verdict.PASS]
    if subject.gate and subject.gate.outcome != "no_difference_found":
        given_away.append(subject.gate.reason)
    if given_away:
        return Verdict.NOT_ASSESSABLE, f"Not assessable: {given_away[0]} {decided.rule} is shown, and decides nothing."
    if decided.verdict is Verdict.FINDING and (_unstated(subject) if rule.held_out else subject.unstated):
        return Verdict.INCONCLUSIVE, f"Undecided: {rule.unstated or UNSTATED} {decided.reason}"
    opening = {
        Verdict.FINDING: f"Evidence that the model was trained on {rule.data}, if {rule.condition}.",
        Verdict.PASS: f"No evidence that the model was trained on {rule.data}.",
    }.get(decided.verdict, "Undecided.")
    return decided.verdict, f"{opening} {decided.reason}"


def _of_baseline(gate: Gate) -> tuple[Verdict, str]:
    """What the blind baseline alone comes to."""
    if gate.outcome == "no_difference_found":
        return Verdict.PASS, f"Scores of these texts can be compared: {gate.reason}"
    return Verdict.NOT_ASSESSABLE, f"Not assessable: {gate.reason}"


def _of_scores(subject: Membership, alpha: float) -> tuple[Verdict, str]:
    """What scores may say: nothing about one text, and of a collection only what the blind baseline lets through."""
    separations = subject.separations
    if subject.gate is None:
        return Verdict.NOT_ASSESSABLE, (
            "Not assessable: there are no held-out texts, so nobody knows how high the scores of unseen texts like these are. "
            "The texts are ranked, and no more; name texts that the model cannot have seen with --held-out."
        )
    if subject.gate.outcome != "no_difference_found":
        return _of_baseline(subject.gate)
    fooled = [found for found in separations if found.other_model is not None and found.other_model.lower > 0.5]
    if fooled:
        return Verdict.NOT_ASSESSABLE, (
            f"Not assessable: a model that cannot have seen the texts tells them apart as well ({fooled[0].title}: AUC "
            f"{_interval(fooled[0].other_model)}), so the difference is in the texts."
        )
    controlled = any(found.gain is not None for found in separations)
    deciding = [found for found in separations if not controlled or (found.gain is not None and found.gain.lower > 0)]
    best = min(deciding or separations, key=_adjusted)
    over = f"{best.title} separates best, AUC {_interval(best.auc)}, p = {best.p_adjusted:.2g} over {len(separations)} scores"
    if deciding and _adjusted(best) <= alpha and _unstated(subject):
        return Verdict.INCONCLUSIVE, f"Undecided: {UNSTATED} {over[0].upper()}{over[1:]}."
    if deciding and _adjusted(best) <= alpha:
        return Verdict.FINDING, (
            f"Evidence that the model was trained on the suspect collection, if the two collections differ in nothing else: "
            f"{over}. Which of its texts were seen remains open."
        )
    if not deciding:
        over += ", which is no more than under the model that cannot have seen the texts"
    if (floor := len(separations) / (1 + screen.DRAWS)) > alpha:
        return Verdict.INCONCLUSIVE, (
            f"Undecided: no p-value below {floor:.2g} was possible over {len(separations)} scores, and {alpha:g} was asked "
            f"for; {over}."
        )
    return Verdict.PASS, (
        f"No evidence that the model was trained on the suspect collection: {over}. That does not show that it was not."
    )


def _adjusted(found: Separation) -> float:
    return 1.0 if found.p_adjusted is None else found.p_adjusted


def _interval(found: Interval | None) -> str:
    return "not measured" if found is None else f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}]"


def _screened(subject: Membership) -> Membership:
    """With the texts ranked by their first score, and how well each score separates the sides, from the scores of all texts."""
    if any(text.place is None or text.unit is None for text in subject.texts):
        raise NotDerivable("the report does not say of which document each text is")
    given = sorted(subject.texts, key=lambda text: text.place or 0)
    texts = [text.model_copy(update={"place": place}) for place, text in enumerate(given)]
    first = {text.unit: text for text in reversed(texts)}
    units = [first[unit] for unit in sorted(first, key=lambda unit: unit or 0)]
    labels = np.array([text.side == "suspect" for text in units])
    separations = tuple(sorted(subject.separations, key=lambda found: (found.rule, found.score)))
    if separations:
        if subject.seed is None:
            raise NotDerivable("the report stores no seed")
        separations = screen.separate(
            separations,
            {found.score: _means(texts, found.score) for found in separations},
            {found.score: _means(texts, found.score, "control") for found in separations if found.score in texts[0].control},
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
