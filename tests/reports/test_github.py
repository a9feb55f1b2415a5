"""GitHub annotations: one command a line, whatever stands in the texts."""

from __future__ import annotations

import re

import pytest

from llm_audit.detectors.registry import described
from llm_audit.reports.formats import github
from tests.reports import factory

COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-zA-Z]+=[^:,\r\n]*,?)+)::([^\r\n]*)\n")


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """As the runner reads them."""
    found = []
    for line in text.splitlines(keepends=True):
        match = COMMAND.fullmatch(line)
        assert match, line
        properties = dict(each.split("=", 1) for each in match[2].split(","))
        found.append((match[1], {key: unescaped(value) for key, value in properties.items()}, unescaped(match[3])))
    return found


def unescaped(text: str) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def test_every_verdict() -> None:
    found = commands(github.render(factory.report(), described))
    assert [(kind, properties) for kind, properties, _ in found] == [
        ("error", {"file": "essays/müller_anna.txt", "line": "3", "endLine": "3", "col": "1", "endColumn": "228",
                   "title": "AUD100 Finding"}),
        ("error", {"file": "essays/scan.pdf", "title": "AUD000 Unreadable"}),
        ("warning", {"file": "essays/short note.txt", "title": "AUD100 Not assessable"}),
        ("notice", {"title": "llm-audit"}),
    ]  # fmt: skip
    assert found[-1][2] == "4 inputs: 2 judged, 1 not assessable, 1 unreadable."
    assert "Null hypothesis: The text was written by a person" in found[0][2]


def test_a_pass_is_counted_and_not_annotated() -> None:
    ((kind, _, message),) = commands(github.render(factory.report(factory.passing()), described))
    assert (kind, message) == ("notice", "1 input: 1 judged, 0 not assessable, 0 unreadable.")


def test_columns_are_left_out_of_places_of_several_lines() -> None:
    document = factory.finding()
    assert document.text is not None
    ((_, properties, _), _) = commands(
        github.render(factory.report(document.model_copy(update={"text": document.text.replace(" ", "\n")})), described)
    )
    assert int(properties["endLine"]) > int(properties["line"])
    assert "col" not in properties


@pytest.mark.parametrize("name", ["a,b=c::d%0A.txt", "::error::x", "50%25", "a\nb"])
def test_names_are_escaped_as_github_reads_them(name: str) -> None:
    ((_, properties, _), _) = commands(github.render(factory.report(factory.finding(name)), described))
    assert properties["file"] == name.replace("\n", "\\n")


def test_the_file_of_a_collection_an_endpoint_or_standard_input_is_not_invented() -> None:
    for report in (factory.membership_report(), factory.substitution_report(), factory.report(factory.finding("-"))):
        assert "file" not in commands(github.render(report, described))[0][1]
