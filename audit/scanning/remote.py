"""Files behind URLs, through fsspec: s3://, gs:// and others. Knows nothing of their content.

A file is downloaded as a whole while it is read, so that every format is read by the same code as from a disk.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from llm_audit.common.errors import NotAvailable
from llm_audit.common.files import scratch
from llm_audit.common.terminal import one_line
from llm_audit.text import Source
from llm_audit.text.sources import kind_of

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|[a-z0-9]+::")
_USER = re.compile(r"(?<=//)[^/?#]*@")
_QUERY = re.compile(r"\?.*?(?=::|$)", re.DOTALL)
_PATTERN = set("*?[")


def is_remote(path: str) -> bool:
    """Whether a path is a URL, or a chain of URLs in fsspec's syntax."""
    return bool(_URL.match(path))


@dataclass(frozen=True, slots=True)
class Remote:
    """An input file of a scan that is named by a URL (s3://, https:// ...) and read through fsspec."""

    url: str

    @property
    def name(self) -> str:
        """The URL without its secret parts: user and password and, in a web address, the query."""
        plain = _USER.sub("", self.url)
        # In a pattern of another system a question mark is a letter.
        return one_line(_QUERY.sub("", plain) if "http" in plain.lower() else plain)

    @property
    def kind(self) -> str:
        """The kind of the file, as in `Source`."""
        return kind_of(self.path) or "text"

    @property
    def path(self) -> Path:
        """The file name as a path, of which only the suffixes matter."""
        return Path(PurePosixPath(self.name.partition("::")[0]).name)


def listed(url: str) -> list[Remote]:
    """The files behind a URL, sorted: the file itself, the texts in and below a folder, or the files that fit a pattern.

    Raises:
        NotAvailable: it cannot be listed, or there is none.
    """
    if kind_of(Remote(url).path) and not set(Remote(url).name) & _PATTERN:
        return [Remote(url)]
    with _failing("read", url):
        system, path = _open(url)
        matches = system.glob(path) if set(path) & _PATTERN else system.find(path)
        urls = sorted(system.unstrip_protocol(match) for match in matches)
    texts = [file for file in map(Remote, urls) if kind_of(file.path)]
    if not texts:
        raise NotAvailable(f"{Remote(url).name} holds no text in a format that can be read: check the address.")
    return texts


@contextmanager
def local_copy(source: Source | Remote) -> Iterator[Source]:
    """The file on this machine: the local file itself, or a downloaded copy that is deleted afterwards.

    Raises:
        NotAvailable: it cannot be fetched.
    """
    if isinstance(source, Source):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="llm-audit-") as folder:
        path = Path(folder, "file" + "".join(source.path.suffixes))
        with _failing("read", source.url):
            system, remote = _open(source.url)
            with system.open(remote, "rb") as there, scratch(path) as file:
                shutil.copyfileobj(there, file, 1 << 20)
        yield Source(source.name, path)


def check_results(url: str) -> None:
    """Check that a package that can write to this URL is installed. Raises NotAvailable."""
    with _failing("write to", url):
        _open(url)


def put(files: Sequence[Path], url: str) -> None:
    """Copy files into a folder behind a URL, in order, each whole or not at all.

    Raises:
        NotAvailable: one cannot be written.
    """
    with _failing("write to", url):
        system, folder = _open(url)
        system.makedirs(folder, exist_ok=True)
        for path in files:
            with (
                system.transaction,  # where the system is one of files, renames them into place
                path.open("rb") as file,
                system.open(f"{folder.rstrip('/')}/{path.name}", "wb") as there,
            ):
                shutil.copyfileobj(file, there, 1 << 20)


def _open(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    system, path = url_to_fs(url)
    return system, path


@contextmanager
def _failing(verb: str, url: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # every system that fsspec knows has its own
        message = one_line(str(error)).replace(one_line(url), Remote(url).name)
        why = re.sub(r"\?\S+", "", _USER.sub("", message)).rstrip(".")[:200] or type(error).__name__
        raise NotAvailable(f"Cannot {verb} {Remote(url).name} ({why}); what was judged so far is kept.") from error
