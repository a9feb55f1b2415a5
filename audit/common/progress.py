"""The callback by which work reports its progress, and helpers for its callers. Knows nothing about who shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A callback that shows how far a piece of work is."""

    def __call__(self, share: float | None, stage: str = "", /) -> None:
        """Show it.

        Args:
            share: of the work of this stage that is done, in [0, 1]; None if nobody knows.
            stage: what is being done, such as "Hashing model.safetensors"; "" if the work has one stage only, which whoever
                shows it has a name for.
        """


def silent(share: float | None, stage: str = "", /) -> None:
    """Show nothing: the default of everything that takes a `Progress`."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """A callback for one part of some work: the part's 0 is shown as `start`, its 1 as `end`."""

    def shown(share: float | None, stage: str = "", /) -> None:
        progress(None if share is None else start + (end - start) * share, stage)

    return shown


def named(progress: Progress, stage: str) -> Progress:
    """A callback that shows `stage` for work that names no stage itself."""
    return lambda share, _="", /: progress(share, stage)
