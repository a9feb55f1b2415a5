"""The report as PDF: the HTML page with its print style. Nothing is fetched, whatever a page refers to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from llm_audit.reports.formats import html
from llm_audit.results import Report

EPOCH = "SOURCE_DATE_EPOCH"


def render(report: Report) -> bytes:
    """The PDF of a report, tagged for screen readers. Equal reports give equal bytes on one machine, whose fonts it embeds."""
    return from_page(html.render(report))


def from_page(page: str) -> bytes:
    """The PDF of any of our HTML pages."""
    with warnings.catch_warnings():
        # WeasyPrint warns where a system library is missing that only a later version of it will need.
        warnings.simplefilter("ignore", DeprecationWarning)
        import weasyprint
        from weasyprint.urls import URLFetcher

    # A `data:` address holds what it names. There is no base address either, so that no relative one leads to a file.
    nothing_else = URLFetcher(allowed_protocols=["data"])
    with _fonts_without_a_time():
        written: bytes = weasyprint.HTML(string=page, url_fetcher=nothing_else).write_pdf(pdf_tags=True)
    return written


@contextmanager
def _fonts_without_a_time() -> Iterator[None]:
    """Fix the time that fontTools writes into embedded fonts, so that equal pages give equal bytes at any time."""
    if EPOCH in os.environ:
        yield
        return
    os.environ[EPOCH] = "0"
    try:
        yield
    finally:
        del os.environ[EPOCH]
