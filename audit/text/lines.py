"""JSON lines, also compressed: one object a line, and what is wrong with a line that is none.

Knows nothing about what the objects mean.
"""

from __future__ import annotations

import gzip
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from llm_audit.errors import AuditError

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def open_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file as they stand, endings included, unpacked if it is called .gz or .xz.

    Raises:
        AuditError: on the way, if the file is missing, cannot be read, or is damaged.
    """
    try:
        with _OPENERS.get(path.suffix.lower(), Path.open)(path, "rb") as lines:
            yield from lines
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise AuditError(f"{path} is damaged ({error}); fetch it again.") from error
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or error}.") from error


def parse(line: bytes) -> dict[str, Any] | str:
    """The JSON object on a line or, to follow "Line 17", why there is none: "is not UTF-8". Never raises.

    A byte order mark is no part of the object. Half a character (a lone surrogate, which JSON can spell) is refused wherever
    it stands: no such text can be hashed, scored or printed.
    """
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "is not UTF-8"
    except json.JSONDecodeError as error:
        return f"is not a JSON object ({error.msg} at character {error.pos + 1:,})"
    except (ValueError, RecursionError):
        return "is not a JSON object that can be read (a number too long, or nested too deeply)"
    if not isinstance(row, dict):
        return "is not a JSON object"
    if _ESCAPED_SURROGATE.search(line) and _SURROGATE.search(json.dumps(row, ensure_ascii=False)):
        return "has half a character (a lone surrogate)"
    return row
