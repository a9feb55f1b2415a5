"""The file of a baseline: what an endpoint answered at an earlier time, in one of two kinds. Knows nothing about tests."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_audit.common.errors import InvalidConfiguration, InvalidInput, NotAvailable
from llm_audit.common.files import create
from llm_audit.endpoints.records import Surface

ROWS, ANSWERS = "llm-audit substitution baseline", "llm-audit border baseline"
"""Kinds: rows of log-probabilities; answers to border inputs."""

VERSION = 1

LONGEST = 100
"""Most characters of a baseline's model and date that are shown."""


@dataclass(frozen=True)
class Baseline:
    """A baseline that was read.

    Attributes:
        path: of the file.
        kind: `ROWS` or `ANSWERS`.
        created: when it was taken.
        content: everything in the file.
    """

    path: Path
    kind: str
    created: str
    content: Mapping[str, Any]

    def unreadable(self) -> InvalidInput:
        """The error that the content is not what this version writes."""
        return InvalidInput(f"{self.path} is no baseline that this version reads.")


def write(path: Path, kind: str, model: str, surface: Surface, created: str, content: Mapping[str, Any]) -> None:
    """Write a baseline. Raises AuditError: the file exists or cannot be written."""
    everything = {"kind": kind, "version": VERSION, "model": model, "surface": surface, "created": created, **content}
    try:
        create(path, (json.dumps(everything, indent=1) + "\n").encode())
    except OSError as error:
        raise NotAvailable(f"Cannot write the baseline {path}: {error.strerror}.") from error


def check_new(path: Path) -> None:
    """Refuse a place where no baseline can be written, before anything is asked. Raises AuditError."""
    folder = path.parent
    if not folder.is_dir():
        raise NotAvailable(f"Cannot write the baseline {path}: its folder does not exist.")
    if path.is_symlink() or not os.access(folder, os.W_OK | os.X_OK):
        raise NotAvailable(f"Cannot write the baseline {path}: its folder allows no new file of this name.")


def read(path: Path, model: str, surface: Surface) -> Baseline:
    """A baseline, of which the head was checked.

    Raises:
        AuditError: there is none, or it is of another version, model or surface. Early ones do not say of which surface.
    """
    try:
        if not path.is_file():  # a pipe may keep us waiting, a device has no end
            raise InvalidInput(f"The baseline {path} cannot be read: it is not a plain file.")
        content = json.loads(path.read_bytes())
        baseline = Baseline(path, str(content["kind"]), str(content["created"])[:LONGEST], content)
        version, named = content["version"], str(content["model"])
    except OSError as error:
        raise InvalidInput(f"The baseline {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{path} is no baseline; name one that this command has written, or a new file.") from error
    if version != VERSION or baseline.kind not in (ROWS, ANSWERS):
        raise baseline.unreadable()
    if named != model:
        raise InvalidConfiguration(f"The baseline {path} is of the model {named[:LONGEST]!r}, not {model!r}.")
    if (asked := content.get("surface", surface)) != surface:
        raise InvalidConfiguration(f"The baseline {path} is of the surface {str(asked)[:LONGEST]}; ask with --surface as then.")
    return baseline
