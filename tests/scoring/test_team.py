"""Threads that share the rows of a pass."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from llm_audit.common.errors import NotAvailable
from llm_audit.scoring import lean
from llm_audit.scoring.engine import PACK_TOKENS, Engine
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.team import Meet, Team
from tests.processors import sums_hang_on_no_place

TEXTS = [
    "A text of some words, and then of some more. " * 80,
    "Short.",
    "Another one, whose windows are packed with the first's. " * 40,
]


@pytest.mark.parametrize(
    ("n", "size", "least", "parts"), [(100, 3, 32, 3), (100, 8, 32, 3), (64, 2, 32, 2), (63, 2, 32, 1), (1, 4, 1, 1)]
)
def test_every_row_is_in_one_part_and_no_part_is_small(n: int, size: int, least: int, parts: int) -> None:
    seen: list[tuple[int, slice]] = []
    Team(size).share(n, lambda part, rows, meet: seen.append((part, rows)), least)
    seen.sort(key=lambda one: one[0])
    assert [part for part, _ in seen] == list(range(parts))
    assert [row for _, rows in seen for row in range(rows.start, rows.stop)] == list(range(n))
    assert min(rows.stop - rows.start for _, rows in seen) >= min(least, n)


def test_nobody_goes_on_before_all_have_met() -> None:
    written = np.zeros(128)

    def work(part: int, rows: slice, meet: Meet) -> None:
        written[rows] = 1
        meet()
        assert written.all()

    Team(4).share(len(written), work, least=32)


def test_the_error_of_one_thread_calls_off_the_others() -> None:
    def work(part: int, rows: slice, meet: Meet) -> None:
        if part == 2:
            raise NotAvailable("No numbers.")
        meet()

    with pytest.raises(NotAvailable, match="No numbers"):
        Team(4).share(128, work, least=32)


@pytest.fixture
def library() -> Iterator[Callable[[], list[int]]]:
    """How many threads numpy's BLAS library has, of which it has two before."""
    blas = ThreadpoolController().select(internal_api="openblas")
    with blas.limit(limits=2):
        yield lambda: [each["num_threads"] for each in blas.info()]


@pytest.mark.parametrize("begun", [1, 2])
def test_ctrl_c_stops_all_threads_at_their_next_meeting(begun: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it comes before the last thread has begun, for which the others would wait forever."""
    meetings, submit = [0, 0], ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, *call: Any) -> Future[None]:
        if call[1] == begun:
            raise KeyboardInterrupt
        return submit(pool, *call)

    def work(part: int, rows: slice, meet: Meet) -> None:
        for _ in range(1000):
            time.sleep(0.001)
            meet()
            meetings[part] += 1
            if part == 0 and meetings[0] == 10:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    if begun == 1:
        monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        Team(2).share(256, work)
    for left in set(threading.enumerate()) - before:  # none, if all were stopped
        left.join()
    assert max(meetings) < 1000


def test_the_library_has_its_threads_back_after_a_pass(library: Callable[[], list[int]]) -> None:
    assert set(library()) == {2}
    with Team(3).at_work():
        assert set(library()) == {1}
    assert set(library()) == {2}


def test_of_two_teams_the_last_one_gives_the_threads_back(library: Callable[[], list[int]]) -> None:
    with ExitStack() as second:
        with Team(2).at_work():
            second.enter_context(Team(3).at_work())
        assert set(library()) == {1}
    assert set(library()) == {2}


@pytest.mark.parametrize("threads", [1, 2, 5, 40])
def test_queries_are_cut_alike_for_any_number_of_threads(threads: int) -> None:
    dealt = lean._deal([129, 40, 300], threads)
    assert len(dealt) == threads
    assert sorted((piece.sequence.start, piece.start, piece.stop) for each in dealt for piece in each) == [
        *((0, 0, 64), (0, 64, 128), (0, 128, 129), (129, 0, 40)),
        *((169, start, min(start + 64, 300)) for start in range(0, 300, 64)),
    ]


def test_no_thread_has_much_more_attention_to_compute_than_another() -> None:
    work = [sum((piece.stop - piece.start) * piece.stop for piece in each) for each in lean._deal([341, 341, 341], 2)]
    assert max(work) < 1.05 * min(work)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_the_threads_do_not_change_the_scores(tiny_llama: Path, size: int) -> None:
    rtol, atol = (2e-6, 2e-6) if sums_hang_on_no_place() else (2e-5, 5e-5)
    request = Request(Windowing(64, balanced=True), hidden_layers=(0, 1, 2))
    alone, together = (lean.load("tiny", "digest", tiny_llama, Team(n)) for n in (1, size))
    tokens = [len(ids) for ids, _ in together.read(TEXTS)]
    assert together.body.team.parts(min(sum(tokens), PACK_TOKENS)) == size
    for expected, got in zip(Engine(alone, request).score(TEXTS), Engine(together, request).score(TEXTS), strict=True):
        for name in ("logprob", "entropy", "varentropy", "max_logprob", "mass_above", "renyi"):
            np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=rtol, atol=atol, err_msg=name)
        np.testing.assert_array_equal(got.token_id, expected.token_id)
        np.testing.assert_allclose(got.states, expected.states, rtol=1e-3, atol=1e-4)
