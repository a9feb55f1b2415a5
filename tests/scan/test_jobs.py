"""Blocks judged side by side come back in order, and no more of them are read than are needed."""

from __future__ import annotations

from typing import Any

import pytest

from llm_audit.scanning import run as run_module
from llm_audit.scanning.run import local_engine


def test_blocks_side_by_side_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(run_module, "judge_block", lambda block, *_: [block])

    def work() -> Any:
        for number in range(20):
            read.append(number)
            yield number

    anything: Any = None
    engine: Any = local_engine(anything, anything, 2)
    found = engine(work())
    assert next(found) == [0]
    assert len(read) <= 6
    assert [each for (each,) in found] == list(range(1, 20))


def test_a_block_that_fails_fails_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(block: int, *_: object) -> list[int]:
        return [1 // (3 - block)]

    monkeypatch.setattr(run_module, "judge_block", judge)
    anything: Any = None
    engine: Any = local_engine(anything, anything, 2)
    with pytest.raises(ZeroDivisionError):
        list(engine(iter(range(9))))
