"""Progress: parts of some work add up to the whole, and stages keep their names."""

from __future__ import annotations

import pytest

from llm_audit.common.progress import named, part, silent


def test_parts_add_up_to_the_whole() -> None:
    seen: list[tuple[float | None, str]] = []

    def progress(share: float | None, stage: str = "", /) -> None:
        seen.append((share, stage))

    first, second = part(progress, 0, 0.25), part(progress, 0.25, 1)
    for share in (0.0, 1.0):
        first(share)
    second(0.5, "a stage")
    second(1.0)
    second(None)
    assert [share for share, _ in seen] == [0, 0.25, 0.625, 1, None]
    assert [stage for _, stage in seen] == ["", "", "a stage", "", ""]


def test_a_part_of_a_part() -> None:
    seen: list[float | None] = []
    inner = part(part(lambda share, _="", /: seen.append(share), 0.5, 1), 0, 0.5)
    inner(0.0)
    inner(1.0)
    assert seen == [0.5, pytest.approx(0.75)]


def test_a_stage_is_named_whatever_the_work_calls_it() -> None:
    seen: list[tuple[float | None, str]] = []
    progress = named(lambda share, stage="", /: seen.append((share, stage)), "Asking")
    progress(0.5)
    progress(1.0, "of no interest")
    assert seen == [(0.5, "Asking"), (1.0, "Asking")]
    silent(0.5)
    silent(None, "a stage")
