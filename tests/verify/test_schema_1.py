"""Reports that version 0.1 wrote, in schema version 1: they are read, verified in their own terms, and written as version 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llm_audit.api.stored import intact, read_report, verify
from llm_audit.reports.formats import jsonl
from llm_audit.reports.formats.json import render as render_json
from llm_audit.results import Report
from llm_audit.results.canonical import content_digest
from tests.reports import factory

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
NAMES = ("finding", "pass", "not-assessable")
FIELDS = {"document": "documents", "collection": "membership", "endpoint": "substitution"}


def downgraded(report: Report) -> dict[str, Any]:
    """A report as version 0.1 would have written it."""
    content = json.loads(render_json(report))
    subjects = content.pop("subjects")
    content |= {"schema_version": "1", "documents": [], "membership": None, "substitution": None}
    for subject in subjects:
        kind = FIELDS[subject.pop("kind")]
        subject.pop("early", None)
        if kind == "documents":
            content["documents"].append(subject)
        else:
            content[kind] = subject
    return content | {"content_digest": content_digest(content)}


# Today's "finding" is of another command, "not-assessable" of a blind classifier with more features.
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("finding", "not-assessable")])
def test_a_stored_report_becomes_the_present_one(name: str) -> None:
    old = (GOLDEN / "schema-1" / f"{name}.json").read_bytes()
    assert json.loads(old)["schema_version"] == "1"
    assert intact(old)
    assert render_json(read_report(old)) == (GOLDEN / f"{name}.json").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_report_verifies(name: str) -> None:
    ledger = verify(GOLDEN / "schema-1" / f"{name}.json", inputs=GOLDEN.parents[1])
    assert ledger.mismatches == [] and ledger.unchecked == []


def test_a_mismatch_is_named_as_the_old_report_names_it() -> None:
    content = json.loads((GOLDEN / "schema-1" / "finding.json").read_text())
    content["membership"]["tests"][0]["p_value"] = 0.5
    content["membership"]["verdict"] = "pass"
    paths = {mismatch.path for mismatch in verify(json.dumps(content).encode()).mismatches}
    assert {"content_digest", "membership.tests[0].p_value", "membership.verdict"} <= paths
    content["membership"]["verdict"] = "guilty"
    assert "membership.verdict" in {mismatch.path for mismatch in verify(json.dumps(content).encode()).mismatches}


@pytest.mark.parametrize("made", [factory.report, factory.attribution_report, factory.membership_report, factory.gate_report])
def test_reports_of_each_kind_read_the_same(made: Any) -> None:
    old = json.dumps(downgraded(made())).encode()
    assert render_json(read_report(old)) == render_json(made())
    lines = jsonl.render(made()).splitlines()
    last = json.loads(lines[-1]) | {"schema_version": "1"}
    if made is not factory.membership_report:
        old = "\n".join([*lines[:-1], json.dumps(last | {"content_digest": None})]).encode()
        assert render_json(read_report(old)) == render_json(made())


def test_a_changed_report_stays_one_that_was_changed() -> None:
    content = downgraded(factory.membership_report())
    content["question"] = "Was it?"
    again = render_json(read_report(json.dumps(content).encode())).encode()
    assert not intact(again)
