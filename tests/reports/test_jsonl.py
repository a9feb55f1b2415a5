"""JSON lines, and reading stored reports: what is not whole is refused with one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.reports.formats import jsonl
from llm_audit.reports.formats.json import render as render_json
from llm_audit.results import Report
from llm_audit.results.read import read_report
from tests.reports import factory
from tests.reports.checks import unsealed
from tests.reports.test_json import REPORTS


def refused(data: bytes) -> str:
    with pytest.raises(AuditError) as caught:
        read_report(data, "old.json")
    message = str(caught.value)
    assert message.startswith("old.json ") and message.endswith(".") and "\n" not in message
    return message


@pytest.mark.parametrize("made", REPORTS)
def test_the_lines_read_back_as_the_same_report(made: Callable[[], Report]) -> None:
    report = made()
    assert unsealed(read_report(jsonl.render(report).encode(), "x")) == report
    assert unsealed(read_report(render_json(report).encode(), "x")) == report


def test_a_record_a_document_and_a_last_one() -> None:
    report = factory.report()
    lines = [json.loads(line) for line in jsonl.render(report).splitlines()]
    assert [line["type"] for line in lines] == ["document"] * 4 + ["report"]
    assert [line["name"] for line in lines[:-1]] == [document.name for document in report.documents]
    assert {"manifest", "coverage", "limits", "schema_version", "question"} < lines[-1].keys()
    assert "subjects" not in lines[-1]
    assert jsonl.render(report) == "".join(map(jsonl.record, report.documents)) + jsonl.last(report)


@pytest.mark.parametrize("made", [factory.report, factory.membership_report])
def test_no_beginning_of_a_stored_report_is_taken_for_one(made: Callable[[], Report]) -> None:
    for whole in (render_json(made()), jsonl.render(made())):
        body = whole.rstrip("\n")
        for end in {*range(0, len(body), len(body) // 60), len(body) - 1}:
            refused(body[:end].encode())
        read_report(body.encode(), "x")


def test_lost_and_repeated_lines() -> None:
    lines = jsonl.render(factory.report()).splitlines(keepends=True)
    assert "is cut off: the run that wrote it did not end" in refused("".join(lines[:-1]).encode())
    assert "line 6 comes after its last record" in refused("".join([*lines, lines[0]]).encode())
    assert "line 2 is cut off, or no record of ours" in refused("".join([lines[0], lines[1][:40] + "\n", *lines[2:]]).encode())
    assert unsealed(read_report("".join(["\n", *lines, "\n\n"]).encode(), "x")) == factory.report()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xff\xfe{}", "it is not UTF-8"),
        (b"# Report", "it is no JSON"),
        (b"[1, 2]", "it says no schema_version"),
        (b"[" * 100_000, "it is no JSON"),
        (b"null", "it is no JSON"),
        (b'"report"', "it says no schema_version"),
        (b'{"runs": []}', "it says no schema_version"),
        (b'{"type": "verdict"}', "line 1 is cut off, or no record of ours"),
        (b'{"schema_version": "3", "new": true}', "has schema version 3, and this llm-audit reads versions 1 and 2: use the"),
        (b'{"schema_version": 1}', "has schema version 1,"),
        (b'{"schema_version": "1"}', "(question: Field required)"),
    ],
)
def test_what_is_no_report_of_ours(data: bytes, said: str) -> None:
    assert said in refused(data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subjects": [{"kind": "document", "name": "a"}]}, "subjects[0].sha256: Field required"),
        ({"subjects": [{"name": "a"}]}, "subjects[0]: Unable to extract tag"),
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"coverage": {"found": "many"}}, "coverage.found: "),
        ({"limits": float("nan")}, "limits: "),
    ],
)
def test_the_first_field_that_is_wrong_is_named(change: dict[str, object], said: str) -> None:
    assert said in refused(json.dumps(json.loads(render_json(factory.report())) | change).encode())


def test_a_byte_order_mark_is_no_fault() -> None:
    assert unsealed(read_report(b"\xef\xbb\xbf" + render_json(factory.report()).encode(), "x")) == factory.report()
