"""Sentences about a collection of texts: whether a model was trained on it, and what stands in the way of saying so."""

from __future__ import annotations

from llm_audit.results import Gate, Interval, Result, Separation, Verdict

UNSTATED = "Not stated: nobody says how the held-out texts were obtained, or that the model cannot have seen them."

NO_HELD_OUT = (
    "Not assessable: there are no held-out texts, so nobody knows how high the scores of unseen texts like these are. "
    "The texts are ranked, and no more; name texts that the model cannot have seen with --held-out."
)


def tested(test: Result, condition: str) -> str:
    """An exact test decides; a finding of it rests on the condition as well, which is half a sentence."""
    opening = {
        Verdict.FINDING: f"Evidence that the model was trained on this data, if {condition}.",
        Verdict.PASS: "No evidence that the model was trained on this data.",
    }.get(test.verdict, "Undecided.")
    return f"{opening} {test.reason}"


def given_away(by: Result | Gate, test: Result) -> str:
    """An exact test decides nothing, since the texts alone give its answer away."""
    return f"Not assessable: {by.reason} {test.rule} is shown, and decides nothing."


def untestified(test: Result, missing: str) -> str:
    """An exact test would be a finding, had somebody stated what it rests on."""
    return f"Undecided: {missing or UNSTATED} {test.reason}"


def comparable(gate: Gate) -> str:
    """The blind baseline sees no difference between the collections."""
    return f"Scores of these texts can be compared: {gate.reason}"


def incomparable(gate: Gate) -> str:
    """The blind baseline tells the collections apart, or they are too small for it."""
    return f"Not assessable: {gate.reason}"


def told_apart_by_another(score: Separation) -> str:
    """A model that cannot have seen the texts separates the collections, too."""
    return (
        f"Not assessable: a model that cannot have seen the texts tells them apart as well ({score.title}: AUC "
        f"{_interval(score.other_model)}), so the difference is in the texts."
    )


def separated(verdict: Verdict, best: Separation, scores: int, *, beyond: bool, floor: float | None, alpha: float) -> str:
    """Scores compare the collections.

    Args:
        verdict: on the collection; inconclusive and no `floor`: nobody states where the held-out texts came from.
        best: the score that separates best.
        scores: number of them, over which it is corrected.
        beyond: whether it separates more than under a model that cannot have seen the texts, if there is one.
        floor: the smallest p-value that was possible; None: it was small enough.
        alpha: asked for.
    """
    over = f"{best.title} separates best, AUC {_interval(best.auc)}, p = {best.p_adjusted:.2g} over {scores} scores"
    if not beyond:
        over += ", which is no more than under the model that cannot have seen the texts"
    if verdict is Verdict.FINDING:
        return (
            "Evidence that the model was trained on the suspect collection, if the two collections differ in nothing else: "
            f"{over}. Which of its texts were seen remains open."
        )
    if verdict is Verdict.PASS:
        return f"No evidence that the model was trained on the suspect collection: {over}. That does not show that it was not."
    if floor is None:
        return f"Undecided: {UNSTATED} {over[0].upper()}{over[1:]}."
    return f"Undecided: no p-value below {floor:.2g} was possible over {scores} scores, and {alpha:g} was asked for; {over}."


def _interval(found: Interval | None) -> str:
    return "not measured" if found is None else f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}]"
