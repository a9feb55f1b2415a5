"""Stored reports: read back, verified and signed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_audit.api.arguments import checked
from llm_audit.api.report import Report
from llm_audit.api.running import StrPath
from llm_audit.common.errors import InvalidInput
from llm_audit.results import read as stored
from llm_audit.verification import Ledger, Mismatch, signing
from llm_audit.verification import verify as recompute

__all__ = [
    "Ledger",
    "Mismatch",
    "Signer",
    "content_of",
    "intact",
    "read_report",
    "verify",
]


@checked
def read_report(source: StrPath | bytes, *, name: str | None = None) -> Report:
    """A report that was stored as JSON or JSON lines. It has the `content_digest` that saving adds, and is else the saved one.

    Args:
        source: a file, the folder of a scan, or the content of a file as bytes.
        name: what errors call it; None: the name of the file.

    Raises:
        InvalidInput: it cannot be read, or is no report.

    >>> llm_audit.read_report("report.json").documents[0].name
    'essay.txt'
    """
    content, called = content_of(source, name)
    return Report.of(stored.read_report(content, called))


def intact(content: bytes) -> bool:
    """Whether a stored report has the content digest that it states; an early one states none."""
    return stored.intact(content)


@checked
def verify(source: StrPath | bytes, *, inputs: StrPath = "", key: StrPath | None = None, name: str | None = None) -> Ledger:
    """Check a stored report: everything that follows from its numbers is computed again, without a model, and compared.

    Args:
        source: a file, the folder of a scan, or the content of a file as bytes; of a scan, what is beside its summary is
            compared too.
        inputs: folder from which the inputs are named; "": the working folder.
        key: a public key (PEM): the signature in SOURCE.dsse is checked as well, so `source` must be a file.
        name: what errors call it; None: the name of the file.

    Returns:
        A ledger: `mismatches` holds what does not follow, `unchecked` what could not be computed again. The report holds if
        both are empty.

    Raises:
        InvalidInput: it is no report.

    >>> ledger = llm_audit.verify("report.json")
    >>> ledger.mismatches, ledger.unchecked
    ([], [])
    """
    if key is not None and isinstance(source, bytes):
        raise InvalidInput("The signature stands in a file beside the report: give the report as a file.")
    public = signing.load_public_key(Path(key)) if key is not None else None
    content, called = content_of(source, name)
    beside = None if isinstance(source, bytes) else _report_file(source).parent
    ledger, report = recompute(content, Path(inputs), called, beside)
    if public and report and not isinstance(source, bytes):
        problem = signing.problem(public, report, content, Path(f"{os.fspath(source)}.dsse"))
        ledger.mismatches += [Mismatch("signature", None, None, problem)] if problem else []
    return ledger


@dataclass(frozen=True)
class Signer:
    """A private Ed25519 key that signs reports. See `llm_audit.verification.signing`.

    Attributes:
        path: of the key (PEM).
        key: what it holds.
    """

    path: Path
    key: Any

    @classmethod
    def load(cls, path: StrPath) -> Signer:
        """The key in a file. Raises AuditError: it holds none that can sign."""
        return cls(Path(path), signing.load_key(Path(path)))

    @property
    def exposed(self) -> bool:
        """Whether other users of the machine can read the key."""
        return bool(self.path.stat().st_mode & 0o077)

    def sign(self, report: Any, path: StrPath) -> Path:
        """Write the signed statement about a report that was saved as JSON, PATH.dsse, and return its path."""
        from llm_audit.reports.write import write

        saved, beside = Path(path), Path(f"{os.fspath(path)}.dsse")
        write(beside, signing.envelope(self.key, report, saved.name, saved.read_bytes()))
        return beside


def content_of(source: StrPath | bytes, name: str | None = None) -> tuple[bytes, str]:
    """The content of a stored report, and what to call it. Raises InvalidInput: it cannot be read."""
    if isinstance(source, bytes):
        return source, name or "The report"
    try:
        return _report_file(source).read_bytes(), name or os.fspath(source)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "there is no such file"
        raise InvalidInput(f"The report {os.fspath(source)} cannot be read: {why}.") from error


def _report_file(source: StrPath) -> Path:
    """The file of a stored report: that which is named or, in the folder of a scan, its summary."""
    path = Path(source)
    if not path.is_dir():
        return path
    if not (path / "summary.json").is_file():
        raise InvalidInput(f"{path} is a folder without summary.json, so none that `llm-audit scan` finished: name a report.")
    return path / "summary.json"
