"""The report as JSON, and the JSON Schema it obeys.

Knows nothing of what the fields mean: the models in `llm_audit.results` are the format.
"""

from __future__ import annotations

import json
import re

from llm_audit.results import SCHEMA_VERSION, Report

_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]")


def render(report: Report) -> str:
    """All of the report, indented, in the order of the models, so that equal reports give equal bytes.

    Characters that could act on a terminal, or that cannot be seen, are written as `\\u` escapes: the same JSON, but
    safe to print.
    """
    packages = dict(sorted(report.manifest.packages.items()))
    manifest = report.manifest.model_copy(update={"packages": packages})
    text = report.model_copy(update={"manifest": manifest}).model_dump_json(indent=2)
    return _NOT_ASCII.sub(_escaped, text) + "\n"


def schema() -> str:
    """JSON Schema (draft 2020-12) of the report, as text."""
    body = Report.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:llm-audit:report:{SCHEMA_VERSION}",
        "title": "llm-audit report",
    }
    return json.dumps({**head, **{key: value for key, value in body.items() if key not in head}}, indent=2) + "\n"


def _escaped(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]
