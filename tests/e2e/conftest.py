"""A real Chromium, driven by Playwright: Debian's, since Playwright's own is a download."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


@dataclass
class Seen:
    """What a page did, beside showing itself."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def quiet(self, *files: Path) -> None:
        """Nothing but its own files was asked for, and nothing was said."""
        assert self.requests == [file.as_uri() for file in files]
        assert (self.console, self.dialogs, self.errors, self.violations) == ([], [], [], [])


Opener = Callable[..., Any]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail("These tests need a browser: apt-get install chromium.", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Callable[..., Any]:
    """A context manager: a page of its own for `file`, watched; `options` as of a Playwright context."""

    @contextmanager
    def open_(file: Path | None = None, media: str = "screen", **options: Any) -> Iterator[tuple[Page, Seen]]:
        context = browser.new_context(**options)
        seen, page = Seen(), context.new_page()
        page.on("console", lambda message: seen.console.append(message.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        context.on("request", lambda request: seen.requests.append(request.url))
        page.expose_binding("violated", lambda _, what: seen.violations.append(what))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', event => violated(`${event.violatedDirective}: ${event.blockedURI}`))"
        )
        page.emulate_media(media=media)
        if file is not None:
            page.goto(file.as_uri())
        yield page, seen
        context.close()

    return open_
