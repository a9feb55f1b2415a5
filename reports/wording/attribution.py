"""Sentences about the candidates for a text: on each of them, on a set of them, and on the text."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.common.templates import Template
from llm_audit.reports.format import p_statement, p_value
from llm_audit.reports.wording.origin import doubtful
from llm_audit.results import Attribution, Authorship, Document, SetAttribution, Verdict
from llm_audit.results.documents import Doubt

SETS = {"sanctioned": "sanctioned models", "other": "other models"}
"""Role of a set -> its name."""


AS_IT_STANDS = Template("For the candidates the text was scored as it stands. In it: {note:words}")
NOT_COMPARED_WITH_PEOPLE = Template("The comparison with human writing: {summary:words}")
ORDER_ASSUMED = Template(
    "{candidates:words}: tested in the order of transformers, which takes the temperature before it cuts; llama.cpp takes it "
    "last, which is another law. Where that wrote the text, name it: @sampler=llama.cpp,…"
)
BEGINNING_ALONE = Template("Of {characters:count} characters only the first {tested:count} were tested by every candidate.")

AS_DRAWN = (
    "The text is read as the candidate's tokenizer reads it, but for words that this makes all but impossible: these are read "
    "as the candidate finds them likelier. Where it had put the same letters together from other tokens all the same, this is "
    "not what it drew."
)
"""Assumption of every exact test: which tokens of the text are tested."""

UNKNOWN_PROMPT = "an unknown prompt"
NO_PROMPT = "nothing: the text from its first token"
UNKNOWN_FORM = "the prompt given, but it is unknown how"
AS_PROMPT = Template("the prompt given, {form:words} ({characters:count} characters, SHA-256 {digest:words})")

NO_GENERATIONS = Template(
    "The prompt is unknown, and there are no reference generations of {model:words} with {setting:words} to compare with. Give "
    "the prompt with --prompt; or draw some with `llm-audit generate` and build a population of them with `llm-audit calibrate "
    "--generations`."
)
TOO_SHORT_TO_RANK = Template("The text has {tokens:count} tokens; with an unknown prompt {fewest:count} are needed.")
TOO_SHORT_TO_TEST = Template(
    "The text has {tokens:count} tokens; below {fewest:count} nothing can be decided. At the observed variance of "
    "{spread:words} nats², a gap of 0.2 nats per token takes {needed:count} tokens at alpha {alpha:words}."
)
UNTESTED = (NO_GENERATIONS, TOO_SHORT_TO_RANK, TOO_SHORT_TO_TEST)
"""Why a candidate was not tested, if it was no error."""

OF_RUN = (NOT_COMPARED_WITH_PEOPLE, ORDER_ASSUMED, BEGINNING_ALONE)
"""Notes on a text that its run adds to those that the text alone tells, in their order; those on provenance marks follow."""


def why_untested_fits(candidate: Attribution) -> bool | None:
    """Whether the reason for which a candidate was not tested fits its settings; None: it is in the words of an error."""
    if (missing := NO_GENERATIONS.read(candidate.reason)) is not None:
        return missing["setting"] in candidate.settings
    return True if any(template.read(candidate.reason) for template in UNTESTED) else None


def not_compared(person: Document) -> list[str]:
    """Note on why a text was not compared with human writing, or why its small p-value says nothing; empty: it was, and does.

    `person`: its document in that comparison.
    """
    if person.combined is None:
        return [NOT_COMPARED_WITH_PEOPLE.write(summary=person.summary)]
    if person.doubt is None or person.combined.verdict is not Verdict.FINDING:
        return []
    return [NOT_COMPARED_WITH_PEOPLE.write(summary=doubtful(person.doubt))]


def null(candidate: Attribution) -> str:
    """The null hypothesis of every exact test of a candidate."""
    settings = " or ".join(candidate.settings)
    return f"{candidate.candidate} wrote the text: every token drawn from it after {candidate.context}, with {settings}."


def refuted(candidate: Attribution, p: float) -> str:
    """Sentence on a candidate that the exact tests refute, not by a single token alone."""
    return (
        f"Refuted: had {candidate.candidate} written the text with this prompt and these settings, evidence like this would "
        f"come up at most this often: {p_statement(p)}. That does not say who or what wrote it instead."
    )


def refuted_by_one_token(p: float) -> str:
    """Sentence on a candidate that the exact tests refute only by a single token."""
    return (
        f"The tests would refute it ({p_statement(p)}), but not without a single token: likely another tokeniser, another "
        "precision or an edit at that place."
    )


def fits(p: float, missing: str) -> str:
    """Sentence on a candidate that is not refuted; `missing`: what else an attribution needs, from the functions below."""
    return f"Not refuted ({p_statement(p)}), which is no evidence for it: {missing}."


def same_as(other: Attribution) -> str:
    """Half a sentence on what is missing: a difference between two candidates."""
    return f"{other.candidate} is the same model with the same prompt and settings, and no test can tell the two apart"


NO_RIVALS = "to say that it wrote the text, name its rivals with --candidate or --other"
NOT_COMPARED = "every rival is refuted, but the text could not be compared with human writing"
IN_DOUBT: dict[Doubt, str] = {
    "known_by_heart": (
        "every rival is refuted, but models know this text by heart, so that its comparison with human writing says nothing"
    ),
    "repetitive": "every rival is refuted, but the text repeats itself, so that its comparison with human writing says nothing",
}


def untested(rival: Attribution) -> str:
    """Half a sentence on what is missing: a test of a rival."""
    return f"its rival {rival.candidate} could not be tested"


def too_likely(rival: Attribution, log_e: float, needed: float, tokens: int, would_do: int | None) -> str:
    """Half a sentence on what is missing: a larger likelihood ratio to a rival; `would_do`: tokens that would suffice."""
    longer = "" if would_do is None else f"; at this pace {would_do:,} tokens would do"
    return (
        f"against {rival.candidate} its e-value is e^{log_e:.2f} after {tokens:,} tokens, and e^{needed:.2f} is needed{longer}"
    )


def unrefuted(rival: Attribution) -> str:
    """Half a sentence on what is missing: the refutation of a rival that is less likely."""
    return f"{rival.candidate}, though less likely, is not refuted either"


def like_people(p: float) -> str:
    """Half a sentence on what is missing: a text unlike human writing."""
    return f"every rival is refuted, but the text is not unlike human writing of the population ({p_statement(p)})"


def only_one_that_fits(p: float, human: float) -> str:
    """Sentence on a candidate to which the text is attributed among the named ones."""
    return (
        f"Of the named candidates only this one fits: it is not refuted ({p_statement(p)}), every other one is, and the text "
        f"is unlike human writing ({p_statement(human)}). A model that nobody named could still have written it."
    )


def ranked(verdict: Authorship, p: float, floor: float | None, generations: int, tokens: int) -> str:
    """Sentence on a candidate with an unknown prompt, by the rank of the text among reference generations.

    Args:
        verdict: on the candidate.
        p: of the rank.
        floor: the smallest p-value that was possible; None: it was small enough.
        generations: compared with.
        tokens: to which all of them are cut.
    """
    if verdict is Authorship.NOT_WRITTEN_BY:
        return (
            f"Unlike the {generations:,} reference generations, cut to {tokens} tokens like this text ({p_statement(p)}). That "
            "does not say who wrote it instead, and prompts of another kind could make the same model write like this."
        )
    if floor is not None:
        return f"With {generations:,} reference generations no p-value below {p_value(floor)} is possible."
    return (
        f"Not unlike the {generations:,} reference generations ({p_statement(p)}). With an unknown prompt that is no evidence "
        "that it wrote the text, and nothing can be."
    )


def null_of_set(role: str) -> str:
    """The null hypothesis of a set."""
    return f"One of the {SETS[role]} wrote the text."


def set_untested(member: Attribution) -> str:
    """Sentence on a set with a member that could not be tested."""
    return f"{member.candidate} could not be tested. {member.reason}"


def set_refuted(role: str, p: float) -> str:
    """Sentence on a set whose members are all refuted."""
    return f"Each of the {SETS[role]} is refuted (the least refuted with {p_statement(p)})."


def set_attributed(p: float, against: float, human: float) -> str:
    """Sentence on a set with a member that wrote the text; `against`: log of the least e-value against candidates outside."""
    return (
        f"Not refuted ({p_statement(p)}); every candidate outside the set is (e-values from e^{against:.1f}), and the text is "
        f"unlike human writing ({p_statement(human)})."
    )


def set_undecided(role: str) -> str:
    """Sentence on a set about which nothing can be concluded."""
    return f"Not each of the {SETS[role]} is refuted, and none is attributed."


_SANCTIONED = {
    Authorship.NOT_WRITTEN_BY: "No sanctioned model wrote it under the stated conditions.",
    Authorship.WRITTEN_BY: "A sanctioned model wrote it, as far as the named candidates go.",
    Authorship.UNDECIDED: "Whether a sanctioned model wrote it is undecided.",
    Authorship.NOT_ASSESSABLE: "Whether a sanctioned model wrote it could not be assessed.",
}


def summary(candidates: Sequence[Attribution], sets: Sequence[SetAttribution]) -> str:
    """Summary of a text, from the verdicts on its candidates and on the set of sanctioned ones."""
    by = {verdict: [candidate.candidate for candidate in candidates if candidate.verdict is verdict] for verdict in Authorship}
    refuted, unclear = by[Authorship.NOT_WRITTEN_BY], by[Authorship.UNDECIDED]
    if by[Authorship.WRITTEN_BY]:
        sentence = f"Of the named candidates only {by[Authorship.WRITTEN_BY][0]} fits."
    elif len(refuted) == len(candidates):
        sentence = "Not written by any of the candidates under the stated conditions. That does not say who or what wrote it."
    elif len(by[Authorship.NOT_ASSESSABLE]) == len(candidates):
        sentence = f"Not assessable. {candidates[0].reason}"
    elif unclear:
        sentence = f"Undecided: {_list(unclear)} cannot be ruled out."
    else:
        sentence = f"Undecided: {_list(by[Authorship.NOT_ASSESSABLE])} could not be assessed."
    if refuted and len(refuted) < len(candidates):
        sentence += f" Not written by {_list(refuted)} under the stated conditions."
    sanctioned = [_SANCTIONED[candidate_set.verdict] for candidate_set in sets if candidate_set.role == "sanctioned"]
    return " ".join([*sanctioned, sentence])


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
