"""A team of threads that share one forward pass: each computes its own rows, in the matrix products and between them.

A BLAS library uses its threads only within a product: the steps between two products run on one core, while the other threads
spin (docs/performance.md). Here the library computes on one thread, and the rows are divided among our threads. Knows nothing
about models.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

LEAST_ROWS = 128
"""Fewest rows per thread; below, the library's own threads are faster, since every thread of a team reads all weights.
Time relative to them, measured with two threads on two cores: 1.17 for 128 rows in all, .97 for 256, .87 for 736."""

Meet = Callable[[], None]
"""Function that waits until all threads of a team have called it (a barrier)."""

_lock = threading.Lock()
_at_work: list[Any] = []  # the limit of the library's threads, which all of a process share, once for each team that works


class Team:
    """A team of threads, by default as many as numpy's BLAS library would use (see `OMP_NUM_THREADS`).

    Args:
        size: number of threads instead; 1 leaves the products to the library's own threads.
    """

    def __init__(self, size: int | None = None) -> None:
        self._blas = ThreadpoolController().select(internal_api="openblas")
        counts = [library["num_threads"] for library in self._blas.info() if "numpy" in library["filepath"]]
        self.size = size or max(counts, default=1)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Limit the library to one thread until the last team of the process is done."""
        with _lock:
            _at_work.append(_at_work[0] if _at_work else self._blas.limit(limits=1))
        try:
            yield
        finally:
            with _lock:
                limit = _at_work.pop()
                if not _at_work:
                    limit.restore_original_limits()

    def parts(self, n: int, least: int = LEAST_ROWS) -> int:
        """The number of parts into which `share` divides `n` rows."""
        return max(1, min(self.size, n // least))

    def share(self, n: int, work: Callable[[int, slice, Meet], None], least: int = LEAST_ROWS) -> None:
        """Call `work` on consecutive parts of `n` rows, at the same time, each part of `least` rows or more.

        If that makes one part only, the library's own threads compute its products.

        Args:
            n: rows.
            work: gets the number of its part, below `size`, and its rows.
            least: fewest rows of a part.

        Raises:
            Exception: of the first part that raised one; the other parts are stopped at their next meeting. Likewise all
                parts, if the caller is interrupted.
        """
        parts = self.parts(n, least)
        edges = [n * part // parts for part in range(parts + 1)]
        if parts == 1:
            work(0, slice(0, n), lambda: None)
            return
        barrier = threading.Barrier(parts)

        def meet() -> None:
            barrier.wait()

        def run(part: int) -> None:
            try:
                work(part, slice(edges[part], edges[part + 1]), meet)
            except BaseException:
                barrier.abort()
                raise

        with self.at_work(), ThreadPoolExecutor(parts) as threads:
            try:
                calls = [threads.submit(run, part) for part in range(parts)]
                wait(calls)
            except BaseException:  # Ctrl-C: a part would finish its rows, or wait for one that was never begun
                barrier.abort()
                raise
        errors = [error for call in calls if (error := call.exception())]
        if errors:
            raise min(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError))
