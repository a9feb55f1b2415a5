"""The manifest of a run: versions, digests, settings; enough to repeat it and to see what changed since."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.files import sha256_of
from llm_audit.common.version import __version__
from llm_audit.detectors.announced import switched_off
from llm_audit.results import Manifest, ModelIdentity, Plugin, Report

if TYPE_CHECKING:
    from llm_audit.detectors.membership.base import MembershipScore
    from llm_audit.detectors.populations import Population
    from llm_audit.detectors.rule import Rule
    from llm_audit.scoring.session import Session
    from llm_audit.scoring.store import StoredModel

REMOVED = "[removed]"
_SECRET = re.compile(
    r"-+(.*[-_])?(key|apikey|token|secret|password|passphrase|credentials?|auth|authorization|bearer|header)", re.I
)
_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_IN_QUERY = re.compile(r"([?&](?:[\w-]*(?:key|token|secret|password|auth|signature))=)[^&#\s]+", re.I)
"""Patterns of secrets on a command line: option names, credentials in an address, parameters of an address."""

PACKAGES = ("numpy", "safetensors", "scikit-learn", "scipy", "tokenizers", "torch", "transformers")


def collect(
    session: Session | None,
    *,
    alpha: float,
    rules: Sequence[str],
    population: Population | None = None,
    further: Sequence[Session] = (),
    used: Sequence[Rule[Any, Any] | MembershipScore] = (),
    candidates: Sequence[str] = (),
) -> Manifest:
    """The manifest of a run; `complete` adds what is known at its end.

    Args:
        session: the scoring models; None if no model is used.
        alpha: level of every decision.
        rules: codes of the rules that run.
        population: the population that texts are compared with.
        further: sessions of other models that are used.
        used: rules and scores that ran, of which the plugins are listed.
        candidates: who may have written the texts, in the order of the report.
    """
    return Manifest(
        version=__version__,
        command=safe_command(sys.argv),
        started=now(),
        alpha=alpha,
        model=_identity(session.model, session) if session else None,
        reference_model=_identity(session.reference, session) if session and session.reference else None,
        further_models=tuple(_identity(other.model, other) for other in further),
        population=population.datasheet.name if population else None,
        population_digest=population.digest if population else None,
        detectors=tuple(rules),
        weights=dict(sorted(population.datasheet.weights.items())) if population else {},
        candidates=tuple(candidates),
        plugins=None if switched_off() else _plugins(used),
        packages=_versions(),
        device=session.device if session else None,
        threads=os.cpu_count(),
    )


@cache
def _versions() -> dict[str, str]:
    """Versions, in this process, of the packages that the numbers depend on; of the extra `local` only the installed ones."""
    versions = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def complete(report: Report, *, started: str, inputs: Iterable[Path], keys: Collection[str] = ()) -> Report:
    """The report of a run that ends now, with its manifest completed.

    Args:
        report: the report of the run.
        started: when the command began.
        inputs: files that the command named.
        keys: secrets to remove from the command line.
    """
    torch = sys.modules.get("torch")
    return report.model_copy(
        update={
            "manifest": report.manifest.model_copy(
                update={
                    "command": safe_command(sys.argv, keys),
                    "started": started,
                    "finished": now(),
                    "inputs": dict(sorted((_text(str(path)), file_digest(path)) for path in inputs)),
                    "seeds": seeds_of(report),
                    "threads": torch.get_num_threads() if torch else report.manifest.threads,
                }
            )
        }
    )


def safe_command(arguments: Sequence[str], keys: Collection[str] = ()) -> tuple[str, ...]:
    """A command line without secrets: values of options that are named like keys, credentials in addresses, known keys."""
    safe, hide = [], False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if hide and not argument.startswith("-"):
            argument = REMOVED
        elif equals and _SECRET.fullmatch(name):
            argument = f"{name}={REMOVED}"
        hide = not equals and bool(_SECRET.fullmatch(name))
        argument = _IN_QUERY.sub(rf"\1{REMOVED}", _CREDENTIALS.sub(f"//{REMOVED}@", argument))
        for key in keys:
            argument = argument.replace(key, REMOVED)
        safe.append(_text(argument))
    return tuple(safe)


def file_digest(path: Path) -> str:
    """SHA-256 of a file. Raises AuditError if it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def _identity(model: StoredModel, session: Session) -> ModelIdentity:
    return ModelIdentity(name=model.name, digest=model.digest, dtype=session.dtype, files=dict(sorted(model.files.items())))


def seeds_of(report: Report) -> tuple[str, ...]:
    """Every seed in a report, sorted."""
    return tuple(sorted(set(_seeds(report.model_dump()))))


def _seeds(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        if isinstance(seed := content.get("seed"), str):
            yield seed
        for value in content.values():
            yield from _seeds(value)
    elif isinstance(content, tuple) and content and isinstance(content[0], dict):
        for value in content:
            yield from _seeds(value)


def _text(argument: str) -> str:
    return argument.encode("utf-8", "backslashreplace").decode()


def _plugins(used: Sequence[Rule[Any, Any] | MembershipScore]) -> tuple[Plugin, ...]:
    return tuple(
        Plugin(
            rule=rule.code,
            name=rule.name,
            distribution=rule.plugin.distribution,
            version=rule.plugin.version,
            digest=rule.plugin.digest,
        )
        for rule in used
        if rule.plugin
    )


def now() -> str:
    """The time in UTC, to the second, ISO 8601.

    `SOURCE_DATE_EPOCH` (reproducible-builds.org), seconds since 1970, takes its place, so that two runs give equal bytes.

    Raises:
        AuditError: what it holds is no such number.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).isoformat(timespec="seconds")
    try:
        if not (epoch.isascii() and epoch.isdigit()):
            raise ValueError
        return datetime.fromtimestamp(int(epoch), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        raise InvalidConfiguration(
            f"SOURCE_DATE_EPOCH is {epoch!r}; set it to seconds since 1970, such as 1735689600, or not at all."
        ) from None
