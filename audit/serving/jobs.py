"""Jobs: the texts of one request on their way to a report, and the bounded queue in which they wait.

The event loop puts jobs in and looks at them; one thread takes their texts out, see `worker`. Knows nothing about HTTP.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from llm_audit.api.documents import File, Text
from llm_audit.api.report import Report
from llm_audit.results import Document
from llm_audit.serving.settings import Limits

State = Literal["waiting", "running", "finished", "failed", "cancelled"]


class Full(Exception):
    """The queue has no room. `seconds`: after which it may have."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass
class Item:
    """One text of a job. `share`: share of the work on it that is done; `documents`: its judged documents."""

    source: Text | File
    state: State = "waiting"
    share: float = 0.0
    documents: tuple[Document, ...] = ()

    @property
    def name(self) -> str:
        """The name of the text in reports."""
        return self.source.name


@dataclass
class Job:
    """The texts of one HTTP request to the server, in their order.

    Attributes:
        alpha: at which they are judged.
        keep_text: whether the report holds the texts.
        size: bytes of the request.
        owner: session of the browser that asked; None: a program did.
        report: once it is finished.
        error: one sentence, if it failed.
        began, ended, seen: when it was asked, was over, and was last looked for, in seconds of a clock of its own.
        id: a random name that nobody can guess.
    """

    items: list[Item]
    alpha: float
    keep_text: bool = True
    owner: str | None = None
    size: int = 0
    state: State = "waiting"
    report: Report | None = None
    error: str | None = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    seen: float = 0.0
    started: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    @property
    def over(self) -> bool:
        """Whether the job is finished or failed, and will not change any more."""
        return self.state in ("finished", "failed", "cancelled")

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds for its remaining texts, from the time of those judged; None: none is judged yet."""
        done = sum(item.state == "finished" for item in self.items)
        return (time.monotonic() - self.began) / done * (len(self.items) - done) if done else None

    @property
    def documents(self) -> list[Document]:
        """The documents judged so far."""
        return [document for item in self.items for document in item.documents]

    def touch(self) -> None:
        """Wake whoever waits for a change, from any thread."""
        with suppress(RuntimeError):  # the loop is closed: the server has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, seconds: float) -> None:
        """Return at the next change, or after so many seconds."""
        if not self.over:
            try:
                await asyncio.wait_for(self._changed.wait(), seconds)
            except TimeoutError:
                return


class Queue:
    """The jobs of a server: a bounded number that wait or run, and the last ones that are finished.

    Texts of several jobs take turns, so that a single essay does not wait for a whole class.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pace = 2.0
        """Seconds that a text takes, a running mean: what a client that is told to come back is told."""
        self._turns: deque[Job] = deque()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._reading: list[int] = []  # bytes of each request that is being read
        self._ready = threading.Condition()
        self.closed = False

    @property
    def busy(self) -> int:
        """Requests that are being read, wait or run."""
        return len(self._reading) + sum(not job.over for job in list(self._jobs.values()))

    @property
    def kept(self) -> int:
        """Jobs that are finished and still here."""
        return sum(job.over for job in list(self._jobs.values()))

    @contextmanager
    def place(self, size: int) -> Iterator[None]:
        """A place in the queue for a request of so many bytes, while it is read. Raises Full."""
        held = sum(self._reading) + sum(job.size for job in list(self._jobs.values()) if not job.over)
        if self.busy >= self.limits.waiting or (self.busy and held + size > self.limits.held):
            raise Full(self.patience())
        self._reading.append(size)
        try:
            yield
        finally:
            self._reading.remove(size)

    def patience(self) -> int:
        """Seconds until there may be room: what the first job in line still needs, from 1 to 600."""
        with self._ready:
            left = min((sum(item.state == "waiting" for item in job.items) for job in self._turns), default=0)
        return min(600, max(1, math.ceil(self.pace * (left + 1))))

    def put(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._forget()
        with self._ready:
            self._jobs[job.id] = job
            self._turns.append(job)
            self._ready.notify()

    def get(self, name: str) -> Job | None:
        """The job of an id, if it is still here."""
        self._forget()
        if job := self._jobs.get(name):
            job.seen = time.monotonic()
        return job

    def drop(self, job: Job) -> None:
        """Forget a job; what is not judged yet is not judged any more."""
        if not job.over:
            job.state = "cancelled"
            job.touch()
        for item in job.items:
            if item.state != "running":  # the worker has that one in hand
                discard(item)
        with self._ready:
            self._jobs.pop(job.id, None)

    def _forget(self) -> None:
        """Drop finished jobs that nobody has asked for in time."""
        now, held = time.monotonic(), 0
        ended = [(max(job.ended, job.seen), job) for job in list(self._jobs.values()) if job.ended is not None]
        for number, (when, job) in enumerate(sorted(ended, key=lambda pair: pair[0], reverse=True)):
            held += job.size
            if now - when > self.limits.kept_seconds or number >= self.limits.kept or (number and held > self.limits.held):
                self.drop(job)

    def take(self) -> tuple[Job, Item] | None:
        """The next text, waited for; None once the queue is closed. For the one thread that judges."""
        with self._ready:
            while True:
                if self.closed:
                    return None
                while self._turns:
                    job = self._turns.popleft()
                    item = next((item for item in job.items if item.state == "waiting"), None)
                    if item is None or job.over:
                        continue
                    item.state = "running"
                    self._turns.append(job)
                    return job, item
                self._ready.wait()

    def close(self, reason: str = "The server was stopped before all texts were judged.") -> None:
        """Give out no more texts, and tell whoever waits for an answer why."""
        with self._ready:
            self.closed = True
            self._ready.notify_all()
        for job in list(self._jobs.values()):
            if not job.over:
                job.state, job.error = "failed", reason
                job.touch()


def discard(item: Item) -> None:
    """Delete the uploaded file of a text that was judged or given up; a pasted text has none."""
    if isinstance(item.source, File):
        with suppress(OSError):
            Path(item.source.path).unlink(missing_ok=True)
