"""Collections: each test derived again from its evidence, and the collection concluded again."""

from __future__ import annotations

from pathlib import PurePath

from llm_audit.detectors.registry import conclude, find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.results import Conditions, Manifest, Membership, Result
from llm_audit.verification.ledger import Ledger

DRAWN_ELSEWHERE = ("drawn", "rank_sum", "signs")
"""Kinds of evidence whose draws need the texts or the model, so that they are not drawn again."""


def membership(path: str, found: Membership, manifest: Manifest, ledger: Ledger) -> None:
    """Everything that a report states about one collection."""
    terms = Terms(manifest.alpha)
    for number, test in enumerate(found.tests):
        _test(f"{path}.tests[{number}]", test, terms, ledger)
    try:
        ledger.fields(path, found, conclude("membership", found, terms), without={"tests"})
    except NotDerivable as why:
        ledger.cannot(path, str(why))
    _conditions(f"{path}.conditions", found.conditions, manifest, ledger)
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


def _conditions(path: str, stated: Conditions | None, manifest: Manifest, ledger: Ledger) -> None:
    """Compare the conditions of the measurement with the manifest of its run."""
    if stated is None:
        ledger.notes.append(
            "An earlier version stored the claim and the facts of the collection as sentences alone, which were not checked."
        )
        return
    ledger.same(f"{path}.model", stated.model, manifest.model and manifest.model.name)
    ledger.same(f"{path}.precision", stated.precision, manifest.model and manifest.model.dtype)
    if stated.control is not None:
        others = [(model.name, model.digest) for model in manifest.further_models]
        ledger.holds(f"{path}.control", stated.control, stated.control in others, "is no model that the manifest names")
    if stated.seed_file is not None:
        files = {PurePath(name).name for name in manifest.inputs}
        ledger.holds(f"{path}.seed_file", stated.seed_file, stated.seed_file in files, "is no file that the manifest names")
