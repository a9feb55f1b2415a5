"""Verification of endpoints: each test is derived again from its evidence, and the endpoint is concluded again."""

from __future__ import annotations

from llm_audit.detectors.registry import conclude, find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.reports.wording.substitution import MULTIPLICITY
from llm_audit.results import Manifest, Substitution
from llm_audit.verification.ledger import Ledger
from llm_audit.verification.notes import of_endpoint


def substitution(path: str, subject: Substitution, manifest: Manifest, ledger: Ledger) -> None:
    """Check all that a report states about one endpoint."""
    terms = Terms(manifest.alpha, beside=subject.tests)
    codes = [test.rule for test in subject.tests]
    ledger.holds(f"{path}.tests", None, len(set(codes)) == len(codes), "hold two of one rule")
    for number, test in enumerate(subject.tests):
        rule = find_rule(test.rule)
        try:
            if rule is None:
                raise NotDerivable(f"no rule with the code {test.rule} is installed")
            missing = rule.beside if rule.beside not in codes else ""
            ledger.holds(f"{path}.tests", None, not missing, f"lack {missing}, without which there is no {rule.code}")
            rule.derive(Measurement.of(test), terms)
        except NotDerivable as why:
            ledger.cannot(f"{path}.tests[{number}]", str(why))
    concluded = conclude("substitution", subject, terms)
    ledger.fields(path, subject, concluded, without={"mixture"})
    ledger.same(f"{path}.mixture", subject.mixture, concluded.mixture, 1e-8)  # the bounds are found by bisection
    _facts(path, subject, manifest, ledger)
    of_endpoint(f"{path}.notes", subject, ledger)


def _facts(path: str, subject: Substitution, manifest: Manifest, ledger: Ledger) -> None:
    """Compare the facts that the report also states elsewhere; those known from the journal alone are not checked."""
    known = {"Endpoint": subject.endpoint, "Model asked for": subject.model, "Multiplicity": MULTIPLICITY}
    for number, fact in enumerate(subject.facts):
        at = f"{path}.facts[{number}].value"
        if fact.name in known:
            ledger.same(at, fact.value, known[fact.name])
        elif fact.name == "Seed":
            ledger.holds(at, fact.value, not manifest.seeds or fact.value in manifest.seeds, "is none of the seeds")
    if subject.since:
        ledger.same(f"{path}.allowed", subject.allowed, (f"the endpoint as of {subject.since}",))
