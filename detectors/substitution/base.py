"""The base class of substitution rules, and which of them can be run on an endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from llm_audit.detectors.registry import rules
from llm_audit.detectors.rule import Evidence, Rule, Subject
from llm_audit.endpoints.probe import Capabilities


@dataclass(frozen=True, kw_only=True)
class SubstitutionRule(Rule[Subject, Evidence]):
    """A rule about an endpoint.

    Attributes:
        alternatives: whether it needs log-probabilities of alternatives to each token.
        joint: whether its p-value shares alpha with those of the other tests of the endpoint (Holm).
        counts: whether it needs the number of tokens of a prompt, as billed.
        one_token: whether it needs answers of one token.
    """

    alternatives: bool = False
    joint: bool = True
    counts: bool = False
    one_token: bool = False


@dataclass(frozen=True)
class Allowance:
    """Whether a test can be run.

    Attributes:
        rule: the test.
        reason: why not, as a sentence; "" if the endpoint returns what it needs.
    """

    rule: SubstitutionRule[object, object]
    reason: str


def allowances(capabilities: Capabilities) -> list[Allowance]:
    """Every test, with the reason why an endpoint with these capabilities does not allow it; sorted by code."""
    best = capabilities.best
    if best is None:
        because = capabilities.failures[0].reason if capabilities.failures else "It was not asked."
        missing = uncounted = longer = everything = f"The endpoint gives no answers. {because}"
    else:
        everything = ""
        missing = "" if best.top_logprobs else "The endpoint returns no alternatives with log-probabilities."
        uncounted = "" if best.usage else "The endpoint does not tell how many tokens a prompt has."
        longer = "" if best.one_token else "The endpoint gives no answers of one token."
    known = [rule for rule in rules("substitution") if isinstance(rule, SubstitutionRule)]
    return [
        Allowance(
            rule, missing if rule.alternatives else uncounted if rule.counts else longer if rule.one_token else everything
        )
        for rule in known
    ]
