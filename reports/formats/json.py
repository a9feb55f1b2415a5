"""The report as JSON, and the JSON Schema it obeys.

Knows nothing of what the fields mean: the models in `llm_audit.results` are the format.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField

from llm_audit.results import SCHEMA_VERSION, Report
from llm_audit.results.canonical import content_digest

_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]")
_NUMBERS = re.compile(r"\[\n\s*((?:(?:-?\d[\d.e+-]*|null),?\s+)+)\]")
"""Pattern of a list of numbers, which is put on one line; no string contains a line break, so that none matches."""
# What Python calls printable and nobody sees: variation selectors, fillers, joiners of graphemes.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


class _Complete(GenerateJsonSchema):
    """Schema generator that marks fields with defaults as required, since they are always written, except later additions."""

    def field_is_required(self, field: ModelField | DataclassField | TypedDictField, total: bool) -> bool:
        return "serialization_exclude_if" not in field


def render(report: Report) -> str:
    """The report as indented JSON, in the order of the models, so that equal reports give equal bytes.

    Characters that could act on a terminal, or that cannot be seen, are written as `\\u` escapes: the same JSON, but
    safe to print. Only a lone surrogate, which strict readers refuse, is replaced: by its escape as visible text.
    """
    return dump(content(report))


def content(report: Report, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The fields of a report in their fixed order, except those in `without`; its digest covers all."""
    fields = report.model_dump()
    fields["manifest"]["packages"] = dict(sorted(report.manifest.packages.items()))
    if report.content_digest is None:  # of what is written: lone surrogates are replaced there
        fields["content_digest"] = content_digest(json.loads(dump(fields)))
    return {name: value for name, value in fields.items() if name not in without}


def dump(content: Any, indent: int | None = 2) -> str:
    """A model's content as JSON that is safe to print, one final newline; on one line if `indent` is None."""
    # Not `model_dump_json`: it raises on lone surrogates, which names of files have.
    text = json.dumps(content, indent=indent, ensure_ascii=False)
    text = _NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", text)
    return _NOT_ASCII.sub(_escaped, text) + "\n"


def schema() -> str:
    """JSON Schema (draft 2020-12) of the report, as text."""
    body = Report.model_json_schema(schema_generator=_Complete, mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:llm-audit:report:{SCHEMA_VERSION}",
        "title": "llm-audit report",
    }
    return json.dumps({**head, **{key: value for key, value in body.items() if key not in head}}, indent=2) + "\n"


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable() and not _UNSEEN.match(character):
        return character
    escape = json.dumps(character)[1:-1]
    return f"\\{escape}" if "\ud800" <= character <= "\udfff" else escape
