"""What was run: versions, digests, settings. Enough to repeat a run and to see what changed since."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from llm_audit import __version__
from llm_audit.detectors.announced import switched_off
from llm_audit.results import Manifest, ModelIdentity, Plugin

if TYPE_CHECKING:
    from llm_audit.detectors import Detector
    from llm_audit.detectors.membership.base import MembershipScore
    from llm_audit.populations import Population
    from llm_audit.scoring.session import Session
    from llm_audit.scoring.store import StoredModel

PACKAGES = ("numpy", "safetensors", "scikit-learn", "scipy", "tokenizers", "torch", "transformers")


def collect(
    session: Session | None,
    *,
    alpha: float,
    rules: Sequence[str],
    population: Population | None = None,
    used: Sequence[Detector | MembershipScore] = (),
) -> Manifest:
    """The manifest of a run that starts now.

    Args:
        session: the scoring models; None if no model is asked.
        alpha: of every decision.
        rules: codes of what is to run.
        population: that texts are compared with.
        used: detectors and scores, of which the plugins are named.
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
        plugins=None if switched_off() else _plugins(used),
        packages={name: version(name) for name in PACKAGES},
        threads=os.cpu_count(),
    )


def _plugins(used: Sequence[Detector | MembershipScore]) -> tuple[Plugin, ...]:
    return tuple(
        Plugin(
            rule=each.rule,
            name=each.name,
            distribution=each.plugin.distribution,
            version=each.plugin.version,
            digest=each.plugin.digest,
        )
        for each in used
        if each.plugin
    )


def now() -> str:
    """The time in UTC, to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
