"""Verification of endpoints: each test is derived again from its evidence, and the endpoint is concluded again."""

from __future__ import annotations

import re

from llm_audit.detectors.registry import conclude, find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.endpoints import probe
from llm_audit.endpoints.journal import FACTS, REQUESTS, TOKENS, UNCOUNTED
from llm_audit.reports.wording.substitution import FIXED, MULTIPLICITY, QUESTIONS, REFERENCE, TRUSTED, answers, reference, rows
from llm_audit.results import Manifest, Substitution
from llm_audit.results.substitution_evidence import BorderChange, Change, Conformance, OnlineRanks
from llm_audit.verification.ledger import Ledger
from llm_audit.verification.notes import fixed, of_endpoint

_SETTING = re.compile(r"true|false|null|[\d.e-]+")
"""Value of a setting of an audit, as JSON."""


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
    _allowed(path, subject, ledger)
    _conformance(path, subject, ledger)
    _facts(path, subject, manifest, ledger)
    of_endpoint(f"{path}.notes", subject, ledger)


def _facts(path: str, subject: Substitution, manifest: Manifest, ledger: Ledger) -> None:
    """Check that all facts are there, in order, and that they agree with what the report also states.

    What only the journal knows is not compared: names and times of answers, and failed attempts.
    """
    names = [fact.name for fact in subject.facts]
    ledger.same(f"{path}.facts", names, _names(subject, manifest))
    known = _known(subject, manifest)
    for number, fact in enumerate(subject.facts):
        at = f"{path}.facts[{number}].value"
        if fact.name in known:
            ledger.same(at, fact.value, known[fact.name])
        elif fact.name == "Seed":
            ledger.holds(at, fact.value, not manifest.seeds or fact.value in manifest.seeds, "is none of the seeds")
        elif fact.name == "Tokens":
            counted = TOKENS.write(prompts=subject.cost.prompt_tokens, answers=subject.cost.completion_tokens)
            rest = fact.value.removeprefix(counted)
            right = fact.value.startswith(counted) and (not rest or UNCOUNTED.read(rest) is not None)
            ledger.holds(at, fact.value, right, "is not what the answers cost")
        elif fact.name == "Questions":
            ledger.holds(at, fact.value, QUESTIONS.read(fact.value) is not None, "is no statement on the questions")
        elif fact.name == FIXED:
            settings = fixed(subject)
            right = settings.get("alpha") == str(manifest.alpha) and all(map(_SETTING.fullmatch, settings.values()))
            ledger.holds(at, fact.value, right, "are no settings at the level of the report")
    if subject.asking is not None:  # early versions had other capabilities
        ledger.same(f"{path}.capabilities", [fact.name for fact in subject.capabilities], probe.names_of(subject.capabilities))


def _allowed(path: str, subject: Substitution, ledger: Ledger) -> None:
    """Check that the variants that would be as promised are those that answers were compared with."""
    if subject.since:
        ledger.same(f"{path}.reference", subject.reference, None)
        ledger.same(f"{path}.allowed", subject.allowed, (f"the endpoint as of {subject.since}",))
    else:
        ledger.holds(f"{path}.reference", None, subject.asking is None or bool(subject.reference), "is missing")
    for test in subject.tests:
        if isinstance(test.evidence, OnlineRanks) and subject.reference:
            model = f"{subject.reference}, " if test.evidence.yardstick == "local" else ""
            ledger.same(f"{path}.allowed", subject.allowed, [f"{model}{variant.name}" for variant in test.evidence.variants])


def _conformance(path: str, subject: Substitution, ledger: Ledger) -> None:
    """Check that the answers were asked of the model that the report names and that, but for early versions, all is counted."""
    for number, test in enumerate(subject.tests):
        if isinstance(counted := test.evidence, Conformance):
            at = f"{path}.tests[{number}].evidence"
            ledger.same(f"{at}.asked", counted.asked, subject.model)
            if subject.asking is not None:
                lacking = [name for name in COUNTS if getattr(counted, name) is None]
                ledger.holds(at, None, not lacking, f"lacks {', '.join(lacking)}")


COUNTS = ("answers", "contradictory", "defective", "flaws", "repaired", "greedy", "unlikely", "untold")
"""Counts of a conformance test that early versions did not make."""


def _names(subject: Substitution, manifest: Manifest) -> list[str]:
    """Names of all facts, in order: of a comparison with the endpoint's own past, or of an audit."""
    if subject.since:
        kinds = {"Rows": Change, "Answers": BorderChange}
        tested = [name for name, kind in kinds.items() if any(isinstance(test.evidence, kind) for test in subject.tests)]
        named = [fact.name for fact in subject.facts[:1] if fact.name in kinds]  # where nothing could be tested
        return [*(tested or named or ["Rows"]), *FACTS]
    references = [REFERENCE]
    if manifest.model is None:  # nothing was computed here: trusted endpoints are the reference, some with several variants
        listed = sum(TRUSTED.read(fact.name) is not None for fact in subject.facts)
        at_least = len({variant.partition(",")[0] for variant in subject.allowed})
        references = [TRUSTED.write(at=number) for number in range(1, max(listed, at_least) + 1)]
    return [FIXED, *references, "Questions", "Multiplicity", "Seed", *FACTS]


def _known(subject: Substitution, manifest: Manifest) -> dict[str, str]:
    """Name -> value of the facts that follow from the rest of the report."""
    known = {
        "Endpoint": subject.endpoint,
        "Model asked for": subject.model,
        "Multiplicity": MULTIPLICITY,
        "Requests": REQUESTS.write(requests=subject.cost.requests, attempts=subject.cost.attempts),
    }
    if manifest.model is not None and subject.asking is not None:
        known[REFERENCE] = reference(manifest.model.name, manifest.model.digest, subject.asking.surface)
    for test in subject.tests:
        if isinstance(test.evidence, Change):
            known["Rows"] = rows(test.evidence.before, len(test.evidence.rows) - test.evidence.before)
        if isinstance(test.evidence, BorderChange):
            counts = test.evidence.inputs
            before, now = sum(sum(prompt.before) for prompt in counts), sum(sum(prompt.after) for prompt in counts)
            known["Answers"] = answers(before, now, len(counts))
    return known
