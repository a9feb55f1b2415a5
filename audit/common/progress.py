"""One way to say how far a piece of work is, and the helpers that its callers need. Knows nothing about who shows it."""

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
    """Return the progress of one part of some work: its 0 is the whole's `start`, its 1 the whole's `end`."""

    def shown(share: float | None, stage: str = "", /) -> None:
        progress(None if share is None else start + (end - start) * share, stage)

    return shown


def named(progress: Progress, stage: str) -> Progress:
    """Return the progress of one stage, for work that does not name what it does."""
    return lambda share, _="", /: progress(share, stage)
