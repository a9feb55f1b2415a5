"""Sentences about an endpoint: whether it serves the model that it claims, or why that could not be measured."""

from __future__ import annotations

from llm_audit.common.templates import Template
from llm_audit.reports.format import p_statement
from llm_audit.results import Interval, Result, Served, Substitution
from llm_audit.results.substitution_evidence import Flaw

FIXED = "Fixed before the first request"
"""Name of the fact that holds the settings."""

REFERENCE, TRUSTED = "Reference", Template("Trusted endpoint {at:number}")
"""Names of the facts on a reference: a model on this machine, or one fact for each endpoint that is trusted."""

QUESTIONS = Template(
    "{audited:number} to the endpoint and {honest:number} for honest distances, dealt at random; {cut:number} of them are "
    "beginnings of prompts; SHA-256 {digest:words}"
)

MULTIPLICITY = "Holm over the tests that have a p-value"


def reference(model: str, digest: str, surface: str) -> str:
    """The fact on a reference that is a model on this machine."""
    return f"{model}, digest {digest[:12]}, on {surface}"


def rows(before: int, now: int) -> str:
    """The fact on the rows of log-probabilities that two occasions are compared by."""
    return f"{before} before, {now} now"


def answers(before: int, now: int, prompts: int) -> str:
    """The fact on the answers to border inputs that two occasions are compared by."""
    return f"{before} before, {now} now, to {prompts} prompts"


COUNTED_OTHERWISE = (
    "Prompts are billed for other numbers of tokens than the reference's tokenizer counts, which alone decides nothing."
)


def claim(subject: Substitution) -> str:
    """The question that an audit of an endpoint answers: whether it serves the reference, or still what it served on a day."""
    if subject.since:
        return f"Does the endpoint still answer for {subject.model} as on {subject.since}?"
    return f"Does the endpoint serve {subject.reference} when asked for {subject.model}?"


_NOTHING_SHOWN = "Nothing was shown either way."


def difference(subject: Substitution, test: Result) -> str:
    """Sentence that a test found a difference."""
    if subject.since:
        return f"The endpoint has changed since {subject.since}: {test.reason}"
    return f"The endpoint is not what was promised, if the tests' assumptions hold: {test.reason}"


def passed(subject: Substitution, test: Result) -> str:
    """Sentence that no test found a difference; `test`: one that could have."""
    if subject.since:
        return f"No change since {subject.since} was found: {test.reason}"
    return f"No test tells the endpoint from {subject.reference}. {test.reason}"


def missing(share: float) -> str:
    """Sentence that too many questions have no comparable answer."""
    return (
        f"Not measured: {share:.0%} of the questions have no answer that can be compared, and whoever hides a "
        "substitute would leave out just those. The others show no difference; nothing was shown of these."
    )


def defective(answers: int, of: int, flaw: Flaw, *, contradictory: bool) -> str:
    """Sentence that the endpoint's numbers are no evidence; `flaw`: the most frequent defect."""
    hold = "contradict themselves" if contradictory else "cannot be used"
    return (
        f"Not measured: defective evidence. {answers} of {of} answers hold log-probabilities that {hold} ({flaw.name}). "
        f"{_NOTHING_SHOWN}"
    )


def placeholders(answers: int, of: int) -> str:
    """Sentence on answers with placeholder numbers."""
    return (
        f"In {answers} of {of} answers a placeholder (such as -9999) stands for a log-probability: they are not used from "
        "there on, and what is missing was not compared."
    )


def undecided(test: Result) -> str:
    """Sentence that the only test that was made could not decide."""
    return f"Not measured: {test.reason}"


def hindered(subject: Substitution) -> str:
    """Sentence that no test could be made."""
    return f"Not measured: {subject.obstacle} {_NOTHING_SHOWN}"


def moved(mixture: Interval, served: Served, confidence: float) -> str:
    """Sentence on the share of requests that were answered differently than by an honest endpoint."""
    least = f"Between {mixture.lower:.1%} and" if served is Served.INCONSISTENT else "At most"
    return (
        f"{least} {mixture.upper:.1%} of requests were moved out of the honest range, with {100 * confidence:.3g}% confidence; "
        "what stays in it is not counted."
    )


def by_holm(test: Result, p: float, tests: int, alpha: float, then: str) -> str:
    """Sentence of a test with its p-value after Holm's correction; `then`: half a sentence on the conclusion at `alpha`."""
    assert test.p_value is not None
    corrected = f", by Holm over {tests} tests {p_statement(p, alpha=alpha)}" if tests > 1 else ""
    over = p_statement(test.p_value, alpha=None if corrected else alpha) + corrected
    return f"{test.reason}; {over}: {then}."
