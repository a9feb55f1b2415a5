"""Steps that every run shares: open the setup unless it is open already, check arguments, complete the manifest at the end."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
    with (setup or Setup()).open(progress) as ready:
        yield ready


def plain_setup(setup: AnySetup) -> Setup:
    """The plain `Setup` behind an open one; for None the default one."""
    return setup.setup if isinstance(setup, OpenSetup) else setup or Setup()


def check_alpha(alpha: float) -> None:
    """Refuse a level outside (0, 1). Raises InvalidConfiguration."""
    if not 0 < alpha < 1:
        raise InvalidConfiguration(f"alpha is {alpha:g}; it must be above 0 and below 1, such as 0.01.")


def listed(paths: StrPath | Iterable[StrPath]) -> tuple[str, ...]:
    """One path or several, as strings."""
    return (os.fspath(paths),) if isinstance(paths, (str, os.PathLike)) else tuple(os.fspath(path) for path in paths)


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
