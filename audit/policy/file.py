"""Find and read the file that holds the policy. Knows nothing of what the settings mean."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from llm_audit.common.errors import InvalidConfiguration

OWN, SHARED = "llm-audit.toml", "pyproject.toml"
LARGEST = 1_000_000
"""Most bytes of a policy file."""

_MOST_DOTS = 1000
"""Most dots in one line: tomllib's time grows with the square of a dotted key's length."""

_PROBE = "llm-audit-probe"
_LARGEST_SEARCHED, _TRIES = 100_000, 20
"""Bounds of the search for a line number, so that it takes no seconds: characters of the file, and lines tried."""


@dataclass(frozen=True)
class PolicyFile:
    """The text of a policy file and the settings parsed from it.

    Attributes:
        path: of the file.
        text: its content.
        settings: the policy's settings as parsed TOML.
    """

    path: Path
    text: str
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The path of the file relative to the working directory."""
        return _name(self.path)

    @property
    def table(self) -> str:
        """Name of the TOML table that holds the settings, for messages; "" where it is the whole file."""
        return "[tool.llm-audit]" if self.path.name == SHARED else ""

    def line(self, key: str, place: tuple[str, int] | None = None) -> int | None:
        """The line number of a setting; None where a search cannot tell for sure, as within an inline table.

        tomllib keeps no line numbers. A line is the right one if all before it is valid TOML to which the key can be added.

        Args:
            key: of the setting.
            place: in which list of tables it stands ("overrides"), and in which of them, from 0; None: in none.
        """
        if len(self.text) > _LARGEST_SEARCHED:
            return None
        for match in islice(re.finditer(rf"""^[ \t]*(["']?){re.escape(key)}\1[ \t]*=""", self.text, re.M), _TRIES):
            before = self.text[: match.start()]
            try:
                table = _settings(tomllib.loads(f"{before}{_PROBE} = 0"), self.path)
                if _PROBE in (table if place is None else table[place[0]][place[1]]):
                    return before.count("\n") + 1
            except (ValueError, RecursionError, LookupError, TypeError):  # no whole TOML, or nothing of ours yet
                continue
        return None


def find(start: Path) -> PolicyFile | None:
    """The policy of a folder: in it or in the nearest folder above, up to the root of the repository.

    Raises:
        InvalidConfiguration: a file that may hold it cannot be read, or two of the same folder hold one.
    """
    for folder in (start, *start.parents):
        # A link to nowhere was meant to be a policy.
        paths = (folder / OWN, folder / SHARED)
        dedicated, shared = (_read(path) if path.exists() or path.is_symlink() else None for path in paths)
        if dedicated and shared:
            raise InvalidConfiguration(
                f"{dedicated.name} and {shared.name} both hold a policy; keep {OWN}, and take [tool.llm-audit] out of the "
                "other."
            )
        if policy := dedicated or shared:
            return policy
        if (folder / ".git").exists():
            break
    return None


def read(path: Path) -> PolicyFile:
    """The policy in a file of any name; of a pyproject.toml, its table [tool.llm-audit]. Raises InvalidConfiguration."""
    if policy := _read(path):
        return policy
    raise InvalidConfiguration(f"{_name(path)} has no table [tool.llm-audit]; add it, or name another file.")


def _read(path: Path) -> PolicyFile | None:
    """The policy in a file; None: a pyproject.toml without [tool.llm-audit]."""
    text = _text(path)
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise InvalidConfiguration(
            f"{_name(path)} has a line with more than {_MOST_DOTS:,} dots; no policy needs that, so break it up."
        )
    try:
        settings = _settings(tomllib.loads(text), path)
    except RecursionError:
        raise InvalidConfiguration(f"{_name(path)} is nested too deeply for a policy; write it flat.") from None
    except ValueError as error:  # numbers that are too long to read are no TOMLDecodeError
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number is too long"
        raise InvalidConfiguration(f"{_name(path)} is not valid TOML: {reason}.") from error
    if settings is not None and not isinstance(settings, dict):
        raise InvalidConfiguration(
            f"{_name(path)}: tool.llm-audit must be a table; write [tool.llm-audit], and the settings below."
        )
    return None if settings is None else PolicyFile(path, text, settings)


def _settings(content: Mapping[str, Any], path: Path) -> Any:
    if path.name != SHARED:
        return content
    tool = content.get("tool")
    return tool.get("llm-audit") if isinstance(tool, dict) else None


def _name(path: Path) -> str:
    path, folder = path.absolute(), Path.cwd()
    return os.path.relpath(path) if path.is_relative_to(folder) or folder.is_relative_to(path.parent) else str(path)


def _text(path: Path) -> str:
    try:
        kind = path.stat()
        if not stat.S_ISREG(kind.st_mode):
            description = "a folder" if stat.S_ISDIR(kind.st_mode) else "no regular file"
            raise InvalidConfiguration(f"The policy {_name(path)} is {description}; it must be a TOML file.")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidConfiguration(
            f"Cannot read the policy {_name(path)}: {(error.strerror or str(error)).lower()}."
        ) from error
    except ValueError:  # a NUL in the name
        raise InvalidConfiguration(f"There is no file {_name(path)}.") from None
    if len(data) > LARGEST:
        raise InvalidConfiguration(f"{_name(path)} is larger than {LARGEST:,} bytes, too large for a policy.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{_name(path)} is not UTF-8 text; save it as UTF-8.") from error
