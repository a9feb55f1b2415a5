"""Survey of folders: the files to read, and the entries that are not read, each with a reason.

Every entry of a folder is either an input or counted. A file whose name does not show its kind is opened to look at its
beginning; texts are not read here.
"""

from __future__ import annotations

import mimetypes
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pygments.lexers import find_lexer_class_for_filename

from llm_audit.results import NotRead
from llm_audit.text import sniff
from llm_audit.text.decode import Unreadable, decode
from llm_audit.text.language import why_not_prose

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class Reason(StrEnum):
    """Reasons why an entry of a folder is not read, in words that follow "not read:"."""

    FORMAT = "in a format that is not read"
    CODE = "program code or data"
    NO_PROSE = "not prose"
    OTHER_KIND = "of a kind that was not asked for"
    LICENCE = "licence text"
    REPORT = "report of llm-audit"
    LOCK = "lock file of an office program"
    HIDDEN = "hidden"
    LINK = "link to a folder"
    IGNORED = "ignored by git"
    VENDORED = "code of others (vendored)"
    NO_FILE = "pipe, socket or device"
    ARCHIVE = "archive within an archive"
    TOO_LARGE = "too large, or protected by a password"


@dataclass(frozen=True, slots=True)
class Passed:
    """An entry of a folder, or of an archive, that is not read, and why.

    A folder stands for all that is in it: `reason` is then hidden, link, ignored or vendored.
    """

    name: str
    reason: Reason

    @property
    def suffix(self) -> str:
        """The suffix of the name, such as ".odt"; "" if it has none."""
        return Path(self.name).suffix.lower()


@dataclass(slots=True)
class Survey:
    """The content of folders.

    Attributes:
        paths: the files to read, in order.
        passed: everything else, in order.
    """

    paths: list[Path] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


# Of editors and office programs, which delete them when a document is closed: "~$essay.docx", ".~lock.essay.odt#".
_LOCKS = ("~$", ".~lock.", ".#")
_VENDORED = frozenset({"node_modules", "bower_components", "vendor", "third_party", "site-packages", "venv", "__pycache__"})
_LICENCES = ("license", "licence", "copying", "notice", "patents", "unlicense", "copyright")
# Documents that are not read, whatever they hold; the rest of the suffixes is asked of `mimetypes` and Pygments.
_DATA = frozenset({
    ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".lock", ".xml", ".log", ".svg", ".bib", ".env", ".map",
    ".properties", ".geojson", ".ndjson", ".sql",
})  # fmt: skip


_GENERATOR = b'<meta name="generator" content="llm-audit">'
_MOST_LOOKED_AT = 20_000_000
_WHOLE = frozenset({"archive", "ole"})
_MANY = frozenset({"zip", "jsonl", "csv", "parquet"})
_ANY = frozenset({"text", "html", "pdf", "rtf", "doc", "docx", "odt", "epub", "pptx"})


NO_SUFFIX = "without a suffix"
"""Kind of entries whose format is not read, and whose names have no suffix."""

_NAMED = frozenset(Reason) - {Reason.FORMAT, Reason.OTHER_KIND, Reason.CODE}
"""Reasons that are kinds by themselves; entries that are left out for the others are told apart by their suffix."""

_ON_PURPOSE = frozenset({Reason.HIDDEN, Reason.LOCK, Reason.IGNORED, Reason.VENDORED})


def counts(passed: Iterable[Passed]) -> tuple[NotRead, ...]:
    """Counts of the entries that were not read, by kind, the most frequent first."""
    tally = Counter((_label(entry), entry.reason in _ON_PURPOSE) for entry in passed)
    listed = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    return tuple(NotRead(kind=kind, count=count, on_purpose=on_purpose) for (kind, on_purpose), count in listed)


def left_on_purpose(kind: str) -> bool | None:
    """Whether entries of this kind are no failure under --strict, by the name of their kind; None: there is no such kind."""
    if kind in [str(reason) for reason in _NAMED]:
        return Reason(kind) in _ON_PURPOSE
    name = kind.removesuffix(f" ({Reason.CODE})")
    return False if name != kind or name == NO_SUFFIX or (name.startswith(".") and "(" not in name) else None


def _label(entry: Passed) -> str:
    if entry.reason in (Reason.FORMAT, Reason.OTHER_KIND):
        return entry.suffix or NO_SUFFIX
    if entry.reason is Reason.CODE:
        return f"{entry.suffix or Path(entry.name).name} ({entry.reason})"
    return str(entry.reason)


def survey_folder(
    root: Path, kinds: frozenset[str], kind_of_name: Callable[[Path], str | None], *, leave_out_ignored: bool = False
) -> Survey:
    """Survey a folder and everything below it, sorted.

    Args:
        root: the folder.
        kinds: kinds to be read; see `llm_audit.text.sources.KINDS`.
        kind_of_name: gives a file's kind by its name.
        leave_out_ignored: do not read files that git ignores, and vendored code.
    """
    survey = Survey()
    closed: list[Path] = []
    specs = _Ignored(root) if leave_out_ignored else None

    def remember(error: OSError) -> None:
        closed.append(Path(os.fsdecode(error.filename)))

    for where, folders, files in os.walk(root, onerror=remember):
        folder = Path(where)
        if specs:
            specs.enter(folder)
        kept = []
        for name in sorted(folders):
            if reason := _why_no_folder(folder / name, specs):
                survey.passed.append(Passed(str(folder / name), reason))
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(files):
            path = folder / name
            reason = _why_no_file(path, kinds, kind_of_name, specs)
            if reason:
                survey.passed.append(Passed(str(path), reason))
            else:
                survey.paths.append(path)
    survey.paths += sorted(closed)  # reading them says what is wrong
    return survey


