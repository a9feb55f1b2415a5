"""The settings of a policy and the fields of a report, from the models that read and write them."""

from __future__ import annotations

import json
from typing import Any

from llm_audit.policy.model import Override, Policy, Watermark
from llm_audit.reports.formats.json import schema as json_schema

LEAD = """\
What `llm-audit.toml`, or `[tool.llm-audit]` in `pyproject.toml`, can say. How it is found, what wins over what, and how
patterns are read: [A policy for a repository](../how-to/policy.md).
"""

REPORT = """\
The JSON of a report (`-o report.json`) holds all that any other format shows. `llm-audit schema` prints the schema that this
page is made from: {link}. Fields that are empty are left out.
"""


def pages() -> dict[str, str]:
    """The two pages."""
    return {"reference/settings.md": _settings(), "reference/report.md": _report()}


def _settings() -> str:
    rows = []
    for name, field in Policy.model_fields.items():
        rows.append(
            f"| `{name.replace('_', '-')}` | {field.description} | {_default(field.get_default(call_default_factory=True))} |"
        )
    parts = ["# Settings of a policy", LEAD.strip(), "\n".join(["| setting | value | default |", "|---|---|---|", *rows])]
    for table, model, said in (
        ("overrides", Override, "Of the tables whose `paths` fit a document, the last that has a setting decides."),
        ("watermarks", Watermark, "All tables whose `paths` fit a document hold."),
    ):
        under = [f"| `{name.replace('_', '-')}` | {field.description} |" for name, field in model.model_fields.items()]
        parts += [f"## In a table `[[{table}]]`", said, "\n".join(["| setting | value |", "|---|---|", *under])]
    return "\n\n".join(parts) + "\n"


def _default(value: Any) -> str:
    if value is None:
        return "not set"
    shown = json.dumps(list(value) if isinstance(value, tuple) else value)
    return f"`{shown}`"


def _report() -> str:
    schema = json.loads(json_schema())
    link = "[JSON Schema](https://json-schema.org)"
    parts = ["# The JSON of a report", REPORT.format(link=link).strip(), "## Report", _fields(schema)]
    for name in sorted(schema.get("$defs", {})):
        part = schema["$defs"][name]
        if "properties" in part:
            parts += [f"## {name}", _fields(part)]
        elif "enum" in part:
            parts += [f"## {name}", "One of " + ", ".join(f"`{each}`" for each in part["enum"]) + "."]
    return "\n\n".join(parts) + "\n"


def _fields(part: dict[str, Any]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_cell(field.get('description', ''))} |" for name, field in part["properties"].items()
    ]
    about = _cell(part.get("description", "").split("\n\n")[0])
    return "\n\n".join(filter(None, [about, "\n".join(["| field | type | |", "|---|---|---|", *rows])]))


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    for word in ("anyOf", "oneOf", "allOf"):
        if word in field:
            return " or ".join(dict.fromkeys(_type(each) for each in field[word]))
    if field.get("type") == "array":
        inner = field.get("items") or {}
        return f"list of {_type(inner)}" if inner else "list"
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    return str(field.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "&#124;").replace("<", "&lt;")
