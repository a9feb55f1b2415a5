"""A pool of processes that run packs through the same models on several cores. Weights are memory-mapped, hence shared.

Each computes with one thread: parallel packs use the cores better than parallel threads within one pack. The numbers depend
neither on the process nor on the number of processes. Knows nothing about texts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection

from llm_audit.common.errors import NotAvailable
from llm_audit.scoring.passes import Computed, Pack, Passes
from llm_audit.scoring.request import Request
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokens import Decoding

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

Models = tuple[StoredModel, StoredModel | None, str, str]
"""Scoring and reference model, device, dtype; see `Session`."""


class Pool:
    """A pool of `jobs` processes, started with the first pack.

    Args:
        jobs: number of processes.
        models: the models that they load.
    """

    def __init__(self, jobs: int, models: Models) -> None:
        self.jobs = jobs
        self._lock = threading.Lock()  # of what changes the environment
        self._started = False
        context = multiprocessing.get_context("spawn")
        self._held, self._holding = context.Pipe(duplex=False)  # every process ends when the second end is closed
        self._processes = ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(models, os.getpid(), self._held))

    def submit(self, request: Request, decodings: Sequence[Decoding], pack: Pack) -> Callable[[], Computed]:
        """Submit a pack; return a function that waits for its columns, and raises any exception of the pass.

        Raises:
            NotAvailable: a process died.
        """
        with self._lock, _environment({} if self._started else ONE_THREAD), self._dying():
            future = self._processes.submit(_compute, request, tuple(decodings), pack)
            self._started = True

        def result() -> Computed:
            with self._dying():
                return future.result()

        return result

    def close(self) -> None:
        """End the processes; packs that still wait are dropped."""
        self._processes.shutdown(cancel_futures=True)
        self._holding.close()
        self._held.close()

    @contextmanager
    def _dying(self) -> Iterator[None]:
        try:
            yield
        except BrokenProcessPool as error:
            # The executor ends the others, but for one that it started at this very moment, and then waits for it for ever.
            self._holding.close()
            raise NotAvailable(
                "A process of --jobs died, perhaps for want of memory; what was judged is kept: try again with fewer."
            ) from error


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for new processes, since libraries read their number of threads when they are loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_models: Models
"""The models of a worker process, set by `_start`."""

_passes: dict[tuple[Request, tuple[Decoding, ...]], Passes] = {}


def _start(models: Models, parent: int, held: Connection) -> None:
    """Initialise a worker process: it ignores Ctrl-C, which the parent handles, and ends when the parent does or says so."""
    global _models
    _models = models
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def watch() -> None:
        while os.getppid() == parent and not held.poll(1):  # the end of the file: its other end was closed
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _compute(request: Request, decodings: tuple[Decoding, ...], pack: Pack) -> Computed:
    from llm_audit.scoring.session import load_models

    if (request, decodings) not in _passes:
        known = next(iter(_passes.values()), None)
        model, reference = [known.model, known.reference] if known else load_models(*_models)
        assert model is not None  # only the reference may be missing
        _passes[request, decodings] = Passes(model, reference, request, decodings)
    return _passes[request, decodings](pack)
