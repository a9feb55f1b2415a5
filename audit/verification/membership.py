"""Verification of collections: each test is derived again from its evidence, and the collection is concluded again."""

from __future__ import annotations

from pathlib import PurePath

from llm_audit.detectors.registry import conclude, find_rule, shipped
from llm_audit.detectors.rule import MembershipTest, NotDerivable, Terms
from llm_audit.reports.wording.early import conditions_of
from llm_audit.reports.wording.membership import CONTROL_ALONE
from llm_audit.results import Conditions, Manifest, Membership, Report, Result
from llm_audit.results.membership import is_blind
from llm_audit.results.membership_evidence import Drawn, Signs
from llm_audit.verification.documents import derived
from llm_audit.verification.ledger import Ledger
from llm_audit.verification.notes import of_collection

DRAWN_ELSEWHERE = ("drawn", "rank_sum", "signs")
"""Kinds of evidence whose draws cannot be repeated here, since they need the texts or the model."""


PASSES = (
    "Nothing was stated of where the texts are from, and the report does not say that this leaves the question open at any p: "
    "versions up to 0.2.0 let tests pass without."
)


def membership(path: str, subject: Membership, report: Report, ledger: Ledger) -> None:
    """Check all that a report states about one collection."""
    manifest = report.manifest
    terms = Terms(manifest.alpha)
    for number, test in enumerate(subject.tests):
        at = f"{path}.tests[{number}]"
        if derived(at, test, terms, ledger, manifest.plugins or ()) and _elsewhere(test):
            ledger.draws_only.append(f"{at}.p_value")
    stated = subject.conditions or conditions_of(subject, manifest)
    try:
        again = conclude("membership", subject.model_copy(update={"conditions": stated}), terms)
        ledger.fields(path, subject, again, without={"tests", "conditions"})
    except NotDerivable as why:
        ledger.cannot(path, str(why))
    early = subject.conditions is None
    ledger.holds(
        f"{path}.conditions", None, early == bool(subject.early), "are missing, or stand where an early version had none"
    )
    first = manifest.version.startswith("0.1.") and not subject.unstated
    ledger.holds(f"{path}.early", subject.early, first or not subject.early, "is said of what a later version wrote")
    at = f"{path}.facts" if early else f"{path}.conditions"
    _conditions(at, stated, manifest, ledger)
    _beside(path, at, subject, stated, manifest, ledger)
    _sides(path, subject, stated, manifest, ledger)
    if not early:
        _as_asked(path, subject, stated, ledger)
    of_collection(f"{path}.notes", subject, report, ledger)
    if subject.gate is not None and subject.gate.auc is not None:
        ledger.draws_only.append(f"{path}.gate.auc")


def _elsewhere(stored: Result) -> bool:
    """Whether the draws of a result cannot be repeated here."""
    draws, kind = stored.draws, stored.evidence and stored.evidence.kind
    return draws is not None and kind in DRAWN_ELSEWHERE and (kind != "drawn" or draws.count > len(draws.values))


def _conditions(path: str, stated: Conditions, manifest: Manifest, ledger: Ledger) -> None:
    """Compare the conditions of a collection, from which its claim and facts are derived, with the manifest of the run."""
    ledger.same(f"{path}.model", stated.model, manifest.model and manifest.model.name)
    ledger.same(f"{path}.precision", stated.precision, manifest.model and manifest.model.dtype)
    if stated.control is not None:
        others = [(model.name, model.digest) for model in manifest.further_models]
        ledger.holds(f"{path}.control", stated.control, stated.control in others, "is no model that the manifest names")
    either = stated.endpoint is None or manifest.model is None
    ledger.holds(f"{path}.endpoint", stated.endpoint, either, "stands beside a model that the manifest names")
    if stated.seed_file is not None:
        files = {PurePath(name).name for name in manifest.inputs}
        ledger.holds(f"{path}.seed_file", stated.seed_file, stated.seed_file in files, "is no file that the manifest names")


OF_ANY_TEST = frozenset({"model", "precision", "start", "seed", "seed_file", "control"})
OF_SCORES = frozenset({"room", "copies", "vocabulary", "table"})
OF_TWO_SIDES = frozenset({"copies"})
"""Conditions of any measurement; and beside them, of scores, and of the blind baseline of two sides alone."""


