"""Verification of documents: every result is derived again from its evidence, and the document is concluded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from llm_audit.detectors import judging, rank, registry
from llm_audit.detectors.populations import Population
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.results import Document, Manifest, Plugin, Result
from llm_audit.results.evidence import Conformal
from llm_audit.verification.candidates import candidates
from llm_audit.verification.ledger import Ledger

Find = Callable[[Conformal], Population]
"""Function from conformal evidence to its population; raises `NotDerivable` if that is not here."""


def document(path: str, subject: Document, manifest: Manifest, ledger: Ledger, find: Find) -> None:
    """Check all that a report states about one text."""
    terms = Terms(manifest.alpha, population=find)
    complete = True
    for at, result in _results(path, subject):
        complete &= derived(at, result, terms, ledger, manifest.plugins or ())
        evidence = result.evidence
        if isinstance(evidence, Conformal) and ".attributions" not in at:
            ledger.same(f"{at}.evidence.population", evidence.population, manifest.population)
            ledger.same(f"{at}.evidence.digest", evidence.digest, manifest.population_digest)
    candidates(path, subject, manifest, ledger)
    combined = subject.combined and subject.combined.evidence
    ranked = getattr(combined, "rules", ())
    detectors = [code for code in manifest.detectors if code in ranked]
    ledger.holds("manifest.detectors", None, detectors == list(ranked), "are not those of the combined test")
    measured = [result.evidence for result in subject.results]
    right = all(test in measured for test in getattr(combined, "tests", ()))
    ledger.holds(f"{path}.results", None, right, "lack a test that the verdict rests on")
    _as_given(path, subject, ledger)
    if subject.combined is None and not subject.attributions:
        return
    try:
        again = judging.conclude(subject, terms)
    except NotDerivable as error:
        ledger.cannot(path, str(error))
    else:
        # Results that could not be derived again equal themselves, which must not count as a check.
        settled = () if subject.gate is not None else ("verdict", "summary")  # else the whole run decides
        for name in (*settled, "stretches", *(("results", "attributions", "sets") if complete else ())):
            ledger.same(f"{path}.{name}", getattr(subject, name), getattr(again, name))


def _as_given(path: str, subject: Document, ledger: Ledger) -> None:
    """Check that a tampered text as it is was compared by the same detectors as the normalised one."""
    combined = subject.combined.evidence if subject.combined else None
    for number, result in enumerate(subject.results):
        evidence = result.evidence
        if isinstance(combined, Conformal) and isinstance(evidence, Conformal) and result.rule not in combined.rules:
            for name in ("rules", "weights"):
                ledger.same(f"{path}.results[{number}].evidence.{name}", getattr(evidence, name), getattr(combined, name))


def derived(path: str, stored: Result, terms: Terms, ledger: Ledger, plugins: Sequence[Plugin]) -> bool:
    """Compare a result with the one that its rule derives from the evidence; return whether it could be derived.

    Evidence that contradicts itself is a mismatch. The rule of a plugin whose files have changed since derives nothing.

    Args:
        path: of the result in the report.
        stored: the result.
        terms: level and populations.
        ledger: gets what was found.
        plugins: those that took part in the run.
    """
    rule = registry.find_rule(stored.rule)
    try:
        if rule is None:
            raise NotDerivable(f"no rule here has the code {stored.rule}")
        then = next((plugin for plugin in plugins if plugin.rule == stored.rule), None)
        if rule.plugin and then and rule.plugin.digest != then.digest:
            raise NotDerivable(f"the rule {stored.rule} is here of {rule.plugin.package} with other files than in the run")
        ledger.fields(path, stored, _as_then(stored, rule.derive(Measurement.of(stored), terms), terms))
    except NotDerivable as error:
        ledger.cannot(path, str(error))
        return False
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        ledger.holds(f"{path}.evidence", None, False, f"cannot be what was measured ({error})")
        return False
    return True


def _as_then(stored: Result, again: Result, terms: Terms) -> Result:
    """The result derived again, with the nearest kind of text by the rule of 0.2.0 where that version named it, without p."""
    kind = stored.population.nearest_kind if stored.population else None
    if kind is None or kind.p_value is not None or again.population is None or not isinstance(stored.evidence, Conformal):
        return again
    assert terms.population is not None
    named = rank.kind_of_largest_share(stored.evidence, terms.population(stored.evidence))
    return again.model_copy(update={"population": again.population.model_copy(update={"nearest_kind": named})})


def _results(path: str, subject: Document) -> Iterator[tuple[str, Result]]:
    """Every result of a document, with its path in the report."""
    if subject.combined is not None:
        yield f"{path}.combined", subject.combined
    for number, result in enumerate(subject.results):
        yield f"{path}.results[{number}]", result
    for number, attribution in enumerate(subject.attributions):
        for place, test in enumerate(attribution.tests):
            yield f"{path}.attributions[{number}].tests[{place}]", test
