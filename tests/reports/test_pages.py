"""A report of many documents: its order, its index, its pages; and the same bytes wherever it is rendered."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.registry import described
from llm_audit.reports.formats import html
from llm_audit.reports.formats.html import ALL_PICTURED, MOST_PICTURED
from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.formats.json import render as render_json
from llm_audit.reports.views.documents import worst_first
from llm_audit.reports.write import write_report
from llm_audit.results import Report, Verdict
from tests.reports import factory
from tests.reports.plots import parsed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report() -> Report:
    return factory.many(45)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_html(report)


def index(page: str) -> list[list[str]]:
    rows = parsed(page).select("table.index tbody tr")
    return [[" ".join(cell.get_text().split()) for cell in row.find_all(["th", "td"])] for row in rows]


def test_what_needs_looking_at_comes_first(page: str, report: Report) -> None:
    rows = index(page)
    assert len(rows) == 45 and {row[0] for row in rows} == {document.name for document in report.documents}
    verdicts = list(dict.fromkeys(row[1] for row in rows))
    assert verdicts == ["▲ Finding", "✕ Unreadable", "– Not assessable", "○ No finding"]
    numbers = [float(row[2].removeprefix("≤ ")) for row in rows if row[1] == "▲ Finding"]
    assert len(numbers) == 3 and numbers == sorted(numbers)
    sections = [heading.get_text() for heading in parsed(page).select("article > header > h2")]
    assert sections == [row[0] for row in rows]


def test_equal_documents_stay_as_given() -> None:
    names = [f"{letter}.txt" for letter in "qbxa"]
    assert [document.name for document in worst_first([factory.passing(name) for name in names])] == names


def test_each_line_leads_to_its_section(page: str) -> None:
    for link in parsed(page).select("table.index a"):
        (article,) = parsed(page).select(str(link["href"]))
        heading = article.select_one("header h2")
        assert heading and heading.get_text() == link.get_text()


def test_verdicts_are_counted(page: str) -> None:
    (first, *_) = parsed(page).select("dl.tally")
    assert " ".join(first.get_text(" ").split()) == "▲ Finding 3 ✕ Unreadable 1 – Not assessable 2 ○ No finding 39"


def test_limits_come_once_after_the_documents_which_come_after_summary_and_list(page: str) -> None:
    assert [heading.get_text() for heading in parsed(page).select("#limits")] == ["What this does not prove"]
    last = page.rindex("<article")
    places = [page.index(f'id="{part}"') for part in ("summary", "index", "document-1")]
    places += [last, *(page.index(f'id="{part}"') for part in ("limits", "method", "coverage", "manifest"))]
    assert places == sorted(places)


def test_of_many_documents_only_findings_are_pictured_and_the_page_says_so(page: str) -> None:
    for article in parsed(page).select("article"):
        assert bool(article.find("svg")) == ("finding" in article["class"])
    assert f"Charts are drawn for the first {MOST_PICTURED} findings only" in page
    few = render_html(factory.report(*[factory.passing(str(number)) for number in range(3)]))
    assert all(article.find("svg") for article in parsed(few).select("article")) and "Charts are drawn" not in few


def test_so_many_findings_are_pictured_and_no_more() -> None:
    found = [factory.finding(f"{number}.txt") for number in range(ALL_PICTURED + 3)]
    articles = parsed(render_html(factory.report(*found))).select("article")
    assert [bool(article.find("svg")) for article in articles] == [True] * MOST_PICTURED + [False] * 3
    assert all(len(article.select(".of-strip tbody tr")) == 6 for article in articles)


def test_a_large_report_becomes_several_pages(report: Report) -> None:
    whole = render_html(report)
    largest = 300_000
    found = html.pages(report, "my report.html", largest)
    assert len(found) > 2 and list(found)[-1] == "my report.html"
    assert set(found) == {"my report.html", *(f"my report-{number}.html" for number in range(2, len(found) + 1))}
    assert all(len(page.encode()) <= largest for page in found.values())
    sections = [
        article["id"] for name in (list(found)[-1], *list(found)[:-1]) for article in parsed(found[name]).select("article")
    ]
    assert sections == [article["id"] for article in parsed(whole).select("article")]
    for link in parsed(found["my report.html"]).select("table.index a"):
        file, _, anchor = str(link["href"]).rpartition("#")
        target = found[file.removeprefix("./").replace("%20", " ") or "my report.html"]
        assert parsed(target).find(id=anchor)
    for name, page in list(found.items())[:-1]:
        links = [str(link["href"]) for link in parsed(page).select("a[href]")]
        there = {str(element["id"]) for element in parsed(page).select("[id]")}
        for link in links:
            assert link[1:] in there if link.startswith("#") else link.startswith("./my%20report"), (name, link)
        assert "What this does not prove".lower() in page.lower()


def test_a_document_that_is_too_large_alone_gets_a_page() -> None:
    found = html.pages(factory.report(factory.many_passages("a"), factory.many_passages("b")), "r.html", 50_000)
    assert [len(parsed(page).select("article")) for page in found.values()] == [1, 1]


def test_files_are_written_side_by_side_with_the_index_last(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "LARGEST_PAGE", 300_000)
    target = tmp_path / "r.html"
    target.write_text("the old one")
    (tmp_path / "r-3.html").mkdir()  # stands in the way
    with pytest.raises(AuditError, match=r"r-3\.html"):
        write_report(report, target, described)
    assert target.read_text() == "the old one"
    (tmp_path / "r-3.html").rmdir()
    write_report(report, target, described)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == html.pages(report, "r.html", 300_000) and len(written) > 2


RENDER = "import sys; from llm_audit.reports.formats.html import render; from llm_audit.results import Report; " \
    "sys.stdout.buffer.write(render(Report.model_validate_json(sys.stdin.buffer.read())).encode())"  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        factory.report,
        *(
            pytest.param(made, marks=pytest.mark.slow)
            for made in (factory.substitution_report, factory.attribution_report, factory.shifted_report)
        ),
    ],
)
def test_a_page_has_the_same_bytes_everywhere(made: type, tmp_path: Path) -> None:
    report: Report = made()
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\nlines.linewidth: 9\nsvg.fonttype: path\ntext.usetex: True\nfigure.dpi: 33\n"
    )
    digests = {hashlib.sha256(render_html(report).encode()).hexdigest()}
    for seed, locale, zone, settings in (("1", "C", "UTC", "0"), ("2", "de_DE.UTF-8", "Asia/Kathmandu", "1")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone, "PYTHONUTF8": "1"}
        environment |= {"MATPLOTLIBRC": str(tmp_path)} if settings == "1" else {}
        done = subprocess.run(
            [sys.executable, "-c", RENDER],
            input=render_json(report).encode(),
            capture_output=True,
            env=environment,
            cwd=ROOT,
            check=True,
        )
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1


def test_mathematics_in_a_name_is_a_name() -> None:
    name = r"$\frac{1}{0}$ \textbf{x} _a^b"
    found = factory.shifted()
    named = tuple(one.model_copy(update={"title": name}) for one in found.separations)
    page = render_html(factory.membership_report(found.model_copy(update={"separations": named})))
    labels = [text.get_text() for text in parsed(page).select("svg.areas.narrow text")]
    assert labels.count(name) == len(named)


def test_a_page_without_charts_does_not_wait_for_matplotlib() -> None:
    code = "import sys, llm_audit.reports, llm_audit.cli; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_empty_report_says_nothing_of_documents() -> None:
    empty = factory.report(factory.passing()).model_copy(update={"subjects": ()})
    page = render_html(empty)
    assert not re.search('<article|table class="index"', page) and "What this does not prove" in page
    assert Verdict.PASS not in empty.verdicts
