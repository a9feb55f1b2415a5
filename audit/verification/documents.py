"""Verification of documents: every result is derived again from its evidence, and the document is concluded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm_audit.common.errors import AuditError
from llm_audit.detectors import judging, registry
from llm_audit.detectors.populations import Population
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.results import Document, Manifest, ModelIdentity, Result, Verdict
from llm_audit.results.evidence import Conformal, Generations
from llm_audit.verification.ledger import Ledger

Find = Callable[[Conformal], Population]
"""Function from conformal evidence to its population; raises `NotDerivable` if that is not here."""


def document(path: str, subject: Document, manifest: Manifest, ledger: Ledger, find: Find) -> None:
    """Check all that a report states about one text."""
    terms = Terms(manifest.alpha, population=find)
    complete = True
    for at, result in _results(path, subject):
        complete &= derived(at, result, terms, ledger)
        evidence = result.evidence
        if isinstance(evidence, Conformal) and ".attributions" not in at:
            ledger.same(f"{at}.evidence.population", evidence.population, manifest.population)
            ledger.same(f"{at}.evidence.digest", evidence.digest, manifest.population_digest)
    _candidates(path, subject, manifest, ledger)
    combined = subject.combined and subject.combined.evidence
    ranked = getattr(combined, "rules", ())
    detectors = [code for code in manifest.detectors if code in ranked]
    ledger.holds("manifest.detectors", None, detectors == list(ranked), "are not those of the combined test")
    measured = [result.evidence for result in subject.results]
    right = all(test in measured for test in getattr(combined, "tests", ()))
    ledger.holds(f"{path}.results", None, right, "lack a test that the verdict rests on")
    if (subject.combined is None and not subject.attributions) or subject.gate is not None:
        return
    try:
        again = judging.conclude(subject, terms)
    except NotDerivable as error:
        ledger.cannot(path, str(error))
    else:
        # Results that could not be derived again equal themselves, which must not count as a check.
        for name in ("verdict", "summary", "stretches", *(("results", "attributions", "sets") if complete else ())):
            ledger.same(f"{path}.{name}", getattr(subject, name), getattr(again, name))


def _candidates(path: str, subject: Document, manifest: Manifest, ledger: Ledger) -> None:
    """Check that a text was tested with the candidates, models and settings that the report names, in their order."""
    if manifest.candidates and (subject.attributions or subject.why_unjudged is None) and subject.verdict is not Verdict.ERROR:
        ledger.same(f"{path}.attributions", [tested.candidate for tested in subject.attributions], manifest.candidates)
    models = dict.fromkeys(_identity(tested.model) for tested in subject.attributions if tested.model)
    listed = dict.fromkeys(identity for model in manifest.further_models if (identity := _identity(model)) in models)
    ledger.holds("manifest.further_models", None, list(listed) == list(models), "are not those of the candidates")
    roles = {candidate.role for candidate in subject.attributions}
    expected = [role for role in ("sanctioned", "other") if role in roles]
    ledger.same(f"{path}.sets", [attribution.role for attribution in subject.sets], expected)
    for number, tested in enumerate(subject.attributions):
        if manifest.candidates:  # earlier versions may have understood a name otherwise
            ledger.same(f"{path}.attributions[{number}].settings", tested.settings, _settings_of(tested.candidate))
        if isinstance(tested.evidence, Generations):
            right = tuple(test.rule for test in tested.tests) in {setting.rules for setting in tested.evidence.settings}
            ledger.holds(f"{path}.attributions[{number}].tests", None, right, "are not those of the setting that is shown")


def _settings_of(candidate: str) -> tuple[str, ...]:
    """The settings that a candidate's name stands for, in words; none if it is no name of one."""
    try:
        return judging.settings_of(candidate)
    except AuditError:
        return ()


def _identity(model: ModelIdentity) -> tuple[str, str, str]:
    """The model and its precision, by which sessions are told apart."""
    return model.name, model.digest, model.dtype


def derived(path: str, stored: Result, terms: Terms, ledger: Ledger) -> bool:
    """Compare a result with the one that its rule derives from the evidence; return whether it could be derived.

    Evidence that contradicts itself is a mismatch.
    """
    rule = registry.find_rule(stored.rule)
    try:
        if rule is None:
            raise NotDerivable(f"no rule here has the code {stored.rule}")
        ledger.fields(path, stored, rule.derive(Measurement.of(stored), terms))
    except NotDerivable as error:
        ledger.cannot(path, str(error))
        return False
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        ledger.holds(f"{path}.evidence", None, False, f"cannot be what was measured ({error})")
        return False
    return True


def _results(path: str, subject: Document) -> Iterator[tuple[str, Result]]:
    """Every result of a document, with its path in the report."""
    if subject.combined is not None:
        yield f"{path}.combined", subject.combined
    for number, result in enumerate(subject.results):
        yield f"{path}.results[{number}]", result
    for number, attribution in enumerate(subject.attributions):
        for place, test in enumerate(attribution.tests):
            yield f"{path}.attributions[{number}].tests[{place}]", test
