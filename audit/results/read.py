"""Read stored reports, JSON or JSON lines, of this and earlier schema versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from llm_audit.common.errors import InvalidInput
from llm_audit.results import SCHEMA_VERSION, Benchmark, Corpus, Document, Membership, Report, Substitution
from llm_audit.results.canonical import content_digest

READ = ("1", SCHEMA_VERSION)
"""Schema versions that can be read."""

KINDS = tuple(subject.model_fields["kind"].default for subject in (Document, Membership, Substitution, Corpus, Benchmark))
"""The kinds of subjects."""

Floats = Callable[[str], float]
"""Function that parses a JSON number, for `json.loads`."""

REPORT = "report"
"""Value of the field `type` in the last record of JSON lines; the records before it have the kind of a subject there."""

_AUDITS = {"membership": "collection", "substitution": "endpoint"}
"""Field of a report of schema version 1 -> kind of the subject that it held."""

_SUMMARY, _ROW = {"discovery", "ranked"}, {"position", "q_value"}
"""Fields by which a scan's summary of version 0.1, and a line of a scan's results, are recognised."""


def read_report(data: bytes, name: str) -> Report:
    """Parse the content of a report file. Raises InvalidInput, whose message calls the file `name`."""
    content = read_content(data, name)
    try:
        return Report.model_validate(upgraded(content))
    except ValidationError as error:
        first_error = error.errors(include_url=False, include_input=False, include_context=False)[0]
        _refuse(name, f"{place_of(first_error['loc'], content) or 'its content'}: {first_error['msg']}")


def read_content(data: bytes, name: str, floats: Floats = float) -> dict[str, Any]:
    """The fields of a stored report as parsed JSON, not validated. Raises InvalidInput, whose message calls it `name`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse(name, "it is not UTF-8")
    if not text.strip():
        _refuse(name, "it is empty")
    first = text.lstrip().partition("\n")[0]
    record = _parsed(first, floats)
    if isinstance(record, dict) and record.keys() >= _ROW:
        raise InvalidInput(f"{name} holds the single documents of a scan: give summary.json, which is beside it.")
    lines = isinstance(record, dict) and "type" in record
    content = _joined(text, name, floats) if lines else _parsed(text, floats)
    if content is None:
        _refuse(name, "it is cut off, or no JSON" if first.startswith("{") else "it is no JSON")
    if isinstance(content, dict) and content.keys() >= _SUMMARY:
        raise InvalidInput(
            f"{name} is of llm-audit 0.1, whose summaries of a scan cannot be read: the same scan into the same folder, which "
            "judges nothing again, writes it anew."
        )
    if not isinstance(content, dict) or "schema_version" not in content:
        _refuse(name, "it says no schema_version")
    if content["schema_version"] not in READ:
        raise InvalidInput(
            f"{name} has schema version {str(content['schema_version'])[:20]}, and this llm-audit reads versions "
            f"{' and '.join(READ)}: use the one that wrote it."
        )
    return content


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """The fields of a stored report in the present schema version.

    Its content digest is left out if it is right, since it is of the old form; a wrong one stays, and stays wrong.
    """
    if content["schema_version"] == SCHEMA_VERSION:
        return content
    moved = {"documents", *_AUDITS}
    documents = content.get("documents")
    subjects: Any = documents  # which no report can have, if it is no list
    if isinstance(documents, list):
        kinds = [("document", document) for document in documents]
        kinds += [(kind, content[name]) for name, kind in _AUDITS.items() if content.get(name) is not None]
        early = {"collection": {"early": True}}
        subjects = [
            {"kind": kind, **fields, **early.get(kind, {})} if isinstance(fields, dict) else fields for kind, fields in kinds
        ]
    digest = content.get("content_digest")
    right = digest is None or digest == content_digest(content)
    return {name: value for name, value in content.items() if name not in moved} | {
        "schema_version": SCHEMA_VERSION,
        "subjects": subjects,
        "content_digest": None if right else digest,
    }


def subject_places(content: dict[str, Any]) -> list[str]:
    """The path in the stored report of each subject of the upgraded one: "subjects[0]" or, before, "documents[0]"."""
    if content["schema_version"] == SCHEMA_VERSION:
        return [f"subjects[{number}]" for number in range(len(content["subjects"]))]
    documents = [f"documents[{number}]" for number in range(len(content["documents"]))]
    return documents + [name for name in _AUDITS if content.get(name) is not None]


def place_of(location: Sequence[int | str], content: dict[str, Any]) -> str:
    """The path in the stored report of a field, given by its location in the upgraded one (as in pydantic's errors)."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
    if location == ("subjects",) and content["schema_version"] != SCHEMA_VERSION:
        path = "documents"
    elif len(location) > 1 and location[0] == "subjects":
        # The third step is the kind, by which pydantic tells subjects apart; it is no part of the path.
        subject = subject_places(content)[int(location[1])]
        rest = place_of(location[3:], content)
        path = f"{subject}.{rest}" if rest else subject
    return path


def intact(data: bytes) -> bool:
    """Whether a stored report, which can be read, has the content digest that it states; an early one states none."""
    content = read_content(data, "")
    stated = content.get("content_digest")
    return stated is None or stated == content_digest(content)


def _joined(text: str, name: str, floats: Floats) -> dict[str, Any]:
    """The records of JSON lines joined into one report of their schema version."""
    subjects: list[dict[str, Any]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        parsed = _parsed(line, floats)
        record: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
        kind = record.pop("type", None)
        if kind in KINDS:
            subjects.append({"kind": kind, **record})
        elif kind == REPORT:
            if any(later.strip() for later in lines[number:]):
                _refuse(name, f"line {number + 1} comes after its last record")
            if record.get("schema_version") == "1":
                return record | {"documents": [{key: subject[key] for key in subject if key != "kind"} for subject in subjects]}
            return record | {"subjects": subjects}
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
