"""The codes under which other programs list what was found, and what each of them means.

A code stands for what a verdict rests on, which may be several tests together: AUD100 all detectors, AUD200 all candidates.
Codes never change their meaning: baselines and dashboards are keyed by them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A code with a name for programs, a title for people, and what it means."""

    code: str
    name: str
    title: str
    meaning: str


UNREADABLE, GENERATED, AUTHORSHIP, GATE, SERVED = "AUD000", "AUD100", "AUD200", "AUD300", "AUD400"

_TAMPERED = "A count of characters, without chance and without a p-value. It says nothing about who wrote the text."

_TRAINED_ON = (
    "Null hypothesis: the model was not trained on this data. A finding speaks of the collection, and of no single text in it."
)

RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        Rule(
            UNREADABLE,
            "UnreadableInput",
            "Input could not be read",
            "The input was not judged: it has neither passed nor failed. The message says what to do.",
        ),
        Rule(
            GENERATED,
            "MachineGeneratedText",
            "Text unlike human writing of the population",
            "All detectors in one p-value. Null hypothesis: the text was written like the human texts of the named population. "
            "A finding is evidence, not proof, and it does not say who or what wrote the text.",
        ),
        Rule(
            AUTHORSHIP,
            "UnsanctionedAuthor",
            "No sanctioned model wrote the text",
            "All tests of all candidates. Null hypothesis: one of the sanctioned models wrote the text, under the stated "
            "prompt and settings.",
        ),
        Rule(
            GATE,
            "ShiftedCollections",
            "Collections differ without any model",
            "Null hypothesis: suspect and held-out texts are exchangeable. If they are not, no score tells members apart.",
        ),
        Rule("AUD301", "MembershipScore", "Membership scores (DC-PDD and others)", _TRAINED_ON),
        Rule("AUD302", "MembershipMinK", "Membership scores (Min-K%)", _TRAINED_ON),
        Rule("AUD303", "MembershipLikelihood", "Membership scores (likelihood)", _TRAINED_ON),
        Rule("AUD310", "MembershipOrder", "Data set's canonical order is preferred", _TRAINED_ON),
        Rule("AUD311", "MembershipCanary", "Published canary is preferred", _TRAINED_ON),
        Rule("AUD312", "MembershipPaired", "Published versions are preferred", _TRAINED_ON),
        Rule("AUD313", "MembershipIdentifier", "Published identifiers are preferred", _TRAINED_ON),
        Rule("AUD314", "MembershipDataset", "Suspect documents score above held-out ones", _TRAINED_ON),
        Rule("AUD901", "LookAlikeLetters", "Letters of another alphabet imitate those around them", _TAMPERED),
        Rule("AUD902", "InvisibleCharacters", "Characters that nobody sees", _TAMPERED),
        Rule("AUD903", "DirectionControls", "Controls that reorder what is read", _TAMPERED),
        Rule("AUD904", "HiddenText", "Text that nobody who reads the document sees", _TAMPERED),
        Rule("AUD905", "ChatbotTraces", "Traces that a chatbot left in the text", _TAMPERED),
        Rule(
            SERVED,
            "ModelSubstitution",
            "Endpoint does not serve the model it claims",
            "All tests of the endpoint. Null hypothesis: its answers come from one of the allowed variants of the model.",
        ),
    )
}


def rule(code: str) -> Rule:
    """What a code stands for; a plain description for a code that is not ours."""
    return RULES.get(code) or Rule(code, code, code, "A test of a plug-in: its null hypothesis is in the message.")
