"""Inputs as named on the command line: files, folders, patterns, standard input; and what kind each is by its name.

Opens no file. Knows nothing of what the texts are for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_audit.terminal import one_line

_PACKED = (".gz", ".xz", ".zst")
_KINDS = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".docx": "docx",
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
PLAIN = frozenset({"text", "markdown"})
RECORDS = frozenset({"jsonl", "csv", "parquet"})
KINDS = frozenset(_KINDS.values())


@dataclass(frozen=True, slots=True)
class Source:
    """One input: its name as the user sees it, and its path; None for standard input."""

    name: str
    path: Path | None

    @property
    def kind(self) -> str:
        """One of `KINDS`, by the name; "text" where it says nothing."""
        return (kind_of(self.path) if self.path else None) or "text"


def kind_of(path: Path) -> str | None:
    """What a file should hold by its name; None if the name does not say. JSON lines and tables of text may be packed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        kind = _KINDS.get(suffixes[-2]) if len(suffixes) > 1 else None
        return kind if kind in ("jsonl", "csv") else None
    return _KINDS.get(suffixes[-1]) if suffixes else None


def discover(paths: Sequence[str], kinds: frozenset[str] = KINDS, *, every_name: bool = False) -> list[Source]:
    """List the inputs behind files, folders, patterns such as `docs/**/*.md` and '-' (standard input), each once.

    In order. A folder stands for the files of these kinds in it and below, sorted, without hidden ones and without following
    links to folders; so does a pattern, for whatever it fits. With `every_name`, a file with several is listed under each.
    What is missing, or a folder without texts, is listed too: reading it says what is wrong.
    """
    sources: dict[str | None, Source] = {}
    for given in paths:
        if given == "-":
            sources.setdefault(None, Source("-", None))
            continue
        for path in _fitting(given):
            found = list(_texts_below(path, kinds)) if _is_folder(path) else []
            for each in found or [path]:
                known = os.path.normpath(each.absolute()) if every_name else _identity(each)
                sources.setdefault(known, Source(_clean(each), each))
    return list(sources.values())


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether a path stands for all that fits it, unless something is called so."""
    return not set(os.fspath(path)).isdisjoint("*?[")


def _fitting(given: str) -> list[Path]:
    """The path itself, or all that fit it if it is a pattern and nothing is called so."""
    path = Path(given) if given else Path("''")
    parts = path.parts
    first = next((position for position, part in enumerate(parts) if is_pattern(part)), None)
    if first is None or os.path.lexists(path):
        return [path]
    try:
        # Unlike glob.glob, this follows no links to folders: links in a circle would take forever.
        found = Path(*parts[:first]).glob(str(Path(*parts[first:])))
        visible = [each for each in found if not any(part.startswith(".") for part in each.parts[first:])]
    except (OSError, ValueError):  # "a**b" is no pattern
        visible = []
    return sorted(visible) or [path]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _texts_below(folder: Path, kinds: frozenset[str]) -> Iterator[Path]:
    closed: list[Path] = []

    def remember(error: OSError) -> None:
        closed.append(Path(os.fsdecode(error.filename)))

    for where, folders, files in os.walk(folder, onerror=remember):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and kind_of(Path(name)) in kinds:
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
