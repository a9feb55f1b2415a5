"""Header of a scan: its corpus and settings, so that a scan is never continued under others.

Knows nothing of how documents are judged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from llm_audit.results import Manifest, Model, NotRead
from llm_audit.results.base import empty
from llm_audit.scanning.corpus import Input
from llm_audit.text.frame import kinds_of

if TYPE_CHECKING:
    from llm_audit.detectors.judging import Settings
    from llm_audit.setup import OpenSetup

_SHOWN = 3


class Header(Model):
    """The conditions of a scan, written down before the first document is judged."""

    manifest: Manifest
    device: str
    text_field: str
    id_field: str | None = None
    keep: tuple[str, ...] = ()
    include: tuple[str, ...] = Field(default=(), exclude_if=empty, description="what stands apart and is scored all the same")
    not_read: tuple[NotRead, ...] = Field(default=(), description="of the folders that were named")
    weights: dict[str, str] = Field(description="rule -> digest of the detector's trained weights")
    files: int
    documents: int
    inputs: str = Field(description="SHA-256 over the contents of all files, in order")
    max_tokens: int | None = Field(default=None, description="longer texts are not assessed")

    def identity(self) -> dict[str, Any]:
        """All fields on which the numbers depend, as a flat dictionary: no times, machines, command lines or policy digests.

        The settings that a policy decides are among the other fields.
        """
        of_its_own = {"device", "weights", "inputs"}  # beside the manifest
        without = {"command", "started", "finished", "threads", "policy", *of_its_own}
        content = self.model_dump(exclude={"manifest": without, "not_read": True})
        # A model is what its digest says, however it was named.
        return {name: value for name, value in sorted(_flat(content)) if name not in ("model.name", "reference_model.name")}

    def settings(self, ready: OpenSetup) -> Settings:
        """The settings under which every document of the scan is judged, on any machine; records hold no texts."""
        return ready.settings(self.manifest.alpha, keep_text=False, include=kinds_of(self.include))

    def key(self) -> bytes:
        """32-byte digest of the identity."""
        return hashlib.sha256(json.dumps(self.identity()).encode()).digest()


def digest_of(inputs: Sequence[Input]) -> str:
    """SHA-256 over the contents of the files, in order; their names do not count."""
    digest = hashlib.sha256()
    for file in inputs:
        digest.update(json.dumps([file.size, file.sha256]).encode())
    return digest.hexdigest()


def differences(old: Header, new: Header, old_inputs: Sequence[Input], new_inputs: Sequence[Input]) -> list[str]:
    """The differences between two headers, each as a phrase."""
    before, now = old.identity(), new.identity()
    if before["inputs"] != now["inputs"]:
        derived = {"inputs", "files", "documents"}
        before, now = ({name: value for name, value in identity.items() if name not in derived} for identity in (before, now))
        changed = _changed_files(old_inputs, new_inputs)
    else:
        changed = []
    settings = [
        f"{name} was {before.get(name, 'not there')}, now {now.get(name, 'not there')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return changed + settings


def _changed_files(old: Sequence[Input], new: Sequence[Input]) -> list[str]:
    if not old:
        return ["the files are others"]
    before, now = ({file.name: file.sha256 for file in files} for files in (old, new))
    kinds = {
        "added": sorted(now.keys() - before.keys()),
        "removed": sorted(before.keys() - now.keys()),
        "changed": sorted(name for name in before.keys() & now.keys() if before[name] != now[name]),
    }
    changes = [f"{_files(names)} {kind}" for kind, names in kinds.items() if names]
    return changes or ["the files are in another order"]


def _files(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in content.items():
        path = f"{prefix}{name}"
        pairs += _flat(value, f"{path}.") if isinstance(value, dict) else [(path.removeprefix("manifest."), value)]
    return pairs
