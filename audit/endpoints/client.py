"""A client for OpenAI-compatible endpoints that asks many questions, with retries, limits, a cost cap and a journal.

Knows nothing about what the answers mean.
"""

from __future__ import annotations

import copy
import json
import queue
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx2
import numpy as np

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, silent
from llm_audit.common.terminal import terminal_safe
from llm_audit.endpoints import wire
from llm_audit.endpoints.address import read_address
from llm_audit.endpoints.envelope import Malformed, error_message
from llm_audit.endpoints.headers import Header
from llm_audit.endpoints.journal import KEPT_HEADERS, Entry, Journal, digest
from llm_audit.endpoints.key import Scrubber, check_key
from llm_audit.endpoints.limits import FIRST, Budget, Limits, Pace, Patience
from llm_audit.endpoints.records import Ask, Cost, Failure, FailureKind, Reply
from llm_audit.endpoints.transport import Answer, Broken, Line
from llm_audit.results import Fact

LONGEST_WAIT = 120.0
"""Most seconds before another attempt. A server that wants more than the attempts left can wait is not asked again."""

LONG_WAIT = 30.0
"""Seconds; where a server wants more before another attempt, the attempt was a question in vain (`limits.Patience`)."""

_AGAIN = frozenset({408, 409, 429, *range(500, 600)})
_BROKEN_AGAIN = frozenset({"unreachable", "connection", "timeout"})
_HOPELESS = frozenset({"key", "model", "tls"})
_IN_VAIN = frozenset({"timeout", "malformed", "redirect", "too large", 404, 405})
"""Kinds of failure, and statuses, by which one question says what others will come to."""

_INTERRUPTED = "Not sent: the run was ended."

_SILENT = (
    "The server has not answered anything yet: if it is only starting, run the same command again in a minute; if it is slow, "
    "give it longer (--timeout)."
)


