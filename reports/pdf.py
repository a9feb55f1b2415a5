"""The page on paper: the HTML report through its own print style, as PDF. Nothing is fetched, whatever a page asks for."""

from __future__ import annotations

from llm_audit.reports import html
from llm_audit.results import Report


def render(report: Report) -> bytes:
    """The whole document, tagged for screen readers. Equal reports give equal bytes on one machine: its fonts are in it."""
    return from_page(html.render(report))


def from_page(page: str) -> bytes:
    """Any page of ours on paper."""
    import weasyprint
    from weasyprint.urls import URLFetcher

    # A `data:` address holds what it names. There is no base address either, so that no relative one leads to a file.
    nothing_else = URLFetcher(allowed_protocols=["data"])
    written: bytes = weasyprint.HTML(string=page, url_fetcher=nothing_else).write_pdf(pdf_tags=True)
    return written
