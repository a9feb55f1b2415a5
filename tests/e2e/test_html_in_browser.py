"""The page in a real browser: the policy lets its style through, and nothing else happens."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_audit.reports import render_html
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.hostile import PAYLOADS, everywhere

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync", "--disable-component-update"]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


def opened(page: str, folder: Path) -> tuple[str, list[str]]:
    """The document after loading, and what the browser's console said."""
    file = folder / "page.html"
    file.write_bytes(page.encode("utf-8"))
    command = [CHROMIUM or "", "--headless", *QUIET, f"--user-data-dir={folder / 'profile'}"]
    command += ["--disable-background-networking", "--enable-logging=stderr", "--virtual-time-budget=2000"]
    command += ["--dump-dom", file.as_uri()]
    run = subprocess.run(command, capture_output=True, timeout=120, check=True)
    log = run.stderr.decode("utf-8", "replace").splitlines()
    return run.stdout.decode("utf-8"), [line for line in log if "CONSOLE" in line]


@pytest.mark.parametrize(
    ("made", "title"),
    [
        (factory.report, "Was this text machine-generated? 4 documents – llm-audit"),
        (factory.attribution_report, "Who wrote this text? 3 documents – llm-audit"),
        (factory.membership_report, "Was this data in the training set? – llm-audit"),
        (factory.shifted_report, "Was this data in the training set? – llm-audit"),
    ],
)
def test_a_report_opens_without_complaint(made: Callable[[], Report], title: str, tmp_path: Path) -> None:
    dom, console = opened(render_html(made()), tmp_path)
    assert console == []
    assert f"<title>{title}</title>" in dom


def test_the_console_would_have_told(tmp_path: Path) -> None:
    _, console = opened(render_html(factory.report()).replace("<style>", "<style>/* changed */"), tmp_path)
    assert any("Content Security Policy" in line for line in console)


@pytest.mark.parametrize(
    ("made", "documents"),
    [(factory.report, 4), (factory.attribution_report, 3), (factory.membership_report, 1), (factory.shifted_report, 1)],
)
def test_a_hostile_report_does_nothing(made: Callable[[], Report], documents: int, tmp_path: Path) -> None:
    payload = " ".join(text for text in PAYLOADS if text != "<!-- ")
    dom, console = opened(render_html(everywhere(payload, made)), tmp_path)
    assert console == []
    assert not re.search(r"<(script|img|iframe|link|base|form)\b", dom)
    assert dom.count("<article ") == documents
