"""Load the policy in force, from a file or defaults, with the origin of each value; each mistake is one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.paths import working_folder
from llm_audit.policy.file import PolicyFile, find, read
from llm_audit.policy.model import Must, Outcome, Override, Policy, Rules, Watermark, closest, quoted

TESTED_BY = ("alpha", "population", "model", "classifier", "detectors", "score_also")
"""Settings that decide how documents are compared with the population; no override can change them for some documents."""

TABLES: Mapping[str, type[Override | Watermark]] = {"overrides": Override, "watermarks": Watermark}
"""Setting that is a list of tables -> model of one such table."""


@dataclass(frozen=True)
class Loaded:
    """The policy in force.

    Attributes:
        policy: file, command line and defaults merged.
        root: folder that its patterns and its relative paths start from.
        file: where it was found; None: no file.
        from_command_line: settings that the command line decided.
    """

    policy: Policy
    root: Path
    file: PolicyFile | None = None
    from_command_line: frozenset[str] = frozenset()

    def for_path(self, path: Path) -> Rules:
        """The rules for the document at a path, as on the command line. No pattern fits a path outside the policy's folder."""
        return self.policy.for_path(self._inside(path))

    def watermarks_at(self, path: Path) -> tuple[Watermark, ...]:
        """The watermark checks for the document at a path, given as on the command line."""
        return self.policy.watermarks_at(self._inside(path))

    def covers(self, path: Path) -> bool:
        """Whether the document at a path, given as on the command line, is to be judged."""
        return self.policy.covers(self._inside(path))

    def override(self, settings: Mapping[str, Any]) -> Loaded:
        """The policy with settings of the command line, already validated, in place of its own."""
        policy = self.policy.model_copy(update=dict(settings))
        return replace(self, policy=policy, from_command_line=self.from_command_line | settings.keys())

    def anchored(self, name: str | None) -> str | None:
        """A path in the policy, relative to its folder, made relative to the working directory; any other name unchanged."""
        return os.path.relpath(self.root / name) if name and (self.root / name).exists() else name

    def origin(self, setting: str, number: int | None = None, table: str = "overrides") -> str:
        """The origin of the value of a setting, given by its Python name: file and line, command line, or default.

        `number`: index of the table of name `table` that holds it; None: it is in no such table.
        """
        if setting in self.from_command_line:
            return "command line"
        if self.file is None or (number is None and setting not in self.policy.model_fields_set):
            return "default"
        line = self.file.line(_key(setting), None if number is None else (table, number))
        return f"{self.file.name}:{line}" if line else f"{self.file.name} {self.file.table}".rstrip()

    def listing(self) -> list[tuple[str, Any, str]]:
        """Every setting with its value and where it comes from, tables at the end and table by table: "overrides 1: paths"."""
        rows = [
            (_key(name), value, self.origin(name))
            for name, value in self.policy.model_dump(mode="json", exclude=set(TABLES)).items()
        ]
        for table in TABLES:
            for i, fields in enumerate(getattr(self.policy, table)):
                rows += [
                    (f"{table} {i + 1}: {_key(name)}", value, self.origin(name, i, table))
                    for name, value in fields.model_dump(mode="json", exclude_none=True).items()
                ]
        return rows

    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings for programs: name -> value and origin, tables as lists."""
        tables = {
            name: [
                {_key(key): value for key, value in fields.model_dump(mode="json", exclude_none=True).items()}
                for fields in getattr(self.policy, name)
            ]
            for name in TABLES
        }
        return {
            _key(name): {"value": value, "origin": self.origin(name)}
            for name, value in (self.policy.model_dump(mode="json") | tables).items()
        }

    def _inside(self, path: Path) -> Path | None:
        """The path relative to the policy's folder; None if it is outside."""
        named, root = (Path(os.path.normpath(location.absolute())) for location in (path, self.root))
        if not named.is_relative_to(root):  # one of them may be named by way of a symbolic link
            named, root = named.resolve(), root.resolve()
        return named.relative_to(root) if named.is_relative_to(root) else None


