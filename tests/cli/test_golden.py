"""Stored reports: every format renders as it did, and the tool still finds the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.golden.make import CASES, WATERMARKS, command
from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.formats.json import render as render_json
from llm_audit.results import Report
from tests.cli.tool import Tool
from tests.reports.test_terminal import printed

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"


def stored(name: str, suffix: str) -> str:
    return (GOLDEN / f"{name}.{suffix}").read_text(encoding="utf-8")


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", [*CASES, *WATERMARKS])
def test_every_format_is_rendered_as_it_was(name: str) -> None:
    report = Report.model_validate_json(stored(name, "json"))
    assert render_json(report) == stored(name, "json")
    assert render_html(report) == stored(name, "html")
    assert printed(report) == stored(name, "txt")


def numbers(found: Any, path: str = "") -> dict[str, float | str | None]:
    """Every number and sentence of a report, by its place in it; what a machine may change is left out."""
    if isinstance(found, dict):
        return {key: value for name, each in found.items() for key, value in numbers(each, f"{path}/{name}").items()}
    if isinstance(found, list):
        return {key: value for at, each in enumerate(found) for key, value in numbers(each, f"{path}/{at}").items()}
    return {path: found}


def test_the_tool_still_finds_the_same(tool: Tool, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN.parents[1])
    found = tool(*command(name), "--format", "json", "--no-cache")
    assert found.code == CASES[name][0]
    now, then = (numbers(json.loads(text)["subjects"][0]) for text in (found.out, stored(name, "json")))
    # Some of the stored ones are of a version that knew the conditions as sentences alone.
    assert {place for place in now if not place.startswith("/conditions")} == {
        place for place in then if not place.startswith(("/conditions", "/early"))
    }
    for place, value in then.items():
        if isinstance(value, float):
            assert now[place] == pytest.approx(value, rel=1e-3, abs=1e-3), place
        elif not place.startswith(("/facts", "/early")):
            assert now[place] == value, place


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("name", WATERMARKS)
def test_the_tool_still_finds_the_same_marks(tool: Tool, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN.parents[1])
    found = tool(*command(name), "--format", "json")
    assert found.code == WATERMARKS[name][0]
    now, then = (numbers(json.loads(text)["subjects"]) for text in (found.out, stored(name, "json")))
    assert now.keys() == then.keys()
    for place, value in then.items():
        assert now[place] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), place
