"""The JSON API: what programs ask. See `openapi` for the description that they can read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from llm_audit.reports.formats import jsonl
from llm_audit.serving import openapi
from llm_audit.serving.answers import POLL_SECONDS, Desk, finished, state_of
from llm_audit.serving.jobs import Job
from llm_audit.serving.metrics import Metrics
from llm_audit.serving.uploads import Refused

NDJSON = "application/x-ndjson"


class Api:
    """The handlers of the API's routes."""

    def __init__(self, desk: Desk, metrics: Metrics) -> None:
        self.desk, self.metrics = desk, metrics

    def routes(self) -> list[Route]:
        """Every route of it."""
        return [
            Route("/v1/detect", self.detect, methods=["POST"]),
            Route("/v1/jobs/{id}", self.job, methods=["GET"]),
            Route("/v1/jobs/{id}", self.forget, methods=["DELETE"]),
            Route("/v1/jobs/{id}/report", self.report, methods=["GET"]),
            Route("/healthz", self.health, methods=["GET"]),
            Route("/metrics", self.measured, methods=["GET"]),
            Route("/openapi.json", self.description, methods=["GET"]),
        ]

    async def detect(self, request: Request) -> Response:
        """Judge texts: wait for the report, or stream it, or take a ticket for it."""
        job = await self.desk.accept(request)
        if "respond-async" in request.headers.get("prefer", "").lower():
            return JSONResponse(state_of(job), 202, {"location": f"/v1/jobs/{job.id}"})
        if NDJSON in request.headers.get("accept", "").lower():
            return StreamingResponse(self._streamed(job), media_type=NDJSON)
        await self.desk.wait(request, job)
        self.desk.queue.drop(job)
        return await self.desk.rendered(finished(job), "json")

    async def _streamed(self, job: Job) -> AsyncIterator[str]:
        """A line for each document as soon as it is judged, in the order of the request, and one for the report at the end."""
        try:
            for item in job.items:
                while not job.over and item.state != "finished":
                    await job.change(POLL_SECONDS)
                for document in item.documents:
                    yield jsonl.record(document)
            while not job.over:
                await job.change(POLL_SECONDS)
            if job.report is not None:
                yield jsonl.last(job.report)
        finally:
            self.desk.queue.drop(job)

    async def job(self, request: Request) -> Response:
        """The state of a job."""
        return JSONResponse(state_of(self._job(request)))

    async def forget(self, request: Request) -> Response:
        """Drop a job and its report."""
        self.desk.queue.drop(self._job(request))
        return Response(status_code=204)

    async def report(self, request: Request) -> Response:
        """The report of a job, in the format that the query names."""
        return await self.desk.rendered(finished(self._job(request)), request.query_params.get("format", "json"))

    async def health(self, request: Request) -> Response:
        """Whether texts can be judged now."""
        state = self.desk.worker.state
        return JSONResponse({"status": state}, 200 if state == "ready" else 503)

    async def measured(self, request: Request) -> Response:
        """The server's metrics, for Prometheus."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def description(self, request: Request) -> Response:
        """The OpenAPI document."""
        return JSONResponse(openapi.document(self.desk.service))

    def _job(self, request: Request) -> Job:
        job = self.desk.queue.get(request.path_params["id"])
        if job is None or job.owner is not None:
            raise Refused(404, "There is no such job: it never was, it was dropped, or its time is over.")
        return job
