"""Check whether the files that a report names are unchanged: inputs, populations, models. Missing ones are noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from llm_audit.common.errors import AuditError
from llm_audit.detectors import populations
from llm_audit.detectors.populations import Population
from llm_audit.detectors.rule import NotDerivable
from llm_audit.results import Document, Manifest, Report
from llm_audit.results.evidence import Conformal
from llm_audit.scoring.store import Store
from llm_audit.setup.manifest import file_digest
from llm_audit.verification.inputs import read_again
from llm_audit.verification.ledger import Ledger


def inputs(
    report: Report, places: Sequence[str], folder: Path, ledger: Ledger, find: Callable[[Conformal], Population]
) -> None:
    """Check the digests of the inputs that the report names, relative to `folder`, and what follows from unchanged texts."""
    named: list[tuple[str, str, str, Document | None]] = [
        (place, subject.name, subject.sha256, subject)
        for place, subject in zip(places, report.subjects, strict=True)
        if isinstance(subject, Document) and subject.sha256
    ]
    named += [(f"manifest.inputs.{name}", name, digest, None) for name, digest in report.manifest.inputs.items()]
    missing = []
    for place, name, digest, document in named:
        path = folder / name
        try:
            # What has no size, as all in /proc, was no input, and may never end.
            exists = name != "-" and path.is_file() and path.stat().st_size > 0
        except (OSError, ValueError):  # no possible name of a file
            exists = False
        if not exists:
            missing.append(name)
            continue
        again = file_digest(path)
        ledger.same(f"{place}.sha256" if document else place, digest, again)
        if document and again == digest:
            read_again(place, document, report, path, ledger, find)
    if missing:
        ledger.notes.append(f"Inputs that are not here, so that nothing of them was checked: {_few(missing)}.")


def models(manifest: Manifest, ledger: Ledger) -> None:
    """Check the digests of the models that are in the store, or in the folder that the report names."""
    for path, model in (
        ("manifest.model", manifest.model),
        ("manifest.reference_model", manifest.reference_model),
        *((f"manifest.further_models[{n}]", further) for n, further in enumerate(manifest.further_models)),
    ):
        if model is None:
            continue
        try:
            stored = Store().resolve(model.name, offline=True)
        except AuditError:
            ledger.notes.append(f"The model {model.name} is not here, so that its digests were not checked.")
            continue
        ledger.same(f"{path}.digest", model.digest, stored.digest)
        if model.files:
            ledger.same(f"{path}.files", model.files, dict(stored.files))


def finder() -> Callable[[Conformal], Population]:
    """A function that looks populations up by name and refuses a different digest: ranks among other texts verify nothing."""
    known: dict[str, Population | None] = {}

    def find(evidence: Conformal) -> Population:
        if evidence.population not in known:
            try:
                known[evidence.population] = populations.load(evidence.population)
            except AuditError:
                known[evidence.population] = None
        population = known[evidence.population]
        if population is None:
            raise NotDerivable(f"the population {evidence.population} is not here")
        if population.digest != evidence.digest:
            raise NotDerivable(f"the population {evidence.population} here is another one (digest {population.digest[:12]})")
        return population

    return find


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
