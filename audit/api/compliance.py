"""A stored report held against what a framework asks, such as Article 50 of the EU AI Act."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llm_audit.api.arguments import checked
from llm_audit.api.report import framed
from llm_audit.api.running import StrPath
from llm_audit.api.stored import content_of, read_report
from llm_audit.common.errors import InvalidInput
from llm_audit.reports.compliance.model import ComplianceReport
from llm_audit.verification import verify


class Compliance(ComplianceReport):
    """A framework's requirements, each with the evidence that one audit report holds, as a Python user gets them."""

    @checked
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the compliance report in the format that the path's suffix names: .html, .pdf, .md or .json.

        Raises:
            InvalidConfiguration: the suffix names no format.
            NotAvailable: the format needs a package that is not installed, or the file cannot be written.
        """
        from llm_audit.reports.compliance.render import RENDERERS
        from llm_audit.reports.formats import choose
        from llm_audit.reports.write import write

        write(path, choose(path, RENDERERS)(self))

    def to_dict(self) -> dict[str, Any]:
        """The whole compliance report as parsed JSON: dictionaries, lists, strings and numbers."""
        from llm_audit.reports.compliance.render import render_json

        content: dict[str, Any] = json.loads(render_json(self))
        return content

    def _repr_html_(self) -> str:
        """The page of the compliance report for a notebook."""
        from llm_audit.reports.compliance.render import render_html

        return framed(render_html(self))


@checked
def file_compliance(
    source: StrPath | bytes, framework: StrPath, claims: Mapping[str, str] | None = None, *, name: str | None = None
) -> Compliance:
    """The compliance report of a stored report: what a framework asks, and the evidence that the report holds.

    Args:
        source: a file, or its content as bytes.
        framework: "eu-ai-act-50", "nist-ai-600-1", "generic", or a .toml file.
        claims: what only the user can state, by name; printed as unverified.
        name: what errors call the report.

    Raises:
        InvalidInput: it is no report, or something in it does not follow from the rest.
        InvalidConfiguration: there is no such framework, or it asks for no such claim.

    >>> filed = llm_audit.file_compliance("report.json", "eu-ai-act-50", {"human-review": "Read by two editors."})
    >>> filed.save("compliance.html")
    >>> filed.requirements[0].result.value
    'evidence_not_found'
    """
    from llm_audit.reports.compliance.assess import assess
    from llm_audit.reports.compliance.framework import load

    content, called = content_of(source, name)
    report = read_report(content, name=called)
    mismatches = verify(content, Path(), called)[0].mismatches
    if mismatches:
        raise InvalidInput(
            f"{called} does not hold, so it is not filed: {mismatches[0].path} is not what follows from the rest of it. "
            "`llm-audit verify` names all such fields."
        )
    filed = assess(report, *load(os.fspath(framework)), dict(claims or {}), hashlib.sha256(content).hexdigest())
    return Compliance.model_construct(**dict(filed))
