from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from llm_audit.cli import COMMANDS
from llm_audit.cli.schema import command
from llm_audit.reports.formats.json import render as render_json
from llm_audit.reports.formats.json import schema as json_schema
from llm_audit.results import Report
from tests.reports import factory

REPORTS = (
    *(factory.report, factory.attribution_report),
    *(factory.membership_report, factory.untouched_report, factory.shifted_report),
    *(factory.substitution_report, factory.consistent_report, factory.not_measured_report),
)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("made", REPORTS)
def test_reports_obey_the_schema(validator: jsonschema.Draft202012Validator, made: Callable[[], Report]) -> None:
    validator.validate(json.loads(render_json(made())))


@pytest.mark.parametrize(
    "where",
    [
        *((), ("manifest",), ("coverage",)),
        *(("subjects", 0), ("subjects", 0, "combined"), ("subjects", 0, "sets", 0)),
        *(("subjects", 0, "attributions", 0), ("subjects", 0, "attributions", 0, "trace")),
    ],
)
def test_the_schema_is_closed_and_complete(validator: jsonschema.Draft202012Validator, where: tuple[Any, ...]) -> None:
    data = json.loads(render_json(factory.attribution_report()))
    place = data
    for key in where:
        place = place[key]
    place["surprise"] = 1
    assert not validator.is_valid(data)
    del place["surprise"]
    assert validator.is_valid(data)
    place.pop(next(iter(place)))
    assert not validator.is_valid(data)


@pytest.mark.parametrize("made", REPORTS)
def test_it_reads_back_as_the_same_report(made: Callable[[], Report]) -> None:
    read = Report.model_validate_json(render_json(made()))
    assert read.content_digest is not None
    assert read.model_copy(update={"content_digest": None}) == made()
    assert render_json(read) == render_json(made())


def test_equal_reports_give_equal_bytes() -> None:
    report = factory.report()
    packages = dict(reversed(report.manifest.packages.items()))
    shuffled = report.model_copy(update={"manifest": report.manifest.model_copy(update={"packages": packages})})
    assert render_json(shuffled) == render_json(report)
    assert render_json(report).endswith("}\n")


def test_the_schema_is_named() -> None:
    schema = json.loads(json_schema())
    assert (schema["$id"], schema["title"]) == ("urn:llm-audit:report:2", "llm-audit report")


def test_schema_command_prints_it() -> None:
    result = CliRunner().invoke(command)
    assert (result.exit_code, result.output) == (0, json_schema())
    assert command.help == COMMANDS["schema"]
