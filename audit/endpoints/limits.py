"""How long, how often and at what cost an endpoint may be asked."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.endpoints.records import Ask, Cost

_TEMPLATE = 64
"""Tokens that a chat template may add."""

IN_VAIN = 10
"""Fewest questions in a row that are asked in vain before an endpoint is given up."""

FIRST = 1 / 3
"""Share of the time for an answer within which the first one must come: 40 seconds, if nothing else is set."""


@dataclass(frozen=True)
class Limits:
    """Limits of a run.

    Attributes:
        timeout: seconds for one attempt, from connecting to the last byte; `FIRST` of it for the first answer.
        attempts: for one question.
        concurrency: attempts in progress at once.
        per_second: attempts begun; None: as fast as the answers come.
        most_requests: attempts sent in all, retries included; None: no cap.
        most_tokens: of prompts and answers; None: no cap. Until the server has told what an attempt cost, it counts with a
            token per byte of the prompt, and all that the answer may have, so that an honest count never exceeds the cap.

    Raises:
        InvalidConfiguration: a limit that allows nothing.
    """

    timeout: float = 120.0
    attempts: int = 4
    concurrency: int = 4
    per_second: float | None = None
    most_requests: int | None = None
    most_tokens: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not (0 < value < math.inf):
                raise InvalidConfiguration(f"The limit {name.replace('_', ' ')} is {value}; it must be more than 0.")


class Budget:
    """The requests and tokens that a run may still spend; shared by threads."""

    def __init__(self, limits: Limits, spent: Cost) -> None:
        self._limits = limits
        self._requests, self._tokens = spent.attempts, spent.prompt_tokens + spent.completion_tokens
        self._reserved = self._waiting = 0
        self._changed = threading.Condition()

    def reserve(self, ask: Ask) -> str:
        """Reserve the tokens and the request that an attempt may cost; returns "" or, if the budget lacks them, a sentence.

        A reservation is to be followed by `settle`. It waits for attempts in progress where these may turn out cheap enough.
        """
        limits, tokens = self._limits, _most_tokens(ask)
        with self._changed:
            while limits.most_tokens is not None and self._tokens + self._reserved + tokens > limits.most_tokens:
                if not self._waiting:
                    return f"Not sent: the budget of {limits.most_tokens:,} tokens does not allow for it."
                self._changed.wait()
            if limits.most_requests is not None and self._requests >= limits.most_requests:
                return f"Not sent: the budget of {limits.most_requests:,} requests is used up."
            self._requests += 1
            self._reserved += tokens
            self._waiting += 1
            return ""

    def settle(self, ask: Ask, tokens: int | None) -> None:
        """Replace a reservation by the tokens that were used; None: unknown, so all that was reserved counts."""
        with self._changed:
            self._reserved -= _most_tokens(ask)
            self._tokens += _most_tokens(ask) if tokens is None else tokens
            self._waiting -= 1
            self._changed.notify_all()

    def give_back(self, ask: Ask) -> None:
        """Undo `reserve`: the attempt was not sent."""
        self.settle(ask, 0)
        with self._changed:
            self._requests -= 1


class Pace:
    """A rate limiter that spaces attempts evenly over all threads."""

    def __init__(self, per_second: float | None) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, sleep: Callable[[float], object]) -> None:
        """Wait for the next free time slot."""
        with self._lock:
            now = time.monotonic()
            moment = max(now, self._next)
            self._next = moment + self._interval
        if moment > now:
            sleep(moment - now)


class Patience:
    """How long an endpoint is asked that does not answer: until a number of questions in a row were asked in vain.

    Shared by threads, and by all calls of `Endpoint.ask`. Every thread has two questions in it, so that what becomes of one
    moment is not taken for the end.

    Attributes:
        heard: whether the server has answered anything at all, be it a refusal.
    """

    def __init__(self, concurrency: int) -> None:
        self._most = max(IN_VAIN, 2 * concurrency)
        self._lock = threading.Lock()
        self._in_vain = 0
        self.heard = False

    @property
    def lost(self) -> bool:
        """Whether the endpoint is given up, until it answers."""
        return self._in_vain >= self._most

    def answered(self) -> None:
        """Take note of an answer."""
        with self._lock:
            self._in_vain = 0

    def asked_in_vain(self) -> None:
        """Take note of a question that got none, or of an attempt that took as long as several."""
        with self._lock:
            self._in_vain += 1


def _most_tokens(ask: Ask) -> int:
    return _TEMPLATE + len(ask.prompt.encode(errors="replace")) + ask.max_tokens * ask.n
