"""Verification of documents: every result is derived again from its evidence, and the document is concluded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm_audit.detectors import judging, registry
from llm_audit.detectors.populations import Population
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.results import Document, Manifest, Result, Verdict
from llm_audit.results.evidence import Conformal, Generations
from llm_audit.verification.ledger import Ledger

Find = Callable[[Conformal], Population]
"""Function from conformal evidence to its population; raises `NotDerivable` if that is not here."""


def document(path: str, found: Document, manifest: Manifest, ledger: Ledger, find: Find) -> None:
    """Check all that a report states about one text."""
    terms = Terms(manifest.alpha, population=find)
    whole = True
    for at, result in _results(path, found):
        whole &= derived(at, result, terms, ledger)
        evidence = result.evidence
        if isinstance(evidence, Conformal) and ".attributions" not in at:
            ledger.same(f"{at}.evidence.population", evidence.population, manifest.population)
            ledger.same(f"{at}.evidence.digest", evidence.digest, manifest.population_digest)
    if manifest.candidates and (found.attributions or found.why_unjudged is None) and found.verdict is not Verdict.ERROR:
        ledger.same(f"{path}.attributions", [one.candidate for one in found.attributions], manifest.candidates)
    models = dict.fromkeys((one.model.name, one.model.digest, one.model.dtype) for one in found.attributions if one.model)
    listed = [each for one in manifest.further_models if (each := (one.name, one.digest, one.dtype)) in models]
    ledger.holds(
        "manifest.further_models", None, list(dict.fromkeys(listed)) == list(models), "are not those of the candidates"
    )
    roles = {candidate.role for candidate in found.attributions}
    ledger.same(f"{path}.sets", [one.role for one in found.sets], [role for role in ("sanctioned", "other") if role in roles])
    for number, one in enumerate(found.attributions):
        if isinstance(one.evidence, Generations):
            right = tuple(test.rule for test in one.tests) in {setting.rules for setting in one.evidence.settings}
            ledger.holds(f"{path}.attributions[{number}].tests", None, right, "are not those of the setting that is shown")
    ranked = getattr(found.combined and found.combined.evidence, "rules", ())
    named = [code for code in manifest.detectors if code in ranked]
    ledger.holds("manifest.detectors", None, named == list(ranked), "are not those of the combined test")
    measured = [result.evidence for result in found.results]
    together = getattr(found.combined and found.combined.evidence, "tests", ())
    ledger.holds(f"{path}.results", None, all(test in measured for test in together), "lack a test that the verdict rests on")
    if (found.combined is None and not found.attributions) or found.gate is not None:
        return
    try:
        again = judging.conclude(found, terms)
    except NotDerivable as error:
        ledger.cannot(path, str(error))
    else:
        # Results that could not be derived again equal themselves, which must not count as a check.
        for name in ("verdict", "summary", "stretches", *(("results", "attributions", "sets") if whole else ())):
            ledger.same(f"{path}.{name}", getattr(found, name), getattr(again, name))


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


def _results(path: str, found: Document) -> Iterator[tuple[str, Result]]:
    """Every result of a document, with its path in the report."""
    if found.combined is not None:
        yield f"{path}.combined", found.combined
    for number, result in enumerate(found.results):
        yield f"{path}.results[{number}]", result
    for number, attribution in enumerate(found.attributions):
        for place, test in enumerate(attribution.tests):
            yield f"{path}.attributions[{number}].tests[{place}]", test
