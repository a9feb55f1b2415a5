"""The registry: which name and which suffix stand for what, and what every format has in common."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.registry import described
from llm_audit.reports.formats import FORMATS, NAMES, SUFFIXES, renderer_for
from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.formats.json import render as render_json
from llm_audit.reports.write import write_report
from llm_audit.results import Report
from llm_audit.results.read import read_report
from tests.reports import factory
from tests.reports.test_json import REPORTS

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
TEXTUAL = [name for name, each in FORMATS.items() if not each.binary]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(
            ("a.HTML", "html"),
            ("a.htm", "html"),
            ("a.pdf", "pdf"),
            ("Class.html", "class_set"),
            ("a.b.json", "json"),
            ("a.jsonl", "jsonl"),
        ),
        *(("a.sarif", "sarif"), ("a.sarif.json", "sarif"), ("TEST-a.xml", "junit"), ("a.md", "markdown")),
        *(("9b.class.html", "class_set"), ("subclass.html", "html"), ("class.htm", "html")),
        *(("gl.gitlab.json", "gitlab"), ("folder.sarif/a.json", "json"), ("gitlab.json", "json"), (".x.json", "json")),
    ],
)
def test_the_longest_suffix_names_the_format(path: str, name: str) -> None:
    report = factory.report(factory.passing())
    contents = {each(report, described) for each in (renderer_for(path), renderer_for(Path(path)), FORMATS[name].renderer())}
    assert len(contents) == 1


@pytest.mark.parametrize("path", ["report", "report.docx", ".json", ".sarif.json.", "/dev/stdout", "json", "a.json/"])
def test_an_unknown_suffix_is_refused_with_the_list_of_all(path: str) -> None:
    if path == "a.json/":
        report = factory.report()
        assert renderer_for(path)(report, described) == render_json(report)  # that it is a folder shows when it is written
        return
    with pytest.raises(AuditError) as caught:
        renderer_for(path)
    assert str(caught.value).startswith(f"Cannot tell the report format of {path}: its name must end in .html, ")
    assert all(suffix in str(caught.value) for suffix in SUFFIXES)


def test_every_format_can_be_asked_for_and_is_written_as_it_is_printed(tmp_path: Path) -> None:
    assert list(NAMES) == ["text", *FORMATS]
    report = factory.report(factory.finding())
    for suffix, each in SUFFIXES.items():
        if each.binary:
            continue  # slow, and tested by itself
        path = tmp_path / (f"report{suffix}" if suffix.startswith(".") else suffix)
        write_report(report, path, described)
        content = each.renderer()(report, described)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("name", TEXTUAL)
@pytest.mark.parametrize("made", REPORTS)
def test_a_stored_report_renders_to_the_same_bytes(name: str, made: Callable[[], Report]) -> None:
    render, report = FORMATS[name].renderer(), made()
    stored = (render_json(report).encode(), FORMATS["jsonl"].renderer()(report, described).encode())  # type: ignore[union-attr]  # text
    rendered = render(report, described)
    assert render(made(), described) == rendered
    for data in stored:
        assert render(read_report(data, "stored"), described) == rendered


@pytest.mark.parametrize("name", TEXTUAL)
@pytest.mark.parametrize("golden", ["finding", "pass", "not-assessable"])
def test_the_golden_reports_render_in_every_format(name: str, golden: str) -> None:
    report = read_report((GOLDEN / f"{golden}.json").read_bytes(), golden)
    content = FORMATS[name].renderer()(report, described)
    assert isinstance(content, str) and content.endswith("\n")
    assert render_html(report) == (GOLDEN / f"{golden}.html").read_text()


def test_a_missing_package_is_one_sentence_that_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(
        AuditError, match=r"^The format pdf needs weasyprint: install it with `pip install 'llm-audit\[pdf\]'`\.$"
    ):
        renderer_for("report.pdf")


def test_the_list_of_formats_costs_no_renderer() -> None:
    code = "import sys, llm_audit.cli.options, llm_audit.cli.publishing; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "llm_audit.reports.formats" in loaded
    assert not {
        "pydantic",
        "jinja2",
        "rich",
        "numpy",
        "weasyprint",
        "llm_audit.results",
        "llm_audit.reports.formats.html",
    } & set(loaded)


def test_every_verdict_is_told_apart_in_every_format_for_machines() -> None:
    """An input that was not judged never looks like one in which nothing was found."""
    by_name = {}
    for make in (factory.passing, factory.not_assessable, factory.unreadable):
        report = factory.report(make("same.txt"))
        by_name[make.__name__] = {name: FORMATS[name].renderer()(report, described) for name in TEXTUAL}
    for name in ("sarif", "junit", "gitlab", "github", "markdown", "json", "jsonl"):
        contents = [contents[name] for contents in by_name.values()]
        assert len(set(contents)) == 3, name
    assert json.loads(by_name["passing"]["gitlab"]) == []
    assert len(json.loads(by_name["not_assessable"]["gitlab"])) == len(json.loads(by_name["unreadable"]["gitlab"])) == 1
