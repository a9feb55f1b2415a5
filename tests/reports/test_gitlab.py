"""GitLab Code Quality: the fields that GitLab documents, and no two fingerprints alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from llm_audit.detectors.registry import described
from llm_audit.reports.formats import gitlab
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.test_json import REPORTS

SCHEMA = json.loads((Path(__file__).parents[2] / "fixtures" / "schemas" / "gitlab-code-quality.json").read_text())


def issues(report: Report) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gitlab.render(report, described))
    jsonschema.validate(found, SCHEMA)
    assert len({issue["fingerprint"] for issue in found}) == len(found)
    return found


@pytest.mark.parametrize("made", REPORTS)
def test_reports_obey_the_schema(made: Callable[[], Report]) -> None:
    assert all(issue["description"].startswith(f"{issue['check_name']}: ") for issue in issues(made()))


def test_all_that_is_no_pass_is_listed() -> None:
    found = issues(factory.report())
    assert [(issue["check_name"], issue["severity"], issue["location"]) for issue in found] == [
        ("AUD100", "major", {"path": "essays/müller_anna.txt", "lines": {"begin": 3, "end": 3}}),
        ("AUD000", "major", {"path": "essays/scan.pdf", "lines": {"begin": 1}}),
        ("AUD100", "info", {"path": "essays/short note.txt", "lines": {"begin": 1}}),
    ]
    assert gitlab.render(factory.report(factory.passing()), described) == "[]\n"


def test_copies_of_a_text_have_fingerprints_of_their_own() -> None:
    copies = [factory.finding(f"{number}.txt") for number in range(3)]
    first = issues(factory.report(*copies))
    assert [issue["fingerprint"] for issue in issues(factory.report(copies[1]))] == [first[0]["fingerprint"]]


def test_paths_are_relative_to_the_project_of_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_PROJECT_DIR", "/builds/school/essays")
    (found,) = issues(factory.report(factory.finding("/builds/school/essays/2025/a.txt")))
    assert found["location"]["path"] == "2025/a.txt"


def test_standard_input_collections_and_endpoints_have_a_word_for_a_path() -> None:
    reports = (factory.report(factory.finding("-")), factory.membership_report(), factory.substitution_report())
    assert [issues(report)[0]["location"]["path"] for report in reports] == ["stdin", "collection", "endpoint"]
