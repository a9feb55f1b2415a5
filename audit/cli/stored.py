"""A stored report as commands are given it: a file, or '-' for standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from llm_audit.errors import AuditError


def content_of(source: str) -> tuple[bytes, str]:
    """The bytes of a file or of standard input, and what to call it. Raises AuditError."""
    try:
        if source == "-":
            return sys.stdin.buffer.read(), "Standard input"
        return Path(source).read_bytes(), source
    except (OSError, ValueError, AttributeError) as error:
        why = getattr(error, "strerror", None) or "there is no such file"
        raise AuditError(f"The report {source} cannot be read: {why}.") from error
