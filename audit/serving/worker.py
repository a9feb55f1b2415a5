"""The one thread that judges: it takes a text from the queue, hands it to `llm_audit.detect`, and takes the next.

Knows nothing about HTTP. Nothing of a text leaves it but in documents.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Literal

from llm_audit.api.documents import Text, collected, detect
from llm_audit.common.errors import AuditError
from llm_audit.results import Document, Verdict
from llm_audit.serving.jobs import Item, Job, Queue, discard
from llm_audit.serving.metrics import Metrics
from llm_audit.setup import OpenSetup
from llm_audit.setup.manifest import now
from llm_audit.text.documents import unjudged

LOG = logging.getLogger("llm_audit.serving")

WARM_UP = (
    "The model is loaded before the first visitor comes, and this is what it reads. In the morning the baker opens the shop, "
    "sweeps the floor and lights the oven. By the time the first customers are at the door the bread has cooled on the racks, "
    "and the street smells of it as far as the bridge. Most of them want the same as yesterday. An old man asks whether there "
    "is any of the dark loaf left, and is told that it comes out at nine, as it has on every Thursday for eleven years. He "
    "says that he will wait, sits down by the window and unfolds a newspaper that he does not read."
)


class _Stopped(Exception):
    """The text is not wanted any more, or takes too long."""


class Worker:
    """A thread that judges the texts of a queue, one at a time, with a model that is loaded once.

    Attributes:
        state: "starting" until the model has scored a text; "failed": it could not, see `error`.
    """

    def __init__(self, queue: Queue, setup: OpenSetup, metrics: Metrics) -> None:
        self.queue, self.setup, self.metrics = queue, setup, metrics
        self.state: Literal["starting", "ready", "failed", "stopped"] = "starting"
        self.error: str | None = None
        self._thread = threading.Thread(target=self._run, name="llm-audit-judge", daemon=True)

    def start(self) -> None:
        """Load the model and begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let the text in hand go, and end."""
        self.queue.close()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        try:
            detect(Text(WARM_UP, name="warm-up"), setup=self.setup)
        except AuditError as error:
            self._fail(str(error))
            return
        except Exception as error:
            report_bug(error)
            self._fail("The model does not run; the log says where it failed.")
            return
        self.state = "ready"
        while (turn := self.queue.take()) is not None:
            self._judge(*turn)
        self.state = "stopped"

    def _fail(self, reason: str) -> None:
        """Judge nothing at all, and tell those who wait already."""
        self.state, self.error = "failed", reason
        self.queue.close(reason)

    def _judge(self, job: Job, item: Item) -> None:
        began = time.monotonic()
        job.started, job.state = job.started or now(), "running" if not job.over else job.state
        job.touch()
        try:
            item.documents = self._documents(job, item, began)
            item.state = "finished"
            seconds = time.monotonic() - began
            self.queue.pace += 0.2 * (seconds - self.queue.pace)
            self.metrics.judged([document.verdict for document in item.documents], seconds)
        except _Stopped:
            item.state = "cancelled"
        except AuditError as error:
            job.state, job.error = "failed", str(error)
        except Exception as error:
            report_bug(error)
            job.state, job.error = "failed", "A text made the server fail; the other requests go on."
        finally:
            discard(item)
            self._close(job)
            job.touch()

    def _documents(self, job: Job, item: Item, began: float) -> tuple[Document, ...]:
        limit = self.queue.limits.seconds

        def progress(share: float | None, stage: str = "", /) -> None:
            if job.over or self.queue.closed:
                raise _Stopped
            if time.monotonic() - began > limit:
                raise TimeoutError
            item.share = share or 0.0
            job.touch()

        try:
            report = detect(item.source, alpha=job.alpha, setup=self.setup, keep_text=job.keep_text, progress=progress)
        except TimeoutError:
            return (unjudged(item.name, Verdict.ERROR, f"{item.name} takes longer than {limit:g} seconds to judge: split it."),)
        return report.documents

    def _close(self, job: Job) -> None:
        """Make the report, if this was the last text."""
        if not job.over and all(item.state == "finished" for item in job.items):
            job.report = collected(job.documents, self.setup, alpha=job.alpha, started=job.started)
            job.state = "finished"
        if job.over:
            job.ended = time.monotonic()
            for item in job.items:
                discard(item)


def report_bug(error: BaseException) -> None:
    """Log where a program failed, and not what it was about: a message may quote a text."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "an unknown place"
    LOG.error("%s at %s", type(error).__name__, where)
