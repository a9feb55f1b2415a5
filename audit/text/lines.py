"""JSON lines, also compressed: one object per line, or the reason why a line holds none.

Knows nothing about what the objects mean.
"""

from __future__ import annotations

import gzip
import importlib
import json
import lzma
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from llm_audit.common.errors import InvalidInput, NotAvailable
from llm_audit.common.templates import Template

LONGEST_LINE = 20_000_000

_MOST_RATIO, _RATIO_FROM = 200, 20_000_000
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def open_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file with their line endings, decompressed if its suffix is .gz, .xz or .zst.

    A line longer than `LONGEST_LINE` bytes is truncated to one byte more: `parse` refuses it, and the others are not lost.

    Raises:
        AuditError: on the way, if the file is missing, cannot be read, is damaged, or is made to fill the disk when unpacked.
    """
    try:
        with path.open("rb") as packed:
            yield from lines_of(packed, path.suffix, str(path))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}.") from error


def lines_of(packed: BinaryIO, suffix: str, name: str) -> Iterator[bytes]:
    """The lines of an open file, decompressed according to `suffix`; `name` is for messages."""
    unpacked, errors = _unpacked(packed, suffix.lower(), name)
    damage: tuple[type[Exception], ...] = (EOFError, *errors)
    read, whole = 0, True
    try:
        while line := unpacked.readline(LONGEST_LINE + 1):
            read += len(line)
            if read > max(_RATIO_FROM, _MOST_RATIO * packed.tell()):
                raise InvalidInput(
                    f"{name} unpacks to more than {_MOST_RATIO} times its size, like a bomb: unpack it yourself."
                )
            if whole:
                yield line
            whole = len(line) <= LONGEST_LINE or line.endswith(b"\n")
    except damage as error:
        raise InvalidInput(f"{name} is damaged ({error}); fetch it again.") from error


def _unpacked(packed: BinaryIO, suffix: str, name: str) -> tuple[BinaryIO, tuple[type[Exception], ...]]:
    """The decompressed stream, and the exceptions that mean that it is damaged."""
    match suffix:
        case ".gz":
            return cast(BinaryIO, gzip.open(packed)), (gzip.BadGzipFile, zlib.error)
        case ".xz":
            return cast(BinaryIO, lzma.open(packed)), (lzma.LZMAError,)
        case ".zst":
            try:
                zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
            except ModuleNotFoundError as error:
                raise NotAvailable(f"{name} needs the package {error.name}: run `pip install 'llm-audit[formats]'`.") from None
            return zstd.open(packed), (zstd.ZstdError,)
    return packed, ()


_TOO_LONG = Template("is longer than {megabytes:number} MB")
_NOT_UTF_8 = Template("is not UTF-8")
_NOT_JSON = Template("is not a JSON object ({fault:syntax} at character {at:count})")
_TOO_DEEP = Template("is not a JSON object that can be read (a number too long, or nested too deeply)")
_NO_OBJECT = Template("is not a JSON object")
_HALF = Template("has half a character (a lone surrogate)")
FAULTS = (_TOO_LONG, _NOT_UTF_8, _NOT_JSON, _TOO_DEEP, _NO_OBJECT, _HALF)
"""Templates of the reasons that `parse` gives for a line without a JSON object."""


def parse(line: bytes) -> dict[str, Any] | str:
    """The JSON object on a line or, as words that follow "Line 17", why there is none: "is not UTF-8". Never raises.

    A byte order mark is no part of the object; of two fields with one name the last counts. Half a character (a lone
    surrogate, which JSON can spell) is refused wherever it stands: no such text can be hashed, scored or printed.
    """
    if len(line) > LONGEST_LINE:
        return _TOO_LONG.write(megabytes=LONGEST_LINE // 1_000_000)
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _NOT_UTF_8.write()
    except json.JSONDecodeError as error:
        return _NOT_JSON.write(fault=error.msg, at=error.pos + 1)
    except (ValueError, RecursionError):
        return _TOO_DEEP.write()
    if not isinstance(row, dict):
        return _NO_OBJECT.write()
    if _ESCAPED_SURROGATE.search(line) and _SURROGATE.search(json.dumps(row, ensure_ascii=False)):
        return _HALF.write()
    return row
