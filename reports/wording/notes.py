"""Notes on collections and endpoints: observations while reading and asking, as sentences that can be parsed again.

Those on a collection follow from its stored conditions, except the note on a line or file that was left out. `llm-audit verify`
rejects notes that fit none of these templates.
"""

from __future__ import annotations

from collections.abc import Iterable

from llm_audit.common.templates import Template
from llm_audit.results import Conditions
from llm_audit.results.membership import Copies

LONG = 13
"""Length, in words, of the n-grams whose share is reported, after Duan et al. (COLM 2024)."""

_SIDES = ("suspect", "held-out")

_LEFT_OUT = Template(
    "{held_out:count} held-out texts nearly equal a suspect one ({equal:count} word for word) or stand in a document with one "
    "that does, so they are no non-members; they and their {suspect:count} suspect counterparts were left out. "
    "The first: {first:name}."
)
_REPEATED = Template(
    "{count:count} {side} texts nearly repeat another {side} text; together they count as one document.", {"side": _SIDES}
)
_DOCUMENTS = Template(
    "{count:count} document names occur on both sides; if they mean the same documents, they are no non-members."
)
_SHARED = Template(
    f"Of the distinct runs of {LONG} words, {{suspect:share}} of the suspects' also stand in held-out texts and "
    "{held_out:share} of the held-out texts' in suspects; what both sides share cannot tell them apart."
)
_GROUPS = Template(
    "The {documents:count} {side} documents fall into {groups:count} groups of texts that are more alike than texts of "
    "different sides; the groups are the independent units.",
    {"side": _SIDES},
)
_ROWS = Template("{count:count} rows occur earlier already, which costs power.")
_UNPROMPTED = Template(
    "{count:count} of {answers:count} answers name no prompt: they are taken to follow on none that is marked."
)
OF_SIDES = (_LEFT_OUT, _REPEATED, _DOCUMENTS, _SHARED, _GROUPS)
"""Templates of the notes on suspect and held-out texts."""

OF_ROWS, OF_ANSWERS = (_ROWS,), (_UNPROMPTED,)
"""Templates of the notes on rows in an order, and on answers of a model."""

LINE = Template("Line {line:count} of {path:name} {fault:words}.")
PAIR = Template("Line {line:number} of {path:name} {fault:words}; it was left out.")
FILE = Template("{path:name} {fault:words}.")
MALFORMED = (PAIR, LINE, FILE)
"""Templates of the notes on a line or file that was left out, each with a field for the fault."""

NO_TEXT = Template("has no text in the field {field:quoted}")
EMPTY = Template("has an empty text")
NO_LABEL = Template("has neither true nor false in the field {field:quoted}")
NO_IDS = Template("has token_ids that are no list of whole numbers")
UNREADABLE = Template("cannot be read ({reason:words})")
NO_VERSIONS = Template("needs a text in public, and a text or a list of texts in private")
EMPTY_VERSION = Template("has an empty version, or no private one")
PUBLIC_TWICE = Template("has its public version among the private ones")
COPY = Template("is the item of line {line:number} once more")
FAULTS = (NO_TEXT, EMPTY, NO_LABEL, NO_IDS, UNREADABLE, NO_VERSIONS, EMPTY_VERSION, PUBLIC_TWICE, COPY)
"""Templates of faults of a line or file, except those of a line that is no JSON (`llm_audit.text.lines`)."""


def of_copies(copies: Copies) -> list[str]:
    """The notes on texts that nearly equal one another, within the sides and between them."""
    sentences = []
    suspect, held_out = copies.left_out
    if held_out:
        sentences.append(_LEFT_OUT.write(held_out=held_out, equal=copies.equal, suspect=suspect, first=copies.first))
    for count, side in zip(copies.repeated, _SIDES, strict=True):
        if count:
            sentences.append(_REPEATED.write(count=count, side=side))
    if copies.documents:
        sentences.append(_DOCUMENTS.write(count=copies.documents))
    if any(copies.shared):
        sentences.append(_SHARED.write(suspect=copies.shared[0], held_out=copies.shared[1]))
    return sentences


