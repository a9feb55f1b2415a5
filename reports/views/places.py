"""Places in files as other programs look them up: lines and columns in a text, and paths of files."""

from __future__ import annotations

import os
import posixpath
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from llm_audit.common.paths import working_folder
from llm_audit.reports.views.passages import Passage

_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Place:
    """A passage by lines and columns. Both count from 1, columns in UTF-16 units; `end_column` is the first one after it."""

    passage: Passage
    start_line: int
    start_column: int
    end_line: int
    end_column: int


def places(text: str, passages: Sequence[Passage]) -> list[Place]:
    """The places of passages without surrounding white space; those of only white space are left out."""
    lines = [0, *(match.end() for match in re.finditer("\n", text))]  # "\r\n" ends with it, too
    wide = [match.start() for match in _BEYOND_16_BITS.finditer(text)]

    def at(offset: int) -> tuple[int, int]:
        line = bisect_right(lines, offset)
        begin = lines[line - 1]
        return line, 1 + offset - begin + bisect_left(wide, offset) - bisect_left(wide, begin)

    result = []
    for passage in passages:
        excerpt = text[passage.start : passage.end]
        start = passage.start + len(excerpt) - len(excerpt.lstrip())
        end = passage.start + len(excerpt.rstrip())
        if start < end:
            result.append(Place(passage, *at(start), *at(end)))
    return result


def path_of(name: str) -> str:
    """A file's path with forward slashes, relative to the project that is checked: what CI systems look up.

    The project is `CI_PROJECT_DIR` (GitLab) or `GITHUB_WORKSPACE`, else the repository around the current folder, else that
    folder. A path that leaves it stays as it was given.
    """
    normal, current = _normal(name), working_folder()
    full = _normal(posixpath.join(current.as_posix(), normal))
    repository = next((folder for folder in (current, *current.parents) if (folder / ".git").exists()), current).as_posix()
    for root in (os.environ.get("CI_PROJECT_DIR"), os.environ.get("GITHUB_WORKSPACE"), repository):
        if root and full.startswith(_normal(root).rstrip("/") + "/"):
            return full[len(_normal(root).rstrip("/")) + 1 :]
    return normal


def uri_of(path: str) -> str:
    """A path as a reference of RFC 3986: no character in it can make it an address of another kind."""
    return quote(path)


def _normal(path: str) -> str:
    # Two slashes at the beginning would make a host of what follows.
    return re.sub("^/+", "/", posixpath.normpath(path))
