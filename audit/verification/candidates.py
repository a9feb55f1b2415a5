"""Verification of the candidates for a text: that they, their settings and what was measured of each are those named."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.common.errors import AuditError
from llm_audit.detectors import judging, registry
from llm_audit.reports.wording import attribution as wording
from llm_audit.results import Attribution, Authorship, Document, Manifest, ModelIdentity, Verdict
from llm_audit.results.evidence import Against, Generations, Members, Settings
from llm_audit.verification.ledger import Ledger

ERROR = "Why a candidate was not tested was not compared: it is in the words of an error."


def candidates(path: str, subject: Document, manifest: Manifest, ledger: Ledger) -> None:
    """Check that a text was tested with the candidates, models and settings that the report names, in their order."""
    if manifest.candidates and (subject.attributions or subject.why_unjudged is None) and subject.verdict is not Verdict.ERROR:
        ledger.same(f"{path}.attributions", [tested.candidate for tested in subject.attributions], manifest.candidates)
    models = dict.fromkeys(_identity(tested.model) for tested in subject.attributions if tested.model)
    listed = dict.fromkeys(identity for model in manifest.further_models if (identity := _identity(model)) in models)
    ledger.holds("manifest.further_models", None, list(listed) == list(models), "are not those of the candidates")
    roles = {candidate.role for candidate in subject.attributions}
    expected = [role for role in ("sanctioned", "other") if role in roles]
    ledger.same(f"{path}.sets", [attribution.role for attribution in subject.sets], expected)
    for number, attribution in enumerate(subject.sets):
        if attribution.evidence is not None:
            _of_set(f"{path}.sets[{number}].evidence", attribution.role, subject, attribution.evidence, ledger)
    for number, tested in enumerate(subject.attributions):
        if manifest.candidates:  # earlier versions may have understood a name otherwise
            ledger.same(f"{path}.attributions[{number}].settings", tested.settings, _settings_of(tested.candidate))
            ledger.holds(f"{path}.attributions[{number}].model", None, tested.model is not None, "is missing")
            _read_before(f"{path}.attributions[{number}]", tested, ledger)
        if tested.verdict is Authorship.NOT_ASSESSABLE and tested.evidence is None:
            _why_untested(f"{path}.attributions[{number}].reason", tested, ledger)
        if isinstance(tested.evidence, Settings):
            _under_settings(f"{path}.attributions[{number}]", number, subject, tested.evidence, ledger)
        if isinstance(tested.evidence, Generations):
            ordered = all(list(setting.rules) == sorted(set(setting.rules)) for setting in tested.evidence.settings)
            ledger.holds(f"{path}.attributions[{number}].evidence.settings", None, ordered, "have rules in another order")
            right = tuple(test.rule for test in tested.tests) in {setting.rules for setting in tested.evidence.settings}
            ledger.holds(f"{path}.attributions[{number}].tests", None, right, "are not those of the setting that is shown")


def _read_before(path: str, tested: Attribution, ledger: Ledger) -> None:
    """Check what a candidate is taken to have read, and that its guarantee is exact where that is known and it was tested."""
    ledger.same(f"{path}.exact", tested.exact, isinstance(tested.evidence, Settings))
    known = tested.context in (wording.NO_PROMPT, wording.UNKNOWN_FORM) or wording.AS_PROMPT.read(tested.context) is not None
    right = known if tested.exact else known or tested.context == wording.UNKNOWN_PROMPT
    right &= not (known and isinstance(tested.evidence, Generations))
    ledger.holds(f"{path}.context", tested.context, right, "is not what a candidate so tested has read")


def _why_untested(path: str, tested: Attribution, ledger: Ledger) -> None:
    """Check why a candidate was not tested: a sentence of ours that fits it, or the words of an error, which are noted."""
    fits = wording.why_untested_fits(tested)
    ledger.holds(path, None, fits is not False, "names another setting")
    if fits is None and ERROR not in ledger.notes:
        ledger.notes.append(ERROR)


def _under_settings(path: str, number: int, subject: Document, evidence: Settings, ledger: Ledger) -> None:
    """Check that a candidate has the same deciding tests under each setting, and that rivals are in their order.

    The evidence of the setting that is shown stands with its tests. `number`: of the candidate.
    """
    tests = subject.attributions[number].tests
    rules = [deciding.rule for deciding in evidence.settings[0].tests] if evidence.settings else []
    kinds = {test.rule for test in tests}
    right = rules == sorted(set(rules)) and kinds.issuperset(rules)
    for place, setting in enumerate(evidence.settings):
        at = f"{path}.evidence.settings[{place}]"
        ledger.same(f"{at}.tests", [deciding.rule for deciding in setting.tests], rules)
        absent = [deciding.rule for deciding in setting.tests if deciding.evidence is None]
        stored = not absent or place == evidence.shown or any(_of_plugin(rule) for rule in absent)
        ledger.holds(f"{at}.tests", None, stored, "lack what their p-values follow from")
        ledger.holds(f"{at}.tests", None, place != evidence.shown or len(absent) == len(rules), "repeat those that are shown")
    ledger.holds(f"{path}.evidence.settings", None, right, "hold other tests than the report")
    shared = [test.evidence for test in tests] + [
        deciding.evidence for setting in evidence.settings for deciding in setting.tests
    ]
    counts = {count for measured in shared if (count := getattr(measured, "tests", None)) is not None}
    ledger.holds(f"{path}.tests", None, counts <= {max(len(rules), 1)}, "are not as many as share alpha")
    others = [other for other in range(len(subject.attributions)) if other != number]
    against = [rival.candidate for rival in evidence.against]
    ledger.holds(f"{path}.evidence.against", None, against in ([], others), "are not the other candidates, in their order")
    _ratios(f"{path}.evidence.against", subject, evidence.against, ledger)


def _of_set(path: str, role: str, subject: Document, evidence: Members, ledger: Ledger) -> None:
    """Check that the likelihoods behind a set's e-value are of its members, and the others of candidates outside it."""
    members = [number for number, tested in enumerate(subject.attributions) if tested.role == role]
    outside = [number for number, tested in enumerate(subject.attributions) if tested.role != role and tested.tests]
    ledger.same(f"{path}.against", [rival.candidate for rival in evidence.against], members)
    named = [rival.candidate for rival in evidence.outside]
    ledger.holds(f"{path}.outside", None, named in ([], outside), "are not the candidates outside the set, in their order")
    _ratios(f"{path}.against", subject, evidence.against, ledger)
    _ratios(f"{path}.outside", subject, evidence.outside, ledger)


def _ratios(path: str, subject: Document, against: Sequence[Against], ledger: Ledger) -> None:
    """Check that likelihoods are stored under each setting of each candidate, with as many alternatives under each."""
    for place, rival in enumerate(against):
        known = 0 <= rival.candidate < len(subject.attributions)
        settings = len(subject.attributions[rival.candidate].settings) if known else 0
        ledger.same(f"{path}[{place}].settings", len(rival.settings), settings)
    sizes = {len(ratio.rivals) for rival in against for ratio in rival.settings}
    ledger.holds(path, None, len(sizes) < 2, "have different numbers of alternatives")


def _of_plugin(code: str) -> bool:
    """Whether the rule with this code is no rule of ours."""
    rule = registry.find_rule(code)
    return rule is None or rule.plugin is not None


def _settings_of(candidate: str) -> tuple[str, ...]:
    """The settings that a candidate's name stands for, in words; none if it is no name of one."""
    try:
        return judging.settings_of(candidate)
    except AuditError:
        return ()


def _identity(model: ModelIdentity) -> tuple[str, str, str]:
    """The model and its precision, by which sessions are told apart."""
    return model.name, model.digest, model.dtype
