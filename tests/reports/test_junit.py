"""JUnit XML: valid by Jenkins' schema, read by another program, faithful to every verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from junitparser import Error, Failure, JUnitXml, Skipped

from llm_audit.detectors.registry import described
from llm_audit.reports.formats import junit
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.test_json import REPORTS

SCHEMA = Path(__file__).parents[2] / "fixtures" / "schemas" / "junit-10.xsd"


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(SCHEMA))


@pytest.mark.parametrize("made", REPORTS)
def test_reports_obey_the_schema(schema: xmlschema.XMLSchema, made: Callable[[], Report]) -> None:
    schema.validate(junit.render(made(), described))


def test_what_is_no_character_in_xml_becomes_visible() -> None:
    text = junit.render(factory.report(factory.passing("a\x00b\x1b[2J\ufffe\uffff.txt")), described)
    assert 'name="a\\x00b\\x1b[2J\\ufffe\\uffff.txt"' in text


def test_another_program_reads_every_verdict(tmp_path: Path) -> None:
    # As `unjudged` writes it.
    short = factory.not_assessable("c").model_copy(update={"summary": "Not assessable. This text is too short to be judged."})
    documents = (factory.finding("a"), factory.passing("b"), short, factory.unreadable("d"))
    path = tmp_path / "junit.xml"
    path.write_text(junit.render(factory.report(*documents, factory.undecided("e")), described))
    (suite,) = JUnitXml.fromfile(str(path))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 2)
    kinds = {case.name: [type(result) for result in case.result] for case in suite}
    assert kinds == {"a": [Failure], "b": [], "c": [Skipped], "d": [Error], "e": [Skipped]}
    messages = {case.name: case.result[0].message for case in suite if case.result}
    assert messages["c"] == "Not assessable: This text is too short to be judged."
    assert messages["e"].startswith("Inconclusive: ")
    properties = {each.name: each.value for each in suite.properties()}
    assert properties["population"] == "essays-en" and properties["model"] == "SmolLM2-135M-Instruct"


def test_a_failure_says_where_and_why() -> None:
    suite = ET.fromstring(junit.render(factory.report(factory.finding("essays/a.txt")), described).encode())
    failure = suite.find(".//failure")
    assert failure is not None and failure.text is not None
    message, place = failure.text.split("\n")
    assert "p = 0.0005" in message and "Null hypothesis" in message
    assert place == "essays/a.txt:3:1: passage 2: p = 0.0015, q = 0.0075"


@pytest.mark.parametrize("summary", ["Not assessable. The text has 45 tokens.", "Not assessable: the text has 45 tokens."])
def test_a_verdict_is_said_once(summary: str) -> None:
    document = factory.not_assessable("c").model_copy(update={"summary": summary})
    skipped = ET.fromstring(junit.render(factory.report(document), described).encode()).find(".//skipped")
    assert skipped is not None and skipped.get("message", "").lower() == "not assessable: the text has 45 tokens."


def test_the_limits_are_in_it() -> None:
    suite = ET.fromstring(junit.render(factory.report(), described).encode())
    said = suite.find(".//testsuite/system-out")
    assert said is not None and said.text is not None
    assert said.text.split("\n") == ["4 inputs: 2 judged, 1 not assessable, 1 unreadable.", *factory.report().limits]


def test_collections_and_endpoints() -> None:
    for made, kind in (
        (factory.membership_report, "failure"),
        (factory.shifted_report, "skipped"),
        (factory.consistent_report, None),
    ):
        (case,) = ET.fromstring(junit.render(made(), described).encode()).iter("testcase")
        assert [child.tag for child in case] == [kind or "system-out"]
