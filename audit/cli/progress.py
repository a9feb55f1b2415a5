"""Progress and warnings on standard error."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from llm_audit.common.progress import Progress
from llm_audit.common.terminal import one_line

SECONDS = 60
"""Seconds between two lines of progress where standard error is no terminal."""


class Reminder:
    """A timer for lines of progress: one is due every `SECONDS`."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        """Return whether it is time for a line; the next is due `SECONDS` later."""
        if time.monotonic() - self._last < SECONDS:
            return False
        self._last = time.monotonic()
        return True


@contextmanager
def bars(name: str = "") -> Iterator[Progress]:
    """Show progress through stages: a bar for each on a terminal, else a line from time to time.

    `name` is shown for work without named stages. A stage that is already finished when first reported gets no bar.
    """
    shown: dict[str, Any] = {}
    began, reminder = time.monotonic(), Reminder()

    def progress(share: float | None, stage: str = "", /) -> None:
        stage, total = stage or name, None if share is None else 1.0
        if shown.get("stage") != stage and share == 1.0:
            return
        if "bar" not in shown:
            shown["bar"] = _bar()
            if shown["bar"]:
                shown["bar"].start()
        if shown["bar"] is None:
            shown["stage"] = stage
            if reminder.due():
                done = "" if share is None else f" {share:.0%},"
                click.echo(f"{one_line(stage)}:{done} {time.monotonic() - began:,.0f} s so far", err=True)
            return
        if shown.get("stage") != stage:
            shown["stage"], shown["task"] = stage, shown["bar"].add_task(one_line(stage), total=total)
        shown["bar"].update(shown["task"], completed=share or 0.0, total=total)

    try:
        yield progress
    finally:
        if shown.get("bar"):
            shown["bar"].stop()


def _bar() -> Any:
    """A progress bar; None: standard error is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Standard output is left alone: what is streamed there is not for standard error.
    return Progress(*columns, console=console, transient=True, redirect_stdout=False) if console.is_terminal else None


def show_warnings_as_sentences() -> None:
    """Show warnings of our own modules, which are for the user, as one line on standard error instead of a source line."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, UserWarning):
            click.echo(f"Warning: {one_line(str(message))}", err=True)

    warnings.showwarning = show
