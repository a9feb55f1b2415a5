"""Progress and warnings on standard error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from llm_audit.common.progress import Progress
from llm_audit.common.terminal import one_line


@contextmanager
def bars(name: str = "") -> Iterator[Progress]:
    """Progress through stages, a bar for each.

    `name` is that of work which names no stage. No bar is shown of what is finished when it is first heard of.
    """
    shown: dict[str, Any] = {}

    def progress(share: float | None, stage: str = "", /) -> None:
        stage, total = stage or name, None if share is None else 1.0
        if shown.get("stage") != stage:
            if share == 1.0:
                return
            if "bar" not in shown:
                shown["bar"] = _bar()
                shown["bar"].start()
            shown["stage"], shown["task"] = stage, shown["bar"].add_task(one_line(stage), total=total)
        shown["bar"].update(shown["task"], completed=share or 0.0, total=total)

    try:
        yield progress
    finally:
        if "bar" in shown:
            shown["bar"].stop()


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Standard output is left alone: what is streamed there is not for standard error.
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, disable=not console.is_terminal)


def show_warnings_as_sentences() -> None:
    """Show warnings of our own modules, which are for the user, as one line on standard error instead of a source line."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, UserWarning):
            click.echo(f"Warning: {one_line(str(message))}", err=True)

    warnings.showwarning = show
