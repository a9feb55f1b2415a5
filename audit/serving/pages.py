"""The web page: a form for files and pasted text, the progress of a job, its verdicts, and its reports.

All of it works without JavaScript: forms are posted, and a page that waits loads itself again. The one script (page.js) adds
dropping of files and progress without reloading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from llm_audit.api.report import Report
from llm_audit.common.version import __version__
from llm_audit.reports.formats import class_set, csv
from llm_audit.reports.formats.html import TEMPLATES as REPORT_TEMPLATES
from llm_audit.reports.formats.html import environment
from llm_audit.serving.answers import REPORT_POLICY, Desk, finished, state_of
from llm_audit.serving.guard import Keys, cookie
from llm_audit.serving.jobs import Job
from llm_audit.serving.uploads import Refused

TEMPLATES = Path(__file__).parent / "templates"
REFRESH_SECONDS = 2
MOST_TOKEN = 4096


class Pages:
    """The handlers of the pages' routes."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        self.desk, self.keys = desk, keys

    def routes(self) -> list[Route]:
        """Every route of them."""
        return [
            Route("/", self.start, methods=["GET"]),
            Route("/login", self.sign_in, methods=["GET", "POST"]),
            Route("/judge", self.judge, methods=["POST"]),
            Route("/jobs/{id}", self.job, methods=["GET"]),
            Route("/jobs/{id}/state", self.state, methods=["GET"]),
            Route("/jobs/{id}/forget", self.forget, methods=["POST"]),
            Route("/jobs/{id}/report", self.report, methods=["GET"]),
            Route("/jobs/{id}/class", self.as_class, methods=["GET"]),
            Route("/jobs/{id}/class.csv", self.as_csv, methods=["GET"]),
            Route("/jobs/{id}/class.pdf", self.as_pdf, methods=["GET"]),
            Route("/style.css", self.style, methods=["GET"]),
            Route("/page.js", self.script, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """The form."""
        return self._page(request, "start.html.j2", worker=self.desk.worker)

    async def sign_in(self, request: Request) -> Response:
        """The page that asks for the token (GET); the right token, posted, opens a new session and leads to the first page.

        Raises:
            Refused: the token is not right.
        """
        if request.method == "GET":
            return self._page(request, "login.html.j2")
        async with request.form(max_files=0, max_fields=4, max_part_size=MOST_TOKEN) as form:
            self.keys.check_form(request.scope["session_id"], str(form.get("csrf", "")))
            token = str(form.get("token", "")).strip()
        if not self.keys.needed or not self.keys.opens(token, request.client.host if request.client else ""):
            raise Refused(401, "This is not the token.")
        response = RedirectResponse("/", 303)
        session = self.keys.new_session(signed_in=True)  # a new one: the old may have been planted
        response.headers["set-cookie"] = cookie(session, secure=request.url.scheme == "https")
        return response

    async def judge(self, request: Request) -> Response:
        """Take the form's texts, and lead to their job."""
        session = request.scope["session_id"]
        job = await self.desk.accept(
            request, owner=session, csrf=lambda fields: self.keys.check_form(session, fields.get("csrf", ""))
        )
        return RedirectResponse(f"/jobs/{job.id}", 303)

    async def job(self, request: Request) -> Response:
        """The page of a job: its progress, or its verdicts."""
        job = self._job(request)
        if job.report is None:
            return self._page(request, "job.html.j2", job=job, seconds=REFRESH_SECONDS)
        by = request.query_params.get("sort", "verdict")
        rows = class_set.ordered(class_set.rows(job.report), by if by in class_set.SORTS else "verdict")
        return self._page(
            request,
            "result.html.j2",
            job=job,
            report=job.report,
            rows=rows,
            by=by,
            sorts=class_set.SORTS,
            about_p=class_set.about_p(job.report),
            pdf=find_spec("weasyprint") is not None,
        )

    async def state(self, request: Request) -> Response:
        """The state of a job as JSON, for the script."""
        return JSONResponse(state_of(self._job(request)))

    async def forget(self, request: Request) -> Response:
        """Drop a job, and go back to the beginning."""
        async with request.form(max_files=0, max_fields=4) as form:
            self.keys.check_form(request.scope["session_id"], str(form.get("csrf", "")))
        self.desk.queue.drop(self._job(request))
        return RedirectResponse("/", 303)

    async def report(self, request: Request) -> Response:
        """The whole HTML report."""
        return await self.desk.rendered(finished(self._job(request)), "html")

    async def as_class(self, request: Request) -> Response:
        """The set of texts with a page a text."""
        page = await self._rendered(request, class_set.render)
        return HTMLResponse(page, headers={"content-security-policy": REPORT_POLICY})

    async def as_csv(self, request: Request) -> Response:
        """The verdicts as a table for a spreadsheet."""
        table = await self._rendered(request, csv.render)
        # A byte order mark: without it spreadsheets take UTF-8 for the encoding of the system.
        return _download("\ufeff" + table, "text/csv; charset=utf-8", "class.csv")

    async def as_pdf(self, request: Request) -> Response:
        """The set of texts on paper."""
        if find_spec("weasyprint") is None:
            raise Refused(501, "PDF needs WeasyPrint on the server: `pip install 'llm-audit[pdf]'`. Or print the page.")
        from llm_audit.reports.formats import pdf

        paper = await self._rendered(request, lambda report: pdf.from_page(class_set.render(report)))
        return _download(paper, "application/pdf", "class.pdf")

    async def style(self, request: Request) -> Response:
        """The style of reports, and what the pages need besides."""
        return Response(_style(), media_type="text/css")

    async def script(self, request: Request) -> Response:
        """The JavaScript of the pages."""
        return Response((TEMPLATES / "page.js").read_text("utf-8"), media_type="text/javascript")

    async def _rendered(self, request: Request, make: Callable[[Report], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.desk.renderers, make, finished(self._job(request)))

    def _job(self, request: Request) -> Job:
        job = self.desk.queue.get(request.path_params["id"])
        if job is None or job.owner != request.scope["session_id"]:
            raise Refused(404, "These texts are not here any more, or another browser asked for them: judge them again.")
        return job

    def _page(self, request: Request, template: str, **content: Any) -> Response:
        csrf = self.keys.csrf(request.scope["session_id"])
        return HTMLResponse(page(template, csrf=csrf, limits=self.desk.service.limits, **content))


def page(template: str, **content: Any) -> str:
    """One of the pages, filled."""
    return environment(TEMPLATES).get_template(template).render(version=__version__, **content)


def _download(content: str | bytes, media: str, name: str) -> Response:
    """A file to keep. Its name is ours: that of an upload would be a way into the head of the answer."""
    return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})


@cache
def _style() -> str:
    sheets = [*(REPORT_TEMPLATES / name for name in ("style.css", "print.css")), TEMPLATES / "serve.css"]
    return "".join(sheet.read_text("utf-8") for sheet in sheets)