def load(config: Path | None = None, *, isolated: bool = False) -> Loaded:
    """The policy of the working directory: the settings in its llm-audit.toml or pyproject.toml, or the defaults.

    Args:
        config: the file that holds it; None: it is looked for, see `find`.
        isolated: no file at all.

    Raises:
        InvalidConfiguration: it cannot be read, or something in it is wrong.
        NotAvailable: the working folder is no longer there.
    """
    folder = working_folder()
    file = None if isolated else read(config) if config else find(folder)
    return Loaded(parse(file), file.path.absolute().parent, file) if file else Loaded(Policy(), folder)


def parse(file: PolicyFile) -> Policy:
    """The policy that a file holds. Raises InvalidConfiguration."""
    try:
        return Policy.model_validate(file.settings, by_alias=True, by_name=False)
    except ValidationError as error:
        # An unknown key is often the cause of what else is wrong.
        first = min(error.errors(include_url=False), key=lambda detail: detail["type"] != "extra_forbidden")
        raise InvalidConfiguration(_sentence(file, first)) from error


def _sentence(file: PolicyFile, error: Any) -> str:
    """An error of pydantic as one sentence for the user."""
    loc, kind = error["loc"], error["type"]
    place = (str(loc[0]), int(loc[1])) if loc[0] in TABLES and len(loc) > 1 else None
    model: type[Policy | Override | Watermark] = Policy if place is None else TABLES[place[0]]
    loc = loc if place is None else loc[2:]
    line = file.line(str(loc[0]), place) if loc else None
    where = f"{file.name}, line {line}" if line else file.name
    if place is not None and not line:
        where = f"{where}, {place[0]} number {place[1] + 1}"
    if not loc:
        return f"{where}: it must be a table; write [[{'tool.llm-audit.' if file.table else ''}{place and place[0]}]]."
    key = str(loc[0])
    if kind == "extra_forbidden":
        if place is not None and key in _keys(Policy):
            why = ", since their false discovery rate is one statement" if key in TESTED_BY else ""
            return f"{where}: {key} is the same for all documents{why}; take it out of the {place[0]}."
        if not file.table and place is None and key == "tool":
            return f"{where}: in a file of its own the policy has no heading [tool.llm-audit]; write its settings without one."
        table = f"{place[0]} have no setting" if place is not None else f"{file.table or 'the policy'} has no setting"
        return f"{where}: {table} {quoted(key)}{closest(key, _keys(model))}"
    if kind == "missing":
        wanted = "say which paths it is for" if key == "paths" else f"it is {_must_be(model, key)}"
        return f"{where}: '{key}' is missing; {wanted}."
    if kind == "value_error":
        return f"{where}: {key}: {error['ctx']['error']}"
    must_be = _must_be(model, key)
    if kind == "literal_error" and isinstance(word := error["input"], str):
        words = get_args(Must if key == "must" else Outcome)
        return f"{where}: {key} must be {must_be}, not {quoted(word)}{closest(word, words)}"
    shown = f"it holds {_shown(error['input'])}" if len(loc) > 1 else f"not {_shown(error['input'])}"
    return f"{where}: {key} must be {must_be}{';' if len(loc) > 1 else ','} {shown}."


def _must_be(model: type[Policy | Override | Watermark], key: str) -> str | None:
    return next(field.description for name, field in model.model_fields.items() if _key(name) == key)


def _shown(value: Any) -> str:
    """A TOML value as it is shown in a sentence."""
    if isinstance(value, (dict, list, tuple)):
        return "a table" if isinstance(value, dict) else "a list" if value else "an empty list"
    return quoted(value) if isinstance(value, str) else json.dumps(value, default=str)[:40]


def _key(setting: str) -> str:
    return setting.replace("_", "-")


def _keys(model: type[Policy | Override | Watermark]) -> tuple[str, ...]:
    return tuple(map(_key, model.model_fields))
