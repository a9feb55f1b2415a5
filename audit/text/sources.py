"""Inputs as named on the command line: files, folders, patterns, standard input; and the kind of each by its name.

Opens a file only if it is in a folder and its name does not show its kind. Knows nothing of the use of the texts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from llm_audit.common.terminal import one_line
from llm_audit.text.survey import Passed, survey_folder

_PACKED = (".gz", ".xz", ".zst")
_NAMES = {
    "text": ".txt .text",
    "markdown": ".md .markdown .mkd .mdx .rmd .qmd",
    "docx": ".docx .docm .dotx",
    "pdf": ".pdf",
    "html": ".html .htm .xhtml",
    "odt": ".odt .ott .fodt",
    "rtf": ".rtf",
    "epub": ".epub",
    "pptx": ".pptx .ppsx",
    "doc": ".doc .dot",
    "ipynb": ".ipynb",
    "tex": ".tex .latex .ltx",
    "rst": ".rst .rest",
    "asciidoc": ".adoc .asciidoc",
    "org": ".org",
    "subtitles": ".srt .vtt",
    "mail": ".eml",
    "zip": ".zip",
    "jsonl": ".jsonl",
    "csv": ".csv .tsv",
    "parquet": ".parquet",
}
_KINDS = {suffix: kind for kind, suffixes in _NAMES.items() for suffix in suffixes.split()}
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
        """The kind of the input by its name, one of `KINDS`; "text" if the name does not show it."""
        return (kind_of(self.path) if self.path else None) or "text"


def kind_of(path: PurePath) -> str | None:
    """The kind of a file by its name; None if the name does not show it. JSON lines and CSV may be compressed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        kind = _KINDS.get(suffixes[-2]) if len(suffixes) > 1 else None
        return kind if kind in ("jsonl", "csv") else None
    return _KINDS.get(suffixes[-1]) if suffixes else None


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a command: those to read, and those that are not read.

    Attributes:
        sources: the inputs to read, in order, each once.
        passed: all other entries of the folders and patterns; `llm_audit.text.counts` counts them.
    """

    sources: tuple[Source, ...]
    passed: tuple[Passed, ...]


def discover(paths: Sequence[str], kinds: frozenset[str] = KINDS, *, every_name: bool = False) -> list[Source]:
    """The sources of `survey`, without the entries that are not read."""
    return list(survey(paths, kinds, every_name=every_name).sources)


def survey(
    paths: Sequence[str], kinds: frozenset[str] = KINDS, *, every_name: bool = False, leave_out_ignored: bool = False
) -> Inputs:
    """List the inputs behind files, folders, patterns such as `docs/**/*.md` and '-' (standard input), each once.

    In order. A folder stands for all files of these kinds in it and below, sorted; their kind is decided by name or, if that
    shows none, by content. Hidden entries and links to folders are skipped, and counted like everything that is not read.
    A pattern stands for all that it fits; a file named by itself is always read. With `every_name`, a file with several names
    is listed under each. Missing files and folders without texts are listed too: reading them gives the error.

    Args:
        paths: as the user gives them.
        kinds: kinds to be read from folders.
        every_name: list a file under each of its names.
        leave_out_ignored: skip files in folders that git ignores, and vendored trees.
    """
    sources: dict[str | None, Source] = {}
    passed: dict[str, Passed] = {}
    for argument in paths:
        if argument == "-":
            sources.setdefault(None, Source("-", None))
            continue
        for path in _fitting(argument):
            files: list[Path] = []
            if _is_folder(path):
                below = survey_folder(path, kinds, kind_of, leave_out_ignored=leave_out_ignored)
                files = below.paths
                passed |= {entry.name: replace(entry, name=_clean(Path(entry.name))) for entry in below.passed}
            for file in files or [path]:
                known = os.path.normpath(file.absolute()) if every_name else _identity(file)
                sources.setdefault(known, Source(_clean(file), file))
    named = {os.fspath(source.path) for source in sources.values() if source.path}
    return Inputs(tuple(sources.values()), tuple(entry for path, entry in passed.items() if path not in named))


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether a path contains wildcards; a file of that very name takes precedence."""
    return not set(os.fspath(path)).isdisjoint("*?[")


def _fitting(argument: str) -> list[Path]:
    """The path itself, or the paths that fit it if it is a pattern and no file has that very name."""
    path = Path(argument) if argument else Path("''")
    parts = path.parts
    first = next((position for position, part in enumerate(parts) if is_pattern(part)), None)
    if first is None or os.path.lexists(path):
        return [path]
    try:
        # Unlike glob.glob, this follows no links to folders: links in a circle would take forever.
        matches = Path(*parts[:first]).glob(str(Path(*parts[first:])))
        visible = [match for match in matches if not any(part.startswith(".") for part in match.parts[first:])]
    except (OSError, ValueError):  # "a**b" is no pattern
        visible = []
    return sorted(visible) or [path]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _identity(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return str(path)


def _clean(path: Path) -> str:
    r"""Give the path as a printable string: bytes that are no UTF-8 and control characters as escapes, e.g. `\xff`."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return one_line(name)