class Endpoint:
    """A server and a model on it.

    Args:
        url: as `address.read_address` takes it.
        model: the name to ask for.
        key: from `key.read_key`; it goes into the Authorization header (on Azure: api-key) and nowhere else.
        limits: of time, pace and cost.
        journal: where everything is written down; of an earlier run: what it answered is not asked again.
        headers: of every request, beside the key's.
        rng: spreads the waits between attempts; no answer depends on it.
        sleep: waits some seconds; by default until the run is ended, if that comes first.
        clock: seconds since 1970, for the journal and for dates in Retry-After.

    Raises:
        InvalidConfiguration: the address, the key or a header cannot be used, or the journal is about another endpoint.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        limits: Limits | None = None,
        journal: Journal | None = None,
        *,
        headers: Sequence[Header] = (),
        rng: np.random.Generator | None = None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._address, self._model, self._limits = read_address(url), model, limits or Limits()
        self._url = str(self._address)
        secrets = [check_key(key, "The argument")] if key is not None else []
        self._scrub = Scrubber(*secrets, *(secret for header in headers for secret in header.secrets))
        self._headers = {header.name: header.value for header in headers}
        if key is not None:
            name, value = ("api-key", key) if self._address.azure else ("Authorization", f"Bearer {key}")
            if name.lower() in map(str.lower, self._headers):
                raise InvalidConfiguration(f"The header {name} is given, and the key would go into it; leave one of them out.")
            self._headers[name] = value
        self._newer = False
        self._journal = journal if journal is not None else Journal()
        self._journal.begin(self._url, model)
        self._rng, self._lock = rng or np.random.default_rng(0), threading.Lock()
        self._sleep, self._clock = sleep, clock
        self._pace, self._patience = Pace(self._limits.per_second), Patience(self._limits.concurrency)
        self._budget = Budget(self._limits, self._journal.records.cost)

    def __repr__(self) -> str:
        return f"Endpoint({self._url!r}, {self._model!r})"

    def renamed(self, model: str) -> Endpoint:
        """The same endpoint, journal and budget, asked for another model."""
        other = copy.copy(self)
        other._model = model
        return other

    @property
    def model(self) -> str:
        """The name of the model that is asked for."""
        return self._model

    @property
    def notes(self) -> tuple[str, ...]:
        """Faults of the journal itself, as sentences."""
        return self._journal.records.notes

    @property
    def times(self) -> tuple[str, str] | None:
        """When the first and the last attempt began, as the journal has it, ISO 8601; None: there was none."""
        return self._journal.records.times

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Questions, their cost and their failures; with a journal, over all runs that it continues."""
        return self._journal.records.facts

    @property
    def cost(self) -> Cost:
        """Cost so far; with a journal, by all runs that it continues."""
        return self._journal.records.cost

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        """Ask all questions; return their outcomes in order. An unanswered one is a Failure; no fault of the server raises.

        A refused key, an unknown model, an untrusted certificate, a host that was never reached or a server whose first answer
        does not come in time (`limits.FIRST`) ends the run, and so do questions in a row that were asked in vain
        (`limits.Patience`): what is left becomes a Failure "stopped". While nobody answers, a later run ends with its first
        question. Ended by an exception (such as KeyboardInterrupt), it cuts the connections, and the journal has every attempt.

        Args:
            asks: two that are equal, name included, are one.
            progress: gets the share that is done, in [0, 1].

        Raises:
            InvalidConfiguration: the journal cannot be written.
        """
        records = self._journal.records
        pending = {digest(ask, self._model): ask for ask in asks if not isinstance(records.outcome(ask, self._model), Reply)}
        with ExitStack() as stack:
            lines = [
                Line(_tls(), self._headers, self._limits.timeout) for _ in range(min(self._limits.concurrency, len(pending)))
            ]
            for line in lines:
                stack.enter_context(line)
            run = _Run(lines, self._sleep)
            pool = stack.enter_context(ThreadPoolExecutor(max(1, len(lines))))
            try:
                futures = [pool.submit(self._answer, ask, run) for ask in pending.values()]
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    progress(done / len(futures))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                run.end()
                for line in lines:
                    line.cut()
                raise
        progress(1.0)
        outcomes = [records.outcome(ask, self._model) for ask in asks]
        return [outcome for outcome in outcomes if outcome is not None]

    def _answer(self, ask: Ask, run: _Run) -> None:
        """Make attempts at one question until it is answered or must not be tried again."""
        with run.line() as line:
            for attempt in range(1, self._limits.attempts + 1):
                wait = self._attempt(ask, attempt, line, run)
                if wait is None:
                    return
                run.sleep(wait)

    def _attempt(self, ask: Ask, attempt: int, line: Line, run: _Run) -> float | None:
        """Make one attempt and record it; return the seconds before the next attempt, or None if there is to be none."""
        responses = self._address.asks_responses(ask.surface)
        request = wire.responses_request(ask, self._model) if responses else wire.request(ask, self._model, newer=self._newer)
        if reason := self._may_not_send(ask, run):
            if attempt == 1 and not run.interrupted:  # otherwise the failure before this stands
                kind: FailureKind = "stopped" if run.over() else "budget"
                self._note(ask, 0, request, self._clock(), 0.0, Broken(kind, reason))
            return None
        started, begun = self._clock(), time.perf_counter()
        result: Answer | Broken
        seconds = self._limits.timeout * (1 if self._patience.heard else FIRST)
        try:
            result = line.post(self._address.of(ask.surface), json.dumps(request).encode(), seconds)
        except Broken as broken:
            result = broken
        self._patience.heard |= result.status is not None
        unheard = isinstance(result, Broken) and result.kind == "timeout" and not self._patience.heard
        if isinstance(result, Broken) and unheard:
            result = Broken("timeout", f"{result.reason} {_SILENT}")
        entry = self._note(ask, attempt, request, started, time.perf_counter() - begun, result)
        self._budget.settle(ask, _tokens(entry))
        run.reached |= entry.kind != "unreachable"
        if entry.status == 400 and "max_tokens" in request and "max_completion_tokens" in entry.reason:
            self._newer = True
            return 0.0
        wait = None if unheard else self._pause(attempt, entry)
        if unheard or entry.kind in _HOPELESS or (not run.reached and wait is None):
            run.end(f"Not sent, as it would have failed like an earlier request: {entry.reason}")
        self._count(entry, wait, run)
        return wait

    def _count(self, entry: Entry, wait: float | None, run: _Run) -> None:
        """Take note of what came of an attempt, and end the run where the endpoint is given up."""
        if entry.kind is None:
            self._patience.answered()
        elif {entry.kind, entry.status} & _IN_VAIN or (_again(entry) and (wait is None or wait > LONG_WAIT)):
            self._patience.asked_in_vain()
        if self._patience.lost:
            run.end(f"Not sent: the endpoint was given up, after question upon question in vain. {entry.reason}")

    def _may_not_send(self, ask: Ask, run: _Run) -> str:
        """Wait until an attempt may be sent and return ""; or return, as a sentence, why it may not be sent."""
        if run.over():
            return run.reason
        if reason := self._budget.reserve(ask):
            return reason
        self._pace.wait(run.sleep)
        if run.over():
            self._budget.give_back(ask)
        return run.reason

    def _note(
        self, ask: Ask, attempt: int, request: dict[str, Any], started: float, seconds: float, result: Answer | Broken
    ) -> Entry:
        """Write an attempt down, without the key."""
        headers: dict[str, str] = {}
        body = ""
        if isinstance(result, Answer):
            headers = {name: self._scrub(result.headers[name]) for name in KEPT_HEADERS if name in result.headers}
            body = self._scrub(result.body)
        kind, reason = (result.kind, result.reason) if isinstance(result, Broken) else _fault(ask, result.status, headers, body)
        entry = Entry(
            digest=digest(ask, self._model),
            name=self._scrub(ask.name),
            attempt=attempt,
            started=datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
            seconds=round(seconds, 6),
            request=json.loads(self._scrub(json.dumps(request))),
            ask=json.loads(self._scrub(json.dumps(asdict(ask)))),
            status=result.status,
            headers=headers,
            body=body,
            kind=kind,
            reason=terminal_safe(self._scrub(reason)),
        )
        self._journal.write(entry)
        return entry

    def _pause(self, attempt: int, entry: Entry) -> float | None:
        """Seconds before the next attempt: as the server says, else doubling from half a second, less up to half of it.

        None: there is to be no other.
        """
        left = self._limits.attempts - attempt
        if not _again(entry) or not left or self._patience.lost:
            return None
        seconds = _retry_after(entry.headers.get("retry-after", ""), self._clock())
        if seconds is None:
            with self._lock:  # a generator is not made for several threads
                seconds = 0.5 * 2 ** min(attempt - 1, 6) * float(self._rng.uniform(0.5, 1.0))
        return min(seconds, LONGEST_WAIT) if seconds <= LONGEST_WAIT * left else None