def of_collection(conditions: Conditions, malformed: Iterable[str]) -> tuple[str, ...]:
    """All notes on a collection: those that follow from its conditions, and those on what was left out."""
    sentences = [*(of_copies(conditions.copies) if conditions.copies else ()), *malformed]
    for (documents, groups), side in zip(conditions.groups, _SIDES, strict=False):
        if groups < documents:
            sentences.append(_GROUPS.write(documents=documents, side=side, groups=groups))
    if conditions.repeated:
        sentences.append(_ROWS.write(count=conditions.repeated))
    if conditions.unprompted and conditions.unprompted[0]:
        sentences.append(_UNPROMPTED.write(count=conditions.unprompted[0], answers=conditions.unprompted[1]))
    return tuple(sentences)


DIFFERENT = Template("Repeats of one request at temperature 0 gave different texts.")
ROUNDED = Template("The endpoint rounds its log-probabilities to {nats:nats}: so were those that it is held against.")
ENDED = Template("The reference ends most answers at once; no honest distances could be measured.")
NO_SIGNAL = Template(
    "The trusted answers are equal to the last digit, so how far another machine with the same model may be from them is "
    "unknown."
)
STOPPED = Template("The audit stopped after {asked:number} of {planned:number} requests: {rule:rule} sufficed.")
TOO_FEW = Template("{usable:number} answers can be compared; {first:rule} and {second:rule} need {fewest:number}.")
NO_LOGPROBS = Template(
    "Log-probabilities were {why}: answers are compared by their texts alone, which see far less.",
    {"why": ("hidden", "defective")},
)
NOT_GREEDY = Template(
    "Log-probabilities were {why}, and one request at temperature 0 got different texts, so that no token need be the "
    "likeliest: {tests:words} compare nothing.",
    {"why": ("hidden", "defective")},
)
OTHER_BASE = Template("The endpoint's log-probabilities are to base 2; they were converted to nats.")
TRUSTED_BASE = Template(
    "The trusted answers' log-probabilities are to base 2, those of the endpoint are not: record the trusted endpoints anew, "
    "without what converts them."
)
NO_ALTERNATIVES = Template("The endpoint gives no alternatives: the log-probability of each token that it wrote is compared.")
TOO_FEW_TEXTS = Template("{complete:number} prompts have all their texts; {first:rule} and {second:rule} need {fewest:number}.")
NO_TEXTS = Template("None of {texts:number} texts says anything: {first:rule} and {second:rule} have nothing to compare.")
OTHER_VOCABULARY = Template(
    "Of {told:count} tokens that the endpoint names by id and text, {others:percent} are others in the reference's vocabulary: "
    "the endpoint has another tokenizer, or the reference is not what was promised."
)
UNKNOWN_TOKENS = Template(
    "{unknown:count} of {tokens:count} tokens of the endpoint are not in the reference's vocabulary: the endpoint has another "
    "tokenizer, or the reference is not what was promised."
)
OTHER_NAMES = Template(
    "In {apart:number} of {answers:number} answers no token is named as the trusted endpoints name theirs, by id, bytes or "
    "text: tokens cannot be told apart, or the endpoint has another tokenizer."
)
ON_ANSWER = Template("{request:request}: {defect:words}")
NOTHING_MEASURED = (ENDED, NO_SIGNAL, TRUSTED_BASE, TOO_FEW, NOT_GREEDY, OTHER_VOCABULARY, UNKNOWN_TOKENS, OTHER_NAMES)
"""Templates of notes on why no distances were measured; one of them is there if none were."""

OF_ENDPOINT = (
    DIFFERENT, ROUNDED, ENDED, NO_SIGNAL, OTHER_BASE, TRUSTED_BASE, STOPPED, TOO_FEW, NO_LOGPROBS, NOT_GREEDY, NO_ALTERNATIVES,
    TOO_FEW_TEXTS, NO_TEXTS, OTHER_VOCABULARY, UNKNOWN_TOKENS, OTHER_NAMES,
)  # fmt: skip
"""Templates of the notes on an endpoint, except those on single answers, which `endpoints` writes."""
