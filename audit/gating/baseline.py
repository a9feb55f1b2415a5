"""The baseline: findings that are known, by the content of their texts. Names in it are for readers only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from llm_audit.common.errors import AuditError, InvalidConfiguration
from llm_audit.common.terminal import one_line
from llm_audit.gating.settle import findings
from llm_audit.results import BaselineUse, Document, Model, Suppression, Verdict
from llm_audit.text import Source
from llm_audit.text.read import read_bytes

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Entry(Model):
    """A finding of one rule in one text."""

    rule: str = Field(pattern=r"^AUD\d{3}$")
    sha256: Digest = Field(description="of the text with white space evened out, wherever it is kept")
    name: str = Field(description="of the file, when it was taken up")


class _File(Model):
    kind: Literal["llm-audit baseline"]
    version: Literal[1, 2, 3] = Field(description="2: it knows texts, too, but not which of them passed; 3: it does")
    findings: tuple[Entry, ...]
    texts: tuple[Digest, ...] = ()
    undecided: tuple[Digest, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """Known findings, each once, sorted by text and rule; and digests of texts without any, sorted.

    Attributes:
        entries: the findings.
        texts: those that passed.
        undecided: those that were judged and neither passed nor had a finding; or of which it is not known that they passed.
    """

    entries: tuple[Entry, ...] = ()
    texts: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[Entry], texts: Iterable[str] = (), undecided: Iterable[str] = ()) -> Baseline:
        """The baseline of these entries, the first for each rule and text, and of these texts, each once."""
        by_key: dict[tuple[str, str], Entry] = {}
        for entry in entries:
            by_key.setdefault((entry.sha256, entry.rule), entry)
        unclear = set(undecided)
        return cls(tuple(by_key[key] for key in sorted(by_key)), tuple(sorted(set(texts) - unclear)), tuple(sorted(unclear)))

    def render(self) -> str:
        """The content of the file: one entry per line, so that versions of it compare and merge well."""
        lines = ",\n".join(f"  {json.dumps(entry.model_dump(), ensure_ascii=True)}" for entry in self.entries)
        listed = f"[\n{lines}\n ]" if lines else "[]"
        more = _listed("texts", self.texts) + _listed("undecided", self.undecided)
        return f'{{\n "kind": "llm-audit baseline",\n "version": {3 if more else 1},\n "findings": {listed}{more}\n}}\n'

    def use(self, name: str) -> BaselineUse:
        """Facts about this baseline for a report."""
        digest = hashlib.sha256(self.render().encode()).hexdigest()
        count, texts = len(self.entries), len(self.texts) + len(self.undecided)
        return BaselineUse(name=name, sha256=digest, entries=count, unseen=count, texts=texts or None)

    def applied(self, documents: Sequence[Document]) -> list[Document]:
        """The documents, each with the suppressions of this baseline in place of those of any other."""
        by_text: dict[str, list[Entry]] = {}
        for entry in self.entries:
            by_text.setdefault(entry.sha256, []).append(entry)
        passed = dict.fromkeys(self.texts, True) | dict.fromkeys(self.undecided, False)
        return [_with(document, by_text, passed) for document in documents]

    def difference(self, other: Baseline) -> tuple[int, int]:
        """Number of findings that only `other` has, and number that only this baseline has."""
        before, after = ({(entry.sha256, entry.rule) for entry in baseline.entries} for baseline in (self, other))
        return len(after - before), len(before - after)


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file. Raises AuditError if it is missing, or is no baseline."""
    name = one_line(str(path))
    if not path.exists():
        raise InvalidConfiguration(f"There is no baseline {name}: write it with --update-baseline, or check the path.")
    try:
        content = json.loads(read_bytes(Source(name, path)))
    except (ValueError, RecursionError):
        raise _refused(name, "it is no JSON") from None
    try:
        return _of(_File.model_validate(content, strict=False))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:80]
        raise _refused(name, one_line(f"{where}: {first['msg']}" if where else first["msg"])) from None


def _of(file: _File) -> Baseline:
    if file.version < 3:
        return Baseline.of(file.findings, (), (*file.texts, *file.undecided))
    return Baseline.of(file.findings, file.texts, file.undecided)


def _listed(name: str, digests: Sequence[str]) -> str:
    lines = ",\n".join(f'  "{digest}"' for digest in digests)
    return f',\n "{name}": [\n{lines}\n ]' if lines else ""


def renewed(documents: Sequence[Document]) -> Baseline:
    """The new baseline: all findings that no inline suppression covers, and the judged texts without findings.

    A copy of a text that passed does not pass if a part of it was not judged; then none of them is known to have passed.
    """
    entries = [
        Entry(rule=code, sha256=document.gate.text_digest, name=document.name)
        for document in documents
        for code in findings(document)
        if document.gate and document.gate.text_digest and not document.suppressed(code)
    ]
    judged = [
        (document.gate.text_digest, document.verdict)
        for document in documents
        if document.combined and not findings(document) and document.gate and document.gate.text_digest
    ]
    passed, undecided = ([text for text, verdict in judged if (verdict is Verdict.PASS) == did] for did in (True, False))
    return Baseline.of(entries, passed, undecided)


def _with(document: Document, by_text: dict[str, list[Entry]], passed: dict[str, bool]) -> Document:
    assert document.gate is not None
    inline = [suppression for suppression in document.gate.suppressions if suppression.kind == "inline"]
    known = [
        Suppression(kind="baseline", rule=entry.rule, reason=entry.name, state="unused")
        for entry in by_text.get(document.gate.text_digest or "", [])
    ]
    did = passed.get(document.gate.text_digest or "")
    update = {"suppressions": (*inline, *known), "known": None if did is None else True, "known_passed": did}
    return document.model_copy(update={"gate": document.gate.model_copy(update=update)})


def _refused(name: str, why: str) -> AuditError:
    return AuditError(f"{name} is no baseline of llm-audit ({why}): write one with --update-baseline.")
