"""A stored report, JSON or JSON lines, read back as the same report."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from pydantic import ValidationError

from llm_audit.errors import InvalidInput
from llm_audit.results import SCHEMA_VERSION, Report
from llm_audit.results.canonical import content_digest

Floats = Callable[[str], float]
"""Makes a number of how it is written in JSON."""

DOCUMENT, REPORT = "document", "report"
"""Values of the field `type` in the records of JSON lines."""

_OF_A_SCAN = ({"discovery", "ranked"}, {"position", "q_value"})
"""Fields of what a scan writes: its summary, and a line of its results."""


def read_report(data: bytes, name: str) -> Report:
    """The report in the content of a file. Raises InvalidInput, which calls it by `name`."""
    content = read_content(data, name)
    if content["schema_version"] != SCHEMA_VERSION:
        raise InvalidInput(
            f"{name} has schema version {str(content['schema_version'])[:20]}, and this llm-audit reads version "
            f"{SCHEMA_VERSION}: use the one that wrote it."
        )
    try:
        return Report.model_validate(content)
    except ValidationError as error:
        first_error = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first_error["loc"]))
        _refuse(name, f"{place or 'its content'}: {first_error['msg']}")


def read_content(data: bytes, name: str, floats: Floats = float) -> dict[str, Any]:
    """The fields of a stored report as JSON has them, whatever they hold. Raises InvalidInput, which calls it by `name`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse(name, "it is not UTF-8")
    if not text.strip():
        _refuse(name, "it is empty")
    first = text.lstrip().partition("\n")[0]
    record = _parsed(first, floats)
    lines = isinstance(record, dict) and "type" in record
    content = _joined(text, name, floats) if lines else _parsed(text, floats)
    for found in (record, content):
        if isinstance(found, dict) and any(fields <= found.keys() for fields in _OF_A_SCAN):
            raise InvalidInput(
                f"{name} is about a corpus, from `llm-audit scan`: report.html beside it is its page, and the same scan into "
                "the same folder computes it anew; `report` and `verify` read reports of single runs."
            )
    if content is None:
        _refuse(name, "it is cut off, or no JSON" if first.startswith("{") else "it is no JSON")
    if not isinstance(content, dict) or "schema_version" not in content:
        _refuse(name, "it says no schema_version")
    return content


def intact(data: bytes) -> bool:
    """Whether a stored report, which can be read, has the content digest that it states; an early one states none."""
    content = read_content(data, "")
    stated = content.get("content_digest")
    return stated is None or stated == content_digest(content)


def _joined(text: str, name: str, floats: Floats) -> dict[str, Any]:
    """The records of JSON lines as one report."""
    documents: list[dict[str, Any]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        parsed = _parsed(line, floats)
        record: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
        kind = record.pop("type", None)
        if kind == DOCUMENT:
            documents.append(record)
        elif kind == REPORT:
            if any(each.strip() for each in lines[number:]):
                _refuse(name, f"line {number + 1} comes after its last record")
            return record | {"documents": documents}
        elif line.strip():
            _refuse(name, f"line {number} is cut off, or no record of ours")
    raise InvalidInput(f"{name} is cut off: the run that wrote it did not end, or the last line is lost; run it again.")


def _parsed(text: str, floats: Floats) -> Any:
    try:
        return json.loads(text, parse_float=floats)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str, why: str) -> NoReturn:
    raise InvalidInput(f"{name} is no report of llm-audit that can be read ({why}): give one that `-o FILE.json` wrote.")
