"""Reasons why a text was not judged, each as a sentence; `llm_audit.text.language` has those why a text is no prose."""

from __future__ import annotations

from llm_audit.common.templates import Template
from llm_audit.reports.wording.integrity import tampering
from llm_audit.results import Document, Membership, Substitution, Verdict
from llm_audit.results.documents import WhyUnjudged

NO_RUNNING_TEXT = Template("There is no running text, once white space and what stands apart are set aside.")
OTHER_LANGUAGE = Template(
    "The text looks like language '{language:language}' (confidence {confidence:decimal}); the population {population:words} "
    "covers '{covered:language}' only."
)
UNSURE_LANGUAGE = Template(
    "The text looks like language '{language:language}' (confidence {confidence:decimal}, below the {least:nats} that is asked "
    "for); the population {population:words} covers '{covered:language}' only."
)
UNCERTAIN = Template(
    "The language is uncertain: it looks like '{language:language}', with confidence {confidence:decimal}, below the "
    "{least:nats} that is asked for. A longer text, or one with more sentences, is surer."
)
TOO_SHORT = Template(
    "The text has {tokens:number} tokens; below {least:number} no detector can tell people and machines apart."
)
TOO_LONG = Template("The text is longer than {most:count} tokens, the limit of this run (--max-tokens).")
NOT_ASKED = Template("The policy does not ask who wrote it: {rule:rule} does not count here.")
SHORTER_THAN_ASKED = Template("The text has {tokens:number} tokens, and the policy asks for {least:number}.")

OPENING = "Not assessable. "
"""Beginning of the summary of a text that could be read and was not judged; the reason follows."""

REASONS: dict[WhyUnjudged, tuple[Template, ...]] = {
    "no_running_text": (NO_RUNNING_TEXT,),
    "language": (OTHER_LANGUAGE, UNSURE_LANGUAGE, UNCERTAIN),
    "too_short": (TOO_SHORT,),
    "too_long": (TOO_LONG,),
    "not_asked": (NOT_ASKED,),
}
"""Why a text that could be read was not judged -> the sentences that say so; "no_prose" is of `llm_audit.text.language`."""


def reason_of(document: Document) -> str | None:
    """Why a text was not judged, out of its summary; None: it has another form."""
    return reason_in(document.summary, document)


def reason_in(summary: str, document: Document) -> str | None:
    """Why a text was not judged, out of a summary that goes on with what was found beside; None: it has another form."""
    beside = [tampering(document)] * bool(document.tampering)
    beside += [result.reason for result in document.wanted if result.verdict is not Verdict.PASS]
    after = "".join(f" {sentence}" for sentence in beside)
    if not (summary.startswith(OPENING) and summary.endswith(after)):
        return None
    return summary[len(OPENING) : len(summary) - len(after)]


def no_statement(subject: Document | Membership | Substitution | None = None) -> str:
    """The sentence on a subject that was not judged; None: an input that could not be read."""
    if isinstance(subject, Document) and subject.gate and subject.gate.failures:
        return "No statement is made about who wrote this document; it fails all the same."
    endpoint = isinstance(subject, Substitution) or (isinstance(subject, Document) and subject.is_endpoint)
    kind = "endpoint" if endpoint else "collection" if isinstance(subject, Membership) else "document"
    return f"No statement is made about this {kind}. It has neither passed nor failed."
