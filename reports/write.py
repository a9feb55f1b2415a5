"""Write a report to a file atomically, so that there is always a complete one, the old or the new.

Knows nothing of what the formats contain.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.common.errors import NotAvailable
from llm_audit.common.files import atomic_write, write_in_place
from llm_audit.reports.formats import SUFFIXES, choose, renderer_for

if TYPE_CHECKING:
    from llm_audit.results import Report
    from llm_audit.results.rules import Describe

# Paths of open descriptors, even of plain files: a replaced file would no longer be the one that is open.
_OPEN_ALREADY = re.compile(r"/dev/(stdout|stderr|fd/\d+)|/proc/(self|\d+)/fd/\d+")

_WHY = {
    errno.ENOENT: "its folder does not exist",
    errno.ENOTDIR: "its folder is a file",
    errno.EISDIR: "it is a folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space is left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EPIPE: "nobody reads the other end of the pipe",
}


def write_report(report: Report, path: str | os.PathLike[str], describe: Describe) -> None:
    """Render the report in the format that the path's suffix names, and write it. Raises NotAvailable.

    A page that would be too large is written as several files, the one with the index last. `describe` gives facts about
    rules by their codes.
    """
    if choose(path, SUFFIXES).name != "html" or _OPEN_ALREADY.fullmatch(os.fspath(path)):
        write(path, renderer_for(path)(report, describe))
        return
    from llm_audit.reports.formats import html

    for name, content in html.pages(report, Path(path).name, html.LARGEST_PAGE).items():
        write(Path(path).with_name(name), content)


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write bytes, or text as UTF-8: a file atomically, a device or pipe directly.

    Raises NotAvailable; the old file is then intact.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        existing = _stat(path)
        if _OPEN_ALREADY.fullmatch(os.fspath(path)) or (existing and not stat.S_ISREG(existing.st_mode)):
            write_in_place(path, data)
        else:
            atomic_write(Path(os.path.realpath(path)), data, mode=stat.S_IMODE(existing.st_mode) if existing else None)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        why = _WHY.get(number or 0) or (os.strerror(number).lower() if number else "this is not a possible file name")
        raise NotAvailable(f"Cannot write the report {os.fspath(path)}: {why}.") from error


def _stat(path: str | os.PathLike[str]) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except FileNotFoundError:
        return None
