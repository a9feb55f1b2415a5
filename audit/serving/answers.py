"""Answers about jobs, shared by API and pages: states, reports in every format, and the wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from llm_audit.api.report import Report
from llm_audit.common.errors import NotAvailable
from llm_audit.reports.formats import FORMATS
from llm_audit.serving.jobs import Full, Job
from llm_audit.serving.settings import Service
from llm_audit.serving.uploads import Folder, Refused, Submission, read
from llm_audit.serving.worker import Worker

MEDIA = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "sarif": "application/sarif+json",
    "gitlab": "application/json",
    "junit": "application/xml",
}
"""Format -> its media type; the others are plain text."""

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
"""Content security policy of a report, beside the one in its HTML, which allows its own style by digest."""

POLL_SECONDS = 1.0
"""Seconds between two checks whether the client is still connected."""


class Desk:
    """Turns requests into jobs and jobs into responses, for the routes of API and pages."""

    def __init__(self, service: Service, worker: Worker, folder: Folder) -> None:
        self.service, self.worker, self.folder = service, worker, folder
        self.queue = worker.queue
        # One at a time: a report takes less time than a text, and what draws its charts is made for one thread.
        self.renderers = ThreadPoolExecutor(1, thread_name_prefix="llm-audit-render")

    async def accept(self, request: Request, *, owner: str | None = None, csrf: Any = None) -> Job:
        """The job of a request, in the queue. `csrf`: called with the fields of a form, to refuse it. Raises Refused."""
        if self.worker.state in ("failed", "stopped"):
            raise Refused(503, self.worker.error or "The server is being stopped.")
        length = request.headers.get("content-length", "")
        size = int(length) if length.isdecimal() else self.service.limits.size
        with self._place(size):
            submission: Submission = await read(request, self.service.limits, self.folder)
            job = Job(submission.items, submission.alpha or self.service.alpha, submission.keep_text, owner, size)
            if csrf is not None:
                try:
                    csrf(submission.fields)
                except Refused:
                    self.queue.drop(job)
                    raise
            self.queue.put(job)
        return job

    @contextmanager
    def _place(self, size: int) -> Iterator[None]:
        try:
            with self.queue.place(size):
                yield
        except Full as full:
            raise Refused(429, f"The queue is full: come back in {full.seconds} seconds.", full.seconds) from None

    async def wait(self, request: Request, job: Job) -> None:
        """Return once the job is over; drop it if the client has gone."""
        while not job.over:
            await job.change(POLL_SECONDS)
            if await request.is_disconnected():
                self.queue.drop(job)

    async def rendered(self, report: Report, format_: str) -> Response:
        """The report in one of the formats. Raises Refused."""
        if format_ not in FORMATS:
            raise Refused(404, f"There is no format of this name; take {', '.join(FORMATS)}.")
        try:
            content = await asyncio.get_running_loop().run_in_executor(self.renderers, report.render, format_)
        except NotAvailable as error:
            raise Refused(501, str(error)) from None
        headers = {"content-security-policy": REPORT_POLICY} if format_ == "html" else {}
        return Response(content, media_type=MEDIA.get(format_, "text/plain; charset=utf-8"), headers=headers)

    def close(self) -> None:
        """Stop the thread that renders reports; what it has not begun is dropped."""
        self.renderers.shutdown(wait=True, cancel_futures=True)


def state_of(job: Job) -> dict[str, Any]:
    """The state of a job as JSON, with the state and verdict of each text."""
    texts = [
        {
            "name": item.name,
            "state": item.state,
            "share": round(item.share, 3) if item.state != "finished" else 1.0,
            "verdicts": [document.verdict.value for document in item.documents],
        }
        for item in job.items
    ]
    left = None if job.seconds_left is None else round(job.seconds_left)
    return {"id": job.id, "state": job.state, "error": job.error, "seconds_left": left, "texts": texts}


def finished(job: Job) -> Report:
    """The report of a job that is over. Raises Refused."""
    if job.report is None:
        if job.state == "failed":
            raise Refused(500, job.error or "The job failed.")
        raise Refused(409, "The texts are not judged yet: ask for the state of the job first.")
    return job.report