class _Run:
    """State that the threads of one call of `Endpoint.ask` share."""

    def __init__(self, lines: Sequence[Line], sleep: Callable[[float], object] | None) -> None:
        self._lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
        for line in lines:
            self._lines.put(line)
        self._ended = threading.Event()
        self.sleep = sleep or self._ended.wait
        self.reason = ""
        self.reached = False

    def over(self) -> bool:
        """Whether nothing more is to be sent."""
        return self._ended.is_set()

    @property
    def interrupted(self) -> bool:
        """Whether the run was ended from outside, for no fault of the endpoint."""
        return self.reason == _INTERRUPTED

    def end(self, reason: str = _INTERRUPTED) -> None:
        """Send nothing more, for this reason or that of an earlier call."""
        self.reason = self.reason or reason
        self._ended.set()

    @contextmanager
    def line(self) -> Iterator[Line]:
        """A connection that no other thread uses."""
        line = self._lines.get()
        try:
            yield line
        finally:
            self._lines.put(line)


@cache
def _tls() -> ssl.SSLContext:
    """The TLS context, made once because that is slow, and shared by all connections."""
    return httpx2.create_ssl_context()


def _fault(ask: Ask, status: int, headers: Mapping[str, str], body: str) -> tuple[FailureKind | None, str]:
    """The kind of failure that an HTTP answer is, and a sentence on it; None and "" for an answer that can be used."""
    if status == 200:
        try:
            wire.parse(ask, body, seconds=0.0, attempts=1)
        except Malformed as error:
            return "malformed", str(error)
        return None, ""
    message = error_message(body) or "the server does not say why"
    if 300 <= status < 400:
        where = headers.get("location", message)
        return "redirect", _sentence(status, f"the server points elsewhere, which is not followed: {where}")
    if status in (401, 402, 403):
        return "key", _sentence(status, f"the server does not accept the key: {message}")
    if status == 404 and re.search("model|deployment", message, re.IGNORECASE):  # Azure knows deployments
        return "model", _sentence(status, f"the server does not know the model: {message}")
    if status == 404:
        return "status", _sentence(status, f"the server has nothing at this address for {ask.surface}: {message}")
    later = f" (Retry-After: {headers['retry-after'][:40]})" if "retry-after" in headers else ""
    return "status", _sentence(status, message + later)


def _sentence(status: int, words: str) -> str:
    """The status and what is said of it, with a full stop."""
    return f"Status {status}: {words}" + ("" if words.endswith((".", "!", "?")) else ".")


def _again(entry: Entry) -> bool:
    """Whether another attempt may be answered."""
    return entry.status in _AGAIN or entry.kind in _BROKEN_AGAIN


def _tokens(entry: Entry) -> int | None:
    """Tokens that an attempt cost; None: unknown."""
    if entry.status == 200 and entry.kind is None:
        prompt, completion = wire.summary(entry.body)[2]
        return None if prompt is None or completion is None else prompt + completion
    return None if entry.kind in ("timeout", "connection", "interrupted", "malformed", "too large") else 0


def _retry_after(value: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, from a number or a date; None: it is neither."""
    try:
        seconds = float(value) if value.strip().isdecimal() else parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds)
