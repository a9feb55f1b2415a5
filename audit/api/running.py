"""Steps that every run shares: open the setup unless it is open already, check arguments, complete the manifest at the end."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import IOBase
from numbers import Real
from pathlib import Path
from typing import Any

from llm_audit import results
from llm_audit.api.report import Report
from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.progress import Progress
from llm_audit.setup import OpenSetup, Setup
from llm_audit.setup.manifest import complete

StrPath = str | os.PathLike[str]
AnySetup = Setup | OpenSetup | None


@contextmanager
def opened(setup: AnySetup, progress: Progress) -> Iterator[OpenSetup]:
    """Open a setup and close it at the end; one that is open already is used as it is and stays open."""
    if isinstance(setup, OpenSetup):
        yield setup
        return
    with plain_setup(setup).open(progress) as ready:
        yield ready


def plain_setup(setup: AnySetup) -> Setup:
    """The plain `Setup` behind an open one; for None the default one. Raises InvalidConfiguration: it is neither."""
    if setup is not None and not isinstance(setup, (Setup, OpenSetup)):
        raise InvalidConfiguration(f"setup must be an llm_audit.Setup, not of the type {type(setup).__name__}.")
    return setup.setup if isinstance(setup, OpenSetup) else setup or Setup()


def check_alpha(alpha: Any) -> None:
    """Refuse what is no level: a number in (0, 1). Raises InvalidConfiguration."""
    number = isinstance(alpha, Real)
    if not number or not 0 < alpha < 1:
        shown = f"{alpha:g}" if number else repr(alpha)
        raise InvalidConfiguration(f"alpha is {shown}; it must be a number above 0 and below 1, such as 0.01.")


def one_or_several(given: Any, kinds: tuple[type, ...], expected: str) -> tuple[Any, ...]:
    """An argument that may be one item or several, as a tuple.

    Args:
        given: by the caller.
        kinds: of an item.
        expected: these in words, for the error.

    Raises:
        InvalidConfiguration: it is something else, such as a dictionary or an open file, whose parts would be taken for paths.
    """
    if isinstance(given, kinds):
        return (given,)
    wrong: Any = given
    if isinstance(given, Iterable) and not isinstance(given, (bytes, bytearray, Mapping, IOBase)):
        items = tuple(given)
        if all(isinstance(item, kinds) for item in items):
            return items
        wrong = next(item for item in items if not isinstance(item, kinds))
    raise InvalidConfiguration(f"Give {expected}, one or several, not something of the type {type(wrong).__name__}.")


def listed(paths: StrPath | Iterable[StrPath]) -> tuple[str, ...]:
    """One path or several, as strings. Raises InvalidConfiguration: they are no paths."""
    return tuple(os.fspath(path) for path in one_or_several(paths, (str, os.PathLike), "paths, as strings or pathlib.Path"))


def prompt_in(path: StrPath) -> str:
    """The prompt that a file holds. Raises InvalidInput: it cannot be read."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The prompt {path} is not UTF-8; convert it first.") from error
    except OSError as error:
        raise InvalidInput(f"The prompt {path} cannot be read: {error.strerror}.") from error


def finished(report: results.Report, started: str, named: Iterable[StrPath | None], keys: Collection[str] = ()) -> Report:
    """The report of a run that ends now, with a complete manifest.

    Args:
        report: of the run.
        started: when it began.
        named: the caller's arguments that may be files, for the list of input files; documents of the report are left out.
        keys: secrets to remove from the stored command line.
    """
    judged = {document.name for document in report.documents}
    inputs = [path for path in {Path(name) for name in named if name and _is_file(name)} if str(path) not in judged]
    return Report.of(complete(report, started=started, inputs=inputs, keys=keys))


def _is_file(name: StrPath) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # no possible name of a file
        return False
