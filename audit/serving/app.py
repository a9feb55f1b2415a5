"""The application: the routes of API and pages behind the guard."""

from __future__ import annotations

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Scope

from llm_audit.serving.answers import Desk
from llm_audit.serving.api import Api
from llm_audit.serving.guard import MACHINE, Guard, Keys
from llm_audit.serving.metrics import Metrics
from llm_audit.serving.pages import Pages, page
from llm_audit.serving.settings import Service


def application(service: Service, desk: Desk, metrics: Metrics) -> ASGIApp:
    """The server's application, as uvicorn runs it."""
    keys = Keys(service.token)
    routes = [*Api(desk, metrics).routes(), *Pages(desk, keys).routes()]
    return Guard(Router(routes, redirect_slashes=False), service, keys, metrics, failed)


def failed(scope: Scope, status: int, sentence: str, headers: dict[str, str]) -> Response:
    """The response to a request that is refused or failed: JSON for programs, a page for people."""
    if scope["path"].startswith(MACHINE):
        more = {"www-authenticate": "Bearer"} if status == 401 else {}
        return JSONResponse({"error": sentence}, status, headers | more)
    if status == 401 and scope["method"] == "GET":
        return RedirectResponse("/login", 303, headers)
    return HTMLResponse(page("error.html.j2", status=status, sentence=sentence), status, headers)
