"""What a process that runs a command asks of the Python interpreter. A library leaves the interpreter as it is."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable

ALLOCATIONS = 100_000
"""Objects made since the last search for garbage, after which the next begins. At Python's own 700 the imports, which make
lasting objects alone, spend a tenth of the start-up on it (docs/performance.md)."""

AGAIN = 0.05
"""Seconds after which a lost Ctrl-C is repeated."""


def settle() -> None:
    """Search for garbage less often, and lose no Ctrl-C; a second call changes nothing.

    Python raises KeyboardInterrupt wherever the main thread happens to be. In a `__del__` or a callback an exception is
    printed and forgotten, and the program would go on: then, it is raised again a moment later.
    """
    gc.set_threshold(ALLOCATIONS)
    if not isinstance(sys.unraisablehook, _CtrlCAgain):
        sys.unraisablehook = _CtrlCAgain(sys.unraisablehook)


class _CtrlCAgain:
    """A `sys.unraisablehook` that repeats a lost KeyboardInterrupt and leaves every other exception to the hook before it."""

    def __init__(self, before: Callable[[sys.UnraisableHookArgs], object]) -> None:
        self.before = before

    def __call__(self, lost: sys.UnraisableHookArgs, /) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            self.before(lost)
            return
        # By another thread: here, it would be raised within this function, and be lost again.
        timer = threading.Timer(AGAIN, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
        timer.daemon = True
        timer.start()