def _as_asked(path: str, subject: Membership, stated: Conditions, ledger: Ledger) -> None:
    """Check that the conditions are those of what was measured, and that counts and seeds of one thing are the same."""
    fitting = OF_SCORES if subject.texts else OF_TWO_SIDES
    rule = find_rule(subject.deciding[0].rule) if subject.deciding else None
    if subject.deciding:
        fitting = rule.conditions if isinstance(rule, MembershipTest) else frozenset(Conditions.model_fields)
    others = [
        name
        for name in stated.model_fields_set
        if getattr(stated, name) not in (None, ()) and name not in OF_ANY_TEST | fitting
    ]
    ledger.holds(f"{path}.conditions", None, not others, f"hold {', '.join(sorted(others))}, which was not asked for")
    sizes_of_tests = {test.n for test in subject.tests}
    ledger.holds(f"{path}.tests", None, len(sizes_of_tests) < 2, "are of different numbers of units")
    for number, test in enumerate(subject.tests):
        if test.draws is not None:
            ledger.same(f"{path}.tests[{number}].draws.seed", test.draws.seed, stated.seed)
        if isinstance(test.evidence, Drawn | Signs):
            ledger.holds(f"{path}.tests[{number}].effect", None, test.effect is not None, "is missing")
        if isinstance(test.evidence, Drawn):
            kind = test.evidence.effect
            ledger.holds(f"{path}.tests[{number}].evidence.effect", None, kind is not None, "is missing")
    if stated.copies is not None:
        equal, (_, left_out) = stated.copies.equal, stated.copies.left_out
        right = equal <= left_out and bool(stated.copies.first) == (left_out > 0)
        ledger.holds(f"{path}.conditions.copies", None, right, "name other texts than were left out")
    needed = bool(subject.separations or (isinstance(rule, MembershipTest) and (rule.held_out or rule.unstated)))
    ledger.holds(f"{path}.unstated", subject.unstated, needed or not subject.unstated, "is said of what needs no statement")
    ledger.holds(f"{path}.undecided", subject.undecided, subject.unstated or not subject.undecided, "is said of what is stated")
    if subject.unstated and not subject.undecided:
        ledger.notes.append(PASSES)


def _sides(path: str, subject: Membership, stated: Conditions, manifest: Manifest, ledger: Ledger) -> None:
    """Check that the blind baseline is of both sides, and that both are separated by every score, each of its rule."""
    if subject.gate is not None and (subject.texts or subject.conditions is not None):  # early tests do not store groups
        sizes = [before for before, _ in stated.groups] or [subject.n_suspect, subject.n_held_out]
        ledger.same(f"{path}.gate.n_suspect", subject.gate.n_suspect, sizes[0])
        ledger.same(f"{path}.gate.n_held_out", subject.gate.n_held_out, sizes[1])
    elif subject.texts:
        held_out = [text.name for text in subject.texts if text.side == "held_out"]
        ledger.holds(f"{path}.gate", None, not held_out, "is missing, although there are held-out texts")
    both = {text.side for text in subject.texts} == {"suspect", "held_out"}
    names = sorted(subject.texts[0].scores) if subject.texts else []
    for number, text in enumerate(subject.texts):
        ledger.same(f"{path}.texts[{number}].scores", sorted(text.scores), names)
    ledger.same(f"{path}.separations", sorted(separation.score for separation in subject.separations), names if both else [])
    ours = {rule.name: rule for rule in shipped("membership")}
    for number, separation in enumerate(subject.separations):
        if (rule := ours.get(separation.score)) is not None:  # a plugin's may not be here
            ledger.same(f"{path}.separations[{number}].rule", separation.rule, rule.code)
            ledger.same(f"{path}.separations[{number}].title", separation.title, rule.title)
    if subject.texts and not both and set(names) <= ours.keys():
        codes = sorted({ours[name].code for name in names})
        ledger.same("manifest.detectors", manifest.detectors, codes)


def _beside(path: str, at: str, subject: Membership, stated: Conditions, manifest: Manifest, ledger: Ledger) -> None:
    """Check that the tests that must accompany the test of the model are there: of the texts alone, and of a control model.

    Without them a finding would lack the evidence against it. `at` is the path of the conditions.
    """
    controlled = any(text.control for text in subject.texts)
    if subject.deciding:
        decided = subject.deciding[0]
        rule = find_rule(decided.rule)
        if not isinstance(rule, MembershipTest):  # of a plugin that is not here, which is noted
            return
        controlled = bool(getattr(decided.evidence, "controlled", None))
        names = [rule.alone] * bool(rule.alone) + [CONTROL_ALONE] * controlled + [decided.name]
        tests = sorted(subject.tests, key=lambda test: not is_blind(test))
        ledger.same(f"{path}.tests", [test.name for test in tests], names)
        compared = (subject.gate is not None) == rule.held_out
        ledger.holds(f"{path}.gate", None, compared, "is missing, or stands where there are no held-out texts")
        matching = len(manifest.further_models) == controlled
        ledger.holds("manifest.further_models", None, matching, "are not those that the test asked")
    ledger.holds(f"{at}.control", stated.control, controlled == (stated.control is not None), "contradicts what was measured")
