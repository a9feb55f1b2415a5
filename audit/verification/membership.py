"""Collections: each test derived again from its evidence, and the collection concluded again."""

from __future__ import annotations

from llm_audit.detectors.registry import conclude, find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.results import Membership, Result
from llm_audit.verification.ledger import Ledger

DRAWN_ELSEWHERE = ("drawn", "rank_sum", "signs")
"""Kinds of evidence whose draws need the texts or the model, so that they are not drawn again."""


def membership(path: str, found: Membership, alpha: float, ledger: Ledger) -> None:
    """Everything that a report states about one collection."""
    terms = Terms(alpha)
    for number, test in enumerate(found.tests):
        _test(f"{path}.tests[{number}]", test, terms, ledger)
    try:
        ledger.fields(path, found, conclude("membership", found, terms), without={"tests"})
    except NotDerivable as why:
        ledger.cannot(path, str(why))
    if found.gate is not None and found.gate.auc is not None:
        ledger.draws_only.append(f"{path}.gate.auc")


def _test(path: str, stored: Result, terms: Terms, ledger: Ledger) -> None:
    rule = find_rule(stored.rule)
    try:
        if rule is None:
            raise NotDerivable(f"no rule with the code {stored.rule} is installed")
        ledger.fields(path, stored, rule.derive(Measurement.of(stored), terms))
    except NotDerivable as why:
        ledger.cannot(path, str(why))
        return
    draws, kind = stored.draws, stored.evidence and stored.evidence.kind
    if draws is not None and kind in DRAWN_ELSEWHERE and (kind != "drawn" or draws.count > len(draws.values)):
        ledger.draws_only.append(f"{path}.p_value")
