"""Rendering a report of 1,000 documents: seconds, megabytes, memory.

A breach of the limits means: of the seconds, that somebody waits for a page longer than for a cup of tea, usually because
charts are drawn that nobody asked for; of the page, that browsers and mail servers refuse it; of the memory, that a machine
which could score the texts cannot report on them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from llm_audit.reports.formats import html
from llm_audit.reports.formats.json import render as render_json
from llm_audit.results import Report
from tests.reports import factory

pytestmark = pytest.mark.bench
ROOT = Path(__file__).parents[1]
DOCUMENTS, PROCESSOR_SECONDS, MEGABYTES, MEMORY = 1000, 15, 15, 500

CODE = """
import re, resource, sys
from llm_audit.reports.formats import html
from llm_audit.results import Report
report = Report.model_validate_json(sys.stdin.buffer.read())
before = resource.getrusage(resource.RUSAGE_SELF)
pages = html.pages(report, "report.html", html.LARGEST_PAGE)
after = resource.getrusage(resource.RUSAGE_SELF)
# Not `ru_maxrss`: that counts what the process was forked from.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak / 1024)
"""


@pytest.fixture(scope="module")
def report() -> Report:
    return factory.many(DOCUMENTS)


def test_a_thousand_documents_are_rendered_in_time_and_fit_on_a_page(report: Report) -> None:
    begin = time.perf_counter()
    pages = html.pages(report, "report.html", html.LARGEST_PAGE)
    seconds = time.perf_counter() - begin
    megabytes = [len(page.encode("utf-8")) / 1e6 for page in pages.values()]
    done = subprocess.run(
        [sys.executable, "-c", CODE], input=render_json(report).encode(), capture_output=True, cwd=ROOT, check=True
    )
    processor, memory = map(float, done.stdout.split())
    print(
        f"\n{DOCUMENTS} documents: {seconds:.1f} s ({processor:.1f} s of a processor), {sum(megabytes):.1f} MB in "
        f"{len(pages)} page(s), {memory:.0f} MB of memory"
    )
    assert len(pages) == 1 and max(megabytes) <= MEGABYTES
    assert processor <= PROCESSOR_SECONDS
    assert memory <= MEMORY


def test_four_thousand_documents_are_split_and_no_page_is_too_large() -> None:
    pages = html.pages(factory.many(4 * DOCUMENTS), "report.html", html.LARGEST_PAGE)
    megabytes = [len(page.encode("utf-8")) / 1e6 for page in pages.values()]
    print(f"\n{4 * DOCUMENTS} documents: {len(pages)} pages of {', '.join(f'{size:.1f}' for size in megabytes)} MB")
    assert len(pages) > 1 and max(megabytes) <= MEGABYTES
