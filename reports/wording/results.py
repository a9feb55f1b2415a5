"""Sentences about a single test."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.reports.format import p_value
from llm_audit.results import Document, Result, Verdict


def outcome(test: Result) -> str:
    """Sentence on the outcome of a test; for a test that combines all tests of a subject, its summary."""
    return test.reason


def decided(verdict: Verdict, floor: float, alpha: float) -> str:
    """The decision of a test, as half a sentence; `floor`: the smallest p-value that it could have given."""
    return {
        Verdict.FINDING: f"at alpha {alpha:g} the null hypothesis is rejected",
        Verdict.INCONCLUSIVE: f"no p-value below {p_value(floor, alpha)} was possible, and {alpha:g} was asked for",
    }.get(verdict, f"at alpha {alpha:g} the null hypothesis is not rejected, which does not prove it")


def for_comparison(test: Result) -> str:
    """Sentence on a test that is shown for comparison and decides nothing."""
    return f"For comparison, no verdict rests on it. {test.reason}"


def for_policy(opening: str, test: Result) -> str:
    """The outcome of a test, after the sentence `opening` on what the policy demands."""
    return f"{opening} {test.reason}"


def with_objections(document: Document, tests: Sequence[Result]) -> str:
    """The summary of a document, followed by the policy's objections, test by test."""
    return " ".join([document.summary, *(test.reason for test in tests)])
