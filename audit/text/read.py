"""Inputs as named on the command line, and the text of each.

Every input ends as a text or as one sentence why not; none is lost because of another. Knows nothing of what the texts
are for.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_audit.terminal import one_line
from llm_audit.text.decode import Unreadable, decode

MAX_BYTES = 20_000_000
SUFFIXES = frozenset({".txt", ".md", ".markdown", ".text"})


@dataclass(frozen=True, slots=True)
class Source:
    """One input: its name as the user sees it, and its path; None for standard input."""

    name: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class RawText:
    """A text as read; `sha256` and `size` are of the bytes, before decoding."""

    name: str
    sha256: str
    encoding: str
    text: str
    size: int


def discover(paths: Sequence[str]) -> list[Source]:
    """List the inputs behind files, folders and '-' (standard input), in order and each once.

    A folder stands for the texts in it and below, sorted, without hidden ones and without following links to folders.
    What is missing, or a folder without texts, is listed too: reading it says what is wrong.
    """
    sources: dict[str | None, Source] = {}
    for given in paths:
        if given == "-":
            sources.setdefault(None, Source("-", None))
            continue
        path = Path(given) if given else None
        found = list(_texts_below(path)) if path and _is_folder(path) else []
        for each in found or [path or Path("''")]:
            sources.setdefault(_identity(each), Source(_clean(each), each))
    return list(sources.values())


def read(source: Source) -> RawText:
    """Read and decode one input.

    Raises:
        Unreadable: if it is missing, no regular file, too large, empty, or no text; the message is one sentence.
    """
    data = _from_stdin() if source.path is None else _from_file(source.path, source.name)
    if len(data) > MAX_BYTES:
        raise _too_large(source.name)
    decoded = decode(data)
    if not decoded.text.strip():
        raise Unreadable(f"{source.name} is empty: there is no text to judge.")
    return RawText(source.name, hashlib.sha256(data).hexdigest(), decoded.encoding, decoded.text, len(data))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _texts_below(folder: Path) -> Iterator[Path]:
    closed: list[Path] = []

    def remember(error: OSError) -> None:
        closed.append(Path(os.fsdecode(error.filename)))

    for where, folders, files in os.walk(folder, onerror=remember):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(where, name)
    yield from sorted(closed)


def _identity(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return str(path)


def _clean(path: Path) -> str:
    r"""Give the path as a printable string: bytes that are no UTF-8 and control characters as escapes, e.g. `\xff`."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return one_line(name)


def _from_stdin() -> bytes:
    try:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    except (OSError, ValueError, AttributeError):  # closed, or no stream at all
        raise Unreadable("Standard input cannot be read: pipe a text into it, or name a file.") from None


def _from_file(path: Path, name: str) -> bytes:
    try:
        # Ask before opening: to open a device can already act on it.
        _check_kind(path.stat(), path, name)
        # Non-blocking, in case that a pipe has taken the file's place since.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _check_kind(os.fstat(file.fileno()), path, name)
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        raise Unreadable(f"No such file: {name}. Check the path.") from None
    except PermissionError:
        raise Unreadable(f"No permission to read {name}: change its access rights or copy it.") from None
    except OSError as error:
        raise Unreadable(f"{name} cannot be read ({error.strerror}): check the path.") from None


def _check_kind(status: os.stat_result, path: Path, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        with os.scandir(path):  # raises PermissionError if that is the reason why no text was found
            raise Unreadable(f"Folder {name} holds no .txt or .md files.")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(f"{name} is a pipe or a device, not a file: name a file, or pipe into llm-audit and give '-'.")
    if status.st_size > MAX_BYTES:
        raise _too_large(name)


def _too_large(name: str) -> Unreadable:
    return Unreadable(f"{name} is larger than {MAX_BYTES // 1_000_000} MB: split it into smaller files.")
