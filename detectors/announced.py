"""Entry points by which packages announce rules, and the loading of one without harm to the others.

Our own rules are announced in the same way. Whatever fails while a plugin is imported is reported for that plugin; only one
that ends or crashes the whole process is beyond us. Knows nothing of the objects that are announced.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, distributions
from importlib.util import find_spec
from pathlib import Path

from llm_audit.common.errors import AuditError, InvalidConfiguration
from llm_audit.common.files import sha256_of

GROUP = "llm_audit.rules"
"""Prefix of the entry-point groups under which packages, this one included, announce rules; the family follows."""

OURS = "llm-audit"
"""Name of our own distribution; whatever others announce is a plugin."""

SWITCH = "LLM_AUDIT_PLUGINS"
"""Environment variable: `off` leaves plugins out everywhere."""

LOAD_SECONDS = 60.0
"""Most seconds for the import of a plugin. Importing torch takes a tenth of it."""


@dataclass(frozen=True)
class Announcement:
    """An entry point of a package, not imported yet.

    Attributes:
        group: of entry points.
        name: on the command line.
        target: module:attribute.
        distribution, version: of the package.
    """

    group: str
    name: str
    target: str
    distribution: str
    version: str

    @property
    def shipped(self) -> bool:
        """Whether it belongs to llm-audit itself."""
        return _canonical(self.distribution) == OURS

    @property
    def package(self) -> str:
        """Name and version of the package."""
        return f"{self.distribution} {self.version}"

    @property
    def digest(self) -> str | None:
        """SHA-256 of the package's code, see `code_digest`."""
        return code_digest(self.target.partition(":")[0])

    def load(self) -> object:
        """Import the object. What a plugin prints meanwhile goes to standard error: standard output is for results.

        Raises:
            AuditError: the import failed, for whatever reason; the message gives it in a few words.
        """
        limit = nullcontext() if self.shipped else _time_limit(LOAD_SECONDS)
        try:
            with redirect_stdout(sys.stderr), limit:
                return EntryPoint(self.name, self.target, self.group).load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit and worse: whatever a plugin raises on import is that plugin's fault
            raise AuditError(in_words(error)) from error


def switched_off() -> bool:
    """Whether the user wants no plugins. AuditError if the switch is set to anything but `off`: it may be meant as off."""
    value = os.environ.get(SWITCH, "")
    if value not in ("", "off"):
        raise InvalidConfiguration(f"{SWITCH} is {value!r}; set it to 'off' to leave plugins out, or not at all.")
    return value == "off"


def available(group: str) -> list[Announcement]:
    """All announcements of a group, sorted by name, not imported."""
    by_package: dict[str, list[Announcement]] = {}
    for package in _announced(tuple(map(_state, sys.path))):
        # As for imports, the first of two copies on the path counts.
        if its := [announcement for announcement in package if announcement.group == group]:
            by_package.setdefault(_canonical(its[0].distribution), its)
    everything = (announcement for announcements in by_package.values() for announcement in announcements)
    return sorted(everything, key=lambda announcement: (announcement.name, announcement.distribution))


def _state(folder: str) -> tuple[str, int]:
    """A folder of packages with its time of modification, which every installation or removal changes; 0: no such folder."""
    try:
        return folder, Path(folder).stat().st_mtime_ns
    except (OSError, ValueError):
        return folder, 0


@lru_cache(maxsize=1)
def _announced(folders: tuple[tuple[str, int], ...]) -> list[list[Announcement]]:
    """The announcements of each installed package, cached until a folder of packages changes."""
    packages = []
    for distribution in distributions():
        # The standard library's `entry_points` fails for everybody if the metadata of one package is damaged.
        with suppress(Exception):
            points = [point for point in distribution.entry_points if point.group.startswith(OURS.replace("-", "_"))]
            if points:
                package = [" ".join(words.split()) for words in (distribution.metadata["Name"], distribution.version)]
                packages.append([Announcement(point.group, point.name, point.value, *package) for point in points])
    return packages


def code_digest(module: str) -> str | None:
    """SHA-256 over names and contents of all files of the top-level package that holds a module, or of the one file.

    Of a namespace package the first package inside counts. Nothing is imported. Other packages that the code imports are not
    covered. None if there are no such files, as inside a zip file.
    """
    parts, depth = module.split("."), 1
    try:
        spec = find_spec(parts[0])
        while spec is not None and spec.origin is None and depth < len(parts):
            depth += 1
            spec = PathFinder.find_spec(".".join(parts[:depth]), spec.submodule_search_locations)
        if spec is None or spec.origin is None:
            return None
        origin = Path(spec.origin)
        return files_digest(origin.parent if spec.submodule_search_locations else origin)
    except (ImportError, OSError, ValueError):
        return None


@cache
def files_digest(root: Path) -> str | None:
    """SHA-256 over names and contents of a file, or of all files in a folder but byte code; None if there are none.

    Cached for the process: our own package announces dozens of rules.
    """
    files = sorted(root.rglob("*")) if root.is_dir() else [root]
    folder = root if root.is_dir() else root.parent
    lines = [
        f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest() if lines else None


def in_words(error: BaseException) -> str:
    """An exception as one line without a full stop."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # a plugin's exceptions are its own classes
        message = ""
    message = message if len(message) <= 300 else f"{message[:300]}…"
    return f"{type(error).__name__}: {message}".rstrip(".: ")


class TooSlow(BaseException):
    """Raised when a plugin's import takes too long. Not an Exception, so that plugins do not swallow it."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after `seconds`; works in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TooSlow(f"its import took longer than {seconds:g} seconds")

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def _canonical(distribution: str) -> str:
    """The name of a distribution as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
