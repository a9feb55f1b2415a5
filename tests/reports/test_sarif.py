"""SARIF: valid by the OASIS schema, faithful to every verdict, within what GitHub takes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from llm_audit.detectors.registry import described
from llm_audit.reports.formats import sarif
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.test_json import REPORTS

SCHEMA = Path(__file__).parents[2] / "fixtures" / "schemas" / "sarif-2.1.0.json"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft4Validator:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def run_of(report: Report) -> dict[str, Any]:
    (run,) = json.loads(sarif.render(report, described))["runs"]
    assert isinstance(run, dict)
    return run


def by_name(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["properties"]["name"]: result for result in run["results"]}


@pytest.mark.parametrize("made", REPORTS)
def test_reports_obey_the_schema(validator: jsonschema.Draft4Validator, made: Callable[[], Report]) -> None:
    validator.validate(json.loads(sarif.render(made(), described)))


def test_every_verdict_but_a_pass_is_a_result_of_its_own_kind() -> None:
    run = run_of(
        factory.attribution_report(factory.attributed(), factory.undecided(), factory.unreadable(), factory.not_assessable())
    )
    found = {name: (result["ruleId"], result["kind"], result["level"]) for name, result in by_name(run).items()}
    assert found == {
        "essays/river.txt": ("AUD200", "fail", "error"),
        "essays/scan.pdf": ("AUD000", "review", "none"),
        "essays/island.txt": ("AUD200", "open", "none"),
        "essays/short note.txt": ("AUD200", "notApplicable", "none"),
    }


def test_a_pass_is_an_artifact_and_no_result() -> None:
    run = run_of(factory.report())
    passed = "essays/okafor_ben.txt"
    assert passed not in by_name(run)
    listed = {artifact["properties"]["name"]: artifact for artifact in run["artifacts"]}
    assert listed[passed]["properties"]["verdict"] == "pass"
    assert listed[passed]["hashes"] == {"sha-256": "07aa" * 16}
    assert len(listed) == 4
    assert run_of(factory.report(factory.passing()))["results"] == []


def test_an_unreadable_input_is_a_failed_execution() -> None:
    (invocation,) = run_of(factory.report())["invocations"]
    assert invocation["executionSuccessful"] is False
    errors = [note for note in invocation["toolExecutionNotifications"] if note["level"] == "error"]
    assert [note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for note in errors] == ["essays/scan.pdf"]
    assert errors[0]["message"]["text"].startswith("This PDF holds pictures of pages and no text.")
    (invocation,) = run_of(factory.report(factory.passing()))["invocations"]
    assert invocation["executionSuccessful"] is True
    assert invocation["toolExecutionNotifications"] == []


def test_requests_and_lines_that_were_lost_are_told() -> None:
    for made in (factory.membership_report, factory.substitution_report):
        (invocation,) = run_of(made())["invocations"]
        (note,) = invocation["toolExecutionNotifications"]
        assert note["level"] == "warning" and "1 unreadable." in note["message"]["text"]


def test_places() -> None:
    report = factory.report(document := factory.many_passages())
    report = report.model_copy(update={"manifest": report.manifest.model_copy(update={"alpha": 0.05})})
    run = run_of(report)
    (result,) = run["results"]
    assert run["columnKind"] == "utf16CodeUnits"
    region = result["locations"][0]["physicalLocation"]["region"]
    related = result["relatedLocations"]
    assert related[0]["physicalLocation"]["region"] == region
    assert [place["id"] for place in related] == list(range(len(related)))
    assert document.text is not None
    for place in related:
        at = place["physicalLocation"]["region"]
        line = document.text.split("\n")[at["startLine"] - 1]
        assert at["startLine"] == at["endLine"] and (at["startColumn"], at["endColumn"]) == (1, len(line) + 1)
        assert place["message"]["text"].startswith("passage ")


def test_rules_are_told_with_their_limits_and_found_by_index() -> None:
    run = run_of(factory.report())
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        at = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][at["index"]]["location"]["uri"] == at["uri"]
    for rule in rules:
        assert "No one should be accused on the strength of this report alone." in rule["help"]["text"]
        assert len(rule["properties"]["tags"]) <= 20


def test_fingerprints_follow_the_content() -> None:
    document = factory.finding("a.txt")
    run = run_of(factory.report(document, document.model_copy(update={"name": "moved.txt"})))
    first, second = (result["partialFingerprints"] for result in run["results"])
    assert first["llmAuditFinding/v1"] == second["llmAuditFinding/v1"]
    assert first["primaryLocationLineHash"].removesuffix(":1") == second["primaryLocationLineHash"].removesuffix(":2")


@pytest.mark.parametrize(
    ("made", "category"),
    [
        *((factory.report, "detection"), (factory.attribution_report, "attribution")),
        *((factory.shifted_report, "membership"), (factory.substitution_report, "substitution")),
    ],
)
def test_the_category_is_the_question_and_the_rest_of_the_id_the_time(made: Callable[[], Report], category: str) -> None:
    assert run_of(made())["automationDetails"]["id"] == f"llm-audit/{category}/2025-11-21T04:12:07Z"


@pytest.mark.parametrize(("started", "said"), [("2025-11-21T06:12:07+02:00", "2025-11-21T04:12:07Z"), ("a/b", None)])
def test_a_time_is_written_as_the_standard_wants_it_or_left_out(started: str, said: str | None) -> None:
    report = factory.report()
    run = run_of(report.model_copy(update={"manifest": report.manifest.model_copy(update={"started": started})}))
    assert run["invocations"][0].get("startTimeUtc") == said
    assert run["automationDetails"]["id"].count("/") == 2


def many(n: int) -> Report:
    one = factory.finding()
    assert one.combined
    one = one.model_copy(update={"results": (), "text": None, "combined": one.combined.model_copy(update={"spans": ()})})
    return factory.report(
        *(one.model_copy(update={"name": f"{number}.txt", "sha256": f"{number:064x}"}) for number in range(n)),
        factory.passing(),
    )


def test_what_exceeds_the_limits_is_left_out_and_said(
    validator: jsonschema.Draft4Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 20)
    monkeypatch.setattr(sarif, "SHOWN_RESULTS", 5)
    text = sarif.render(many(30), described)
    validator.validate(json.loads(text))
    (run,) = json.loads(text)["runs"]
    assert len(run["results"]) == len(run["artifacts"]) == 20
    said = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert said == [
        "Left out, for the limits of GitHub: 10 of 30 results and 11 of 31 inputs, the least conspicuous ones. The JSON report "
        "has all of them.",
        "GitHub shows 5 of these 20 results.",
    ]


def test_a_file_that_is_too_large_is_halved_until_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sarif.render(many(200), described)
    monkeypatch.setattr(sarif, "MOST_BYTES", len(gzip.compress(whole.encode())) // 2)
    text = sarif.render(many(200), described)
    assert len(gzip.compress(text.encode())) <= sarif.MOST_BYTES
    (run,) = json.loads(text)["runs"]
    assert 0 < len(run["results"]) < 200
    assert "Left out, for the limits of GitHub" in text


def test_the_limits_are_those_of_github() -> None:
    assert (sarif.MOST_RESULTS, sarif.SHOWN_RESULTS, sarif.MOST_BYTES) == (25_000, 5_000, 10_000_000)


def test_a_rule_says_where_there_is_more_of_it() -> None:
    (rule,) = [each for each in run_of(factory.report())["tool"]["driver"]["rules"] if each["id"] == "AUD100"]
    assert "helpUri" not in rule and rule["help"]["text"].endswith("More of the rule: llm-audit explain AUD100")


def test_a_rule_names_its_page_and_the_rule_of_a_plugin_none(published: str) -> None:
    (rule,) = [each for each in run_of(factory.report())["tool"]["driver"]["rules"] if each["id"] == "AUD100"]
    assert rule["helpUri"] == f"{published}rules/AUD100.html"
    foreign = replace(described("AUD100"), code="AUD150", page=None)
    assert "helpUri" not in sarif._rule(foreign, ())
