"""Zip archives: their files one by one, within limits. Unpacks no archive in an archive."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from llm_audit.extract.draft import Refused

MOST_FILES = 5_000
MOST_INFLATED = 500_000_000
MOST_RATIO, RATIO_FROM = 200, 5_000_000  # essays of one letter may be as regular as they like
LARGEST = 20_000_000
"""Most bytes of one file."""

_PROTECTED = 0x1


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """{"name", "content"} of each file, the content in Base64; None if the file is too large or has a password."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(stream.read()))
    except zipfile.BadZipFile:
        raise Refused("is damaged: it is not a whole zip archive") from None
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MOST_FILES:
        raise Refused(f"holds {len(entries):,} files, more than {MOST_FILES:,}: unpack it and name the folder")
    inflated = sum(entry.file_size for entry in entries)
    if inflated > MOST_INFLATED:
        raise Refused(
            f"unpacks to {inflated / 1e6:,.0f} MB, more than {MOST_INFLATED // 1_000_000}: unpack it and name the folder"
        )
    for entry in entries:
        # zipfile never unpacks more of an entry than the directory says.
        if entry.file_size > max(RATIO_FROM, MOST_RATIO * entry.compress_size):
            raise Refused(f"has a file that unpacks to more than {MOST_RATIO} times its size, like a zip bomb")
    for entry in sorted(entries, key=lambda entry: entry.filename):
        yield {"name": entry.filename, "content": _content(archive, entry)}


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str | None:
    if entry.flag_bits & _PROTECTED or entry.file_size > LARGEST:
        return None
    try:
        return base64.b64encode(archive.read(entry)).decode()
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise Refused(f"is damaged: {entry.filename!r} cannot be unpacked") from None
    except NotImplementedError:
        raise Refused("is packed in a way that cannot be read: unpack it and name the folder") from None
