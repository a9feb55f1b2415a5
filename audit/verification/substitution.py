"""Endpoints: concluded again, which derives each test again from its evidence."""

from __future__ import annotations

from llm_audit.detectors.registry import conclude, find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.results import Substitution
from llm_audit.verification.ledger import Ledger


def substitution(path: str, found: Substitution, alpha: float, ledger: Ledger) -> None:
    """Everything that a report states about one endpoint."""
    terms = Terms(alpha, beside=found.tests)
    for number, test in enumerate(found.tests):
        rule = find_rule(test.rule)
        try:
            if rule is None:
                raise NotDerivable(f"no rule with the code {test.rule} is installed")
            rule.derive(Measurement.of(test), terms)
        except NotDerivable as why:
            ledger.cannot(f"{path}.tests[{number}]", str(why))
    concluded = conclude("substitution", found, terms)
    ledger.fields(path, found, concluded, without={"mixture"})
    ledger.same(f"{path}.mixture", found.mixture, concluded.mixture, 1e-8)  # the bounds are found by bisection
