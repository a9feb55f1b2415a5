"""What was run: versions, digests, settings. Enough to repeat a run and to see what changed since."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from llm_audit import __version__
from llm_audit.results import Manifest, ModelIdentity

if TYPE_CHECKING:
    from llm_audit.plan import Settings
    from llm_audit.scoring.session import Session
    from llm_audit.scoring.store import StoredModel

PACKAGES = ("numpy", "safetensors", "scipy", "tokenizers", "torch", "transformers")


def collect(session: Session, settings: Settings) -> Manifest:
    """The manifest of a run that starts now."""

    def identity(model: StoredModel) -> ModelIdentity:
        return ModelIdentity(name=model.name, digest=model.digest, dtype=session.dtype)

    return Manifest(
        version=__version__,
        command=tuple(argument.encode("utf-8", "backslashreplace").decode() for argument in sys.argv),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        alpha=settings.alpha,
        model=identity(session.model),
        reference_model=identity(session.reference) if session.reference else None,
        population=settings.population.datasheet.name,
        population_digest=settings.population.digest,
        detectors=tuple(detector.rule for detector in settings.detectors),
        packages={name: version(name) for name in PACKAGES},
        threads=os.cpu_count(),
    )
