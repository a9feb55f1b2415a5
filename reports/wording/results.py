"""Sentences about a single test."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.results import Document, Result, Verdict


def outcome(test: Result) -> str:
    """The outcome of a test, as it says itself: where it stands for all tests of a subject, the summary of that."""
    return test.reason


def decided(verdict: Verdict, floor: float, alpha: float) -> str:
    """The decision of a test, as half a sentence; `floor`: the smallest p-value that it could have given."""
    return {
        Verdict.FINDING: f"at alpha {alpha:g} the null hypothesis is rejected",
        Verdict.INCONCLUSIVE: f"no p-value below {floor:.2g} was possible, and {alpha:g} was asked for",
    }.get(verdict, f"at alpha {alpha:g} the null hypothesis is not rejected, which does not prove it")


def for_comparison(test: Result) -> str:
    """A test that is shown beside another one, and decides nothing."""
    return f"For comparison, no verdict rests on it. {test.reason}"


def for_policy(opening: str, test: Result) -> str:
    """The outcome of a test after a sentence about what a policy asks of it."""
    return f"{opening} {test.reason}"


def with_objections(document: Document, tests: Sequence[Result]) -> str:
    """The summary of a document, and after it what a policy objects to, test by test."""
    return " ".join([document.summary, *(test.reason for test in tests)])