class _Ignored:
    """The .gitignore files of a folder and those below it, as far as they were entered."""

    def __init__(self, root: Path) -> None:
        self._specs: dict[Path, GitIgnoreSpec] = {}
        for above in _repository_above(root):
            self.enter(above)

    def enter(self, folder: Path) -> None:
        try:
            lines = (folder / ".gitignore").read_text("utf-8", "replace").splitlines()
        except OSError:
            return
        from pathspec import GitIgnoreSpec  # 15 ms, which a single file does not need

        self._specs[folder.absolute()] = GitIgnoreSpec.from_lines(lines)

    def covers(self, path: Path, is_folder: bool) -> bool:
        """Whether git ignores a path: the nearest .gitignore with a matching pattern decides."""
        path = path.absolute()
        for parent in path.parents:
            if spec := self._specs.get(parent):
                decision = spec.check_file(path.relative_to(parent).as_posix() + "/" * is_folder)
                if decision.include is not None:
                    return decision.include
        return False


def _repository_above(root: Path) -> Iterator[Path]:
    """The folders from the repository's root down to the one above `root`."""
    parents = list(root.absolute().parents)
    for depth, parent in enumerate(parents):
        if (parent / ".git").exists():
            yield from reversed(parents[: depth + 1])
            return


def _why_no_folder(path: Path, ignored: _Ignored | None) -> Reason | None:
    if path.name.startswith("."):
        return Reason.HIDDEN
    if path.is_symlink():
        return Reason.LINK
    if ignored is None:
        return None
    if path.name in _VENDORED:
        return Reason.VENDORED
    return Reason.IGNORED if ignored.covers(path, is_folder=True) else None


def _why_no_file(
    path: Path, kinds: frozenset[str], kind_of_name: Callable[[Path], str | None], ignored: _Ignored | None
) -> Reason | None:
    if path.name.startswith(_LOCKS):
        return Reason.LOCK
    if path.name.startswith("."):
        return Reason.HIDDEN
    if ignored and ignored.covers(path, is_folder=False):
        return Reason.IGNORED
    kind = kind_of_name(path)
    if kind == "html" and ignored is None and _is_report(path):  # in a gate, a page that says so is judged all the same
        return Reason.REPORT
    if kind in kinds:
        return None
    if kind is not None:
        return Reason.OTHER_KIND
    return _by_content(path, kinds)


def _is_report(path: Path) -> bool:
    """Whether a page is marked as a report of llm-audit, which quotes other texts and is not to be judged itself."""
    try:
        with path.open("rb") as file:
            return _GENERATOR in file.read(sniff.BEGINNING)
    except OSError:  # reading it says what is wrong
        return False


def _by_content(path: Path, kinds: frozenset[str]) -> Reason | None:
    """The reason not to read a file of unknown suffix, judged by its first bytes; None if it holds a document or prose."""
    try:
        if not path.is_file():
            return Reason.NO_FILE if path.exists() else None  # reading a broken link says what is wrong
        with path.open("rb") as file:
            beginning = file.read(sniff.BEGINNING)
        if sniff.kind_of_beginning(beginning) in _WHOLE and path.stat().st_size <= _MOST_LOOKED_AT:
            return _of_bytes(path, path.read_bytes(), kinds)
    except OSError:
        return None  # as above
    return _of_bytes(path, beginning, kinds)


def _of_bytes(path: PurePath, data: bytes, kinds: frozenset[str]) -> Reason | None:
    """The reason not to read a file of unknown suffix, by its bytes, or its first bytes where they suffice."""
    kind = sniff.kind_of_beginning(data)
    if kind in _WHOLE:
        try:
            kind = sniff.kind_of_content(path.name, data, "text")
        except Unreadable:
            return Reason.FORMAT
        # Programs, packages and games are zip archives too: only one that is called so is a folder of texts.
        return None if kind in kinds and kind != "zip" else Reason.FORMAT
    if kind:
        return None if kind in kinds else Reason.OTHER_KIND
    if path.suffix.lower() in _DATA or find_lexer_class_for_filename(path.name):
        return Reason.CODE
    if mimetypes.guess_type(path.name, strict=False)[0] not in (None, "text/plain"):
        return Reason.FORMAT
    if path.name.lower().startswith(_LICENCES):
        return Reason.LICENCE
    if "text" not in kinds:
        return Reason.OTHER_KIND
    beginning = data[: sniff.BEGINNING]
    try:
        text = decode(beginning[: beginning.rfind(b" ") + 1] or beginning).text  # not in the middle of a character
    except Unreadable:
        return Reason.FORMAT
    return Reason.NO_PROSE if why_not_prose(" ".join(text.split())) else None


def why_no_member(path: PurePath, content: bytes | None, kind_of_name: Callable[[PurePath], str | None]) -> Reason | None:
    """The reason why a file of an archive is not read; `content` is None where it is too large or protected."""
    if path.name.startswith(_LOCKS):
        return Reason.LOCK
    if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
        return Reason.HIDDEN
    if content is None:
        return Reason.TOO_LARGE
    kind = kind_of_name(path)
    if kind in _MANY:
        return Reason.ARCHIVE if kind == "zip" else Reason.OTHER_KIND
    if kind is None:
        return _of_bytes(path, content, _ANY)
    beginning = sniff.kind_of_beginning(content)
    try:
        return Reason.ARCHIVE if beginning in _WHOLE and sniff.kind_of_content(path.name, content, kind) == "zip" else None
    except Unreadable:
        return None  # its reader says what it is
