"""Populations on disk: the shipped ones and the user's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from llm_audit.common.errors import InvalidConfiguration, NotAvailable
from llm_audit.common.files import atomic_write
from llm_audit.common.paths import data_root
from llm_audit.detectors.populations.datasheet import Datasheet
from llm_audit.detectors.populations.population import GROUPS, MEMBERS, STRETCHES, Population

_SHIPPED = Path(__file__).parent
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def names() -> list[str]:
    """Names of all populations: the user's own and the shipped ones."""
    return sorted({path.stem for folder in (_SHIPPED, data_root() / "populations") for path in folder.glob("*.safetensors")})


def check_name(name: str) -> None:
    """Refuse an invalid name for a population of the user."""
    if not _NAME.fullmatch(name):
        raise InvalidConfiguration(f"{name!r} is not a population name: use lower-case letters, digits, '.', '_' and '-'.")
    if (_SHIPPED / f"{name}.safetensors").exists():
        raise InvalidConfiguration(f"{name} is the name of a population that comes with llm-audit; choose another.")


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise NotAvailable(f"There is no population {name!r}; choose from {', '.join(names())}.")
    saved = data_root() / "populations" / f"{name}.safetensors"
    return saved if saved.exists() else _SHIPPED / f"{name}.safetensors"


def load(name: str) -> Population:
    """Read a population by name.

    Raises:
        AuditError: no such population, or its file is damaged.
    """
    path = _path(name)
    if not path.exists():
        raise NotAvailable(
            f"There is no population {name!r}; choose from {', '.join(names())}, or build it with `llm-audit calibrate`."
        )
    try:
        with safe_open(path, framework="numpy") as file:
            datasheet = Datasheet.model_validate_json((file.metadata() or {}).get("datasheet", ""))
            scores = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # a safetensors file, not a dict
    except (OSError, SafetensorError, ValidationError, json.JSONDecodeError) as error:
        raise NotAvailable(f"The population file {path} is damaged; calibrate it anew.") from error
    members, groups = scores.pop(MEMBERS, np.empty(0, np.uint64)), scores.pop(GROUPS, np.empty(0, np.int16))
    shapes = {table.shape for table in scores.values()}
    if len(shapes) != 1 or next(iter(shapes))[1:] != (len(STRETCHES),) or not _groups_fit(groups, datasheet, shapes):
        raise NotAvailable(f"The population file {path} was made by another version of llm-audit; calibrate it anew.")
    return Population(datasheet, scores, members, groups)


def _groups_fit(groups: NDArray[Any], datasheet: Datasheet, shapes: set[tuple[int, ...]]) -> bool:
    """Whether every document has a kind that the datasheet names, or none has one."""
    return not len(groups) or (
        len(groups) == next(iter(shapes))[0] and groups.min() >= 0 and groups.max() < len(datasheet.groups)
    )


def references() -> tuple[Population, ...]:
    """The user's populations of model generations."""
    return tuple(population for name in names() if (population := load(name)).datasheet.author is not None)


def save(population: Population) -> Path:
    """Write a population to the user's data folder and return its path."""
    check_name(population.datasheet.name)
    path = data_root() / "populations" / f"{population.datasheet.name}.safetensors"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, population.content)
    except OSError as error:
        raise NotAvailable(f"The population could not be written to {path}: {error.strerror}.") from error
    return path
