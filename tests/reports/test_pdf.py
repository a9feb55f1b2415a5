"""The PDF: readable, tagged, the same bytes each time, and nothing fetched for it."""

from __future__ import annotations

import re
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from llm_audit.reports.formats import html, pdf
from tests.reports import factory


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and the paths that were asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def test_equal_reports_give_equal_bytes_whenever_they_are_printed() -> None:
    report = factory.report(factory.finding())
    content = pdf.render(report)
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
    streams = b"".join(map(zlib.decompress, re.findall(rb"stream\n(.*?)\nendstream", content, re.DOTALL)))
    assert b"/MarkInfo" in streams and b"/StructTreeRoot" in streams
    time.sleep(1.1)  # fonts carry a time in seconds
    assert pdf.render(report) == content


def test_nothing_is_fetched(asked: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    address, paths = asked
    secret = "file:///etc/hostname"
    page = html.render(factory.report(factory.passing())).replace(
        "</body>",
        f'<img src="{address}/a.png"><img src="{secret}"><img src="/etc/hostname"><link rel=stylesheet href="{address}/a.css">'
        f'<object data="{address}/b"></object><p style="background: url({address}/c.png)">x</p></body>',
    )
    monkeypatch.setattr(html, "render", lambda report: page)
    content = pdf.render(factory.report(factory.passing()))
    assert content.startswith(b"%PDF-")
    assert paths == []
    assert not re.search(rb"/EmbeddedFile|/Launch|/JavaScript", content)
