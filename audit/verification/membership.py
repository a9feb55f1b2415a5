"""Collections: each test derived again from its evidence, and the collection concluded again."""

from __future__ import annotations

from pathlib import PurePath

from llm_audit.detectors.registry import conclude
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.results import Manifest, Membership, Result
from llm_audit.verification.documents import derived
from llm_audit.verification.ledger import Ledger

DRAWN_ELSEWHERE = ("drawn", "rank_sum", "signs")
"""Kinds of evidence whose draws need the texts or the model, so that they are not drawn again."""


def membership(path: str, found: Membership, manifest: Manifest, ledger: Ledger) -> None:
    """Everything that a report states about one collection."""
    terms = Terms(manifest.alpha)
    for number, test in enumerate(found.tests):
        at = f"{path}.tests[{number}]"
        if derived(at, test, terms, ledger) and _elsewhere(test):
            ledger.draws_only.append(f"{at}.p_value")
    try:
        ledger.fields(path, found, conclude("membership", found, terms), without={"tests"})
    except NotDerivable as why:
        ledger.cannot(path, str(why))
    _conditions(f"{path}.conditions", found, manifest, ledger)
    if found.gate is not None and found.gate.auc is not None:
        ledger.draws_only.append(f"{path}.gate.auc")


def _elsewhere(stored: Result) -> bool:
    """Whether the draws of a result are not drawn again."""
    draws, kind = stored.draws, stored.evidence and stored.evidence.kind
    return draws is not None and kind in DRAWN_ELSEWHERE and (kind != "drawn" or draws.count > len(draws.values))


def _conditions(path: str, found: Membership, manifest: Manifest, ledger: Ledger) -> None:
    """Compare the conditions, from which claim and facts follow, with the manifest of the run."""
    stated = found.conditions
    ledger.holds(path, None, (stated is None) == bool(found.early), "are missing, or stand where an early version had none")
    if stated is None:
        ledger.notes.append("The claim and the facts of the collection are stored as sentences alone, which were not checked.")
        return
    ledger.same(f"{path}.model", stated.model, manifest.model and manifest.model.name)
    ledger.same(f"{path}.precision", stated.precision, manifest.model and manifest.model.dtype)
    if stated.control is not None:
        others = [(model.name, model.digest) for model in manifest.further_models]
        ledger.holds(f"{path}.control", stated.control, stated.control in others, "is no model that the manifest names")
    if stated.seed_file is not None:
        files = {PurePath(name).name for name in manifest.inputs}
        ledger.holds(f"{path}.seed_file", stated.seed_file, stated.seed_file in files, "is no file that the manifest names")
