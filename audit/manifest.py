"""What was run: versions, digests, settings. Enough to repeat a run and to see what changed since."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from llm_audit import __version__
from llm_audit.errors import AuditError
from llm_audit.results import Manifest, ModelIdentity

if TYPE_CHECKING:
    from llm_audit.populations import Population
    from llm_audit.scoring.session import Session
    from llm_audit.scoring.store import StoredModel

PACKAGES = ("numpy", "safetensors", "scikit-learn", "scipy", "tokenizers", "torch", "transformers")


def collect(session: Session | None, *, alpha: float, rules: Sequence[str], population: Population | None = None) -> Manifest:
    """The manifest of a run that starts now.

    Args:
        session: the scoring models; None if no model is asked.
        alpha: of every decision.
        rules: codes of what is to run.
        population: that texts are compared with.
    """

    def identity(model: StoredModel, session: Session) -> ModelIdentity:
        return ModelIdentity(name=model.name, digest=model.digest, dtype=session.dtype)

    return Manifest(
        version=__version__,
        command=tuple(argument.encode("utf-8", "backslashreplace").decode() for argument in sys.argv),
        started=now(),
        alpha=alpha,
        model=identity(session.model, session) if session else None,
        reference_model=identity(session.reference, session) if session and session.reference else None,
        population=population.datasheet.name if population else None,
        population_digest=population.digest if population else None,
        detectors=tuple(rules),
        packages={name: version(name) for name in PACKAGES},
        threads=os.cpu_count(),
    )


def now() -> str:
    """The time in UTC, to the second, ISO 8601.

    `SOURCE_DATE_EPOCH` (reproducible-builds.org), seconds since 1970, takes its place, so that two runs give equal bytes.

    Raises:
        AuditError: what it holds is no such number.
    """
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is None:
        return datetime.now(UTC).isoformat(timespec="seconds")
    try:
        if not (told.isascii() and told.isdigit()):
            raise ValueError
        return datetime.fromtimestamp(int(told), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        raise AuditError(
            f"SOURCE_DATE_EPOCH is {told!r}; set it to seconds since 1970, such as 1735689600, or not at all."
        ) from None
