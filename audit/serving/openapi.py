"""The description of the API that programs can read (OpenAPI 3.1), made from the same models that read and write it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

from llm_audit.common.version import __version__
from llm_audit.reports.formats import FORMATS
from llm_audit.reports.formats.json import schema as json_schema
from llm_audit.serving.jobs import State
from llm_audit.serving.settings import Service
from llm_audit.serving.uploads import Sent

_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_ERRORS = {
    "400": "The request is malformed.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from a page of another site.",
    "408": "The request was not sent in time.",
    "413": "The request is too large, or holds too many texts.",
    "415": "It is neither a form nor JSON.",
    "421": "The server has another name.",
    "422": "There is no text in it, or something in it is wrong.",
    "429": "The queue is full, or too many wrong tokens came: `Retry-After` says when to come back.",
    "500": "The server failed.",
    "503": "The model cannot be loaded; of the health alone, also: it is not loaded yet.",
}


def document(service: Service) -> dict[str, Any]:
    """The OpenAPI document of a server."""
    limits = service.limits
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "llm-audit",
            "version": __version__,
            "description": "Was this text machine-generated? A p-value against human writing, with its null hypothesis. "
            f"At most {limits.texts} texts and {limits.size / 1e6:g} MB a request; {limits.seconds:g} seconds a text.",
        },
        "security": [{"token": []}] if service.token is not None else [],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


@cache
def _schemas() -> dict[str, Any]:
    """The JSON Schemas of requests and answers, by name. Each has an `$id`, so that its references resolve within itself."""
    state = list(get_args(State))
    text = {"name": {"type": "string"}, "state": {"enum": state}, "share": {"type": "number"}}
    verdicts = {"verdicts": {"type": "array", "items": {"type": "string"}}}
    return {
        "Report": json.loads(json_schema()),
        "Request": {"$id": "urn:llm-audit:request:1", **Sent.model_json_schema()},
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
        "Job": {
            "type": "object",
            "required": ["id", "state", "error", "texts"],
            "properties": {
                "id": {"type": "string"},
                "state": {"enum": state},
                "error": {"type": ["string", "null"]},
                "seconds_left": {"type": ["integer", "null"], "minimum": 0},
                "texts": {"type": "array", "items": {"type": "object", "properties": {**text, **verdicts}}},
            },
        },
    }


def _paths() -> dict[str, Any]:
    files = {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}, "text": {"type": "string"}}
    settings = {"alpha": {"type": "number"}, "keep_text": {"enum": ["true", "false"]}}
    form = {"schema": {"type": "object", "properties": {**files, **settings}}}
    sent = {"application/json": {"schema": {"$ref": "#/components/schemas/Request"}}, "multipart/form-data": form}
    report = {"application/json": {"schema": {"$ref": "#/components/schemas/Report"}}}
    streamed = {"application/x-ndjson": {"schema": {"type": "string"}}}
    job = {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}
    identity = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    prefer = {"name": "Prefer", "in": "header", "schema": {"type": "string"}, "description": "respond-async: take a ticket"}
    format_ = {"name": "format", "in": "query", "schema": {"enum": list(FORMATS), "default": "json"}}
    return {
        "/v1/detect": {
            "post": {
                "operationId": "detect",
                "summary": "Judge texts: wait for the report, stream it (Accept: application/x-ndjson), or take a ticket",
                "parameters": [prefer],
                "requestBody": {"required": True, "content": sent},
                "responses": {
                    "200": {
                        "description": "The report, or a line for each document as it is judged.",
                        "content": report | streamed,
                    },
                    "202": {"description": "A ticket; `Location` is where to ask.", "content": job},
                    **_errors(*_ERRORS),
                },
            }
        },
        "/v1/jobs/{id}": {
            "parameters": [identity],
            "get": _operation("job", "Where a job is", {"200": {"description": "Its state.", "content": job}}, "404"),
            "delete": _operation("forget", "Drop a job and its report", {"204": {"description": "It is gone."}}, "404"),
        },
        "/v1/jobs/{id}/report": {
            "parameters": [identity, format_],
            "get": _operation(
                "report", "The report of a job", {"200": {"description": "The report.", "content": report}}, "404", "409", "501"
            ),
        },
        "/healthz": {
            "get": _operation("health", "Whether texts can be judged now", {"200": {"description": "Ready."}}, "503"),
        },
        "/metrics": {
            "get": _operation("metrics", "Counters for Prometheus", {"200": {"description": "Text format 0.0.4."}}, "401"),
        },
    }


def _operation(name: str, summary: str, responses: dict[str, Any], *errors: str) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": {**responses, **_errors(*errors)}}


def _errors(*statuses: str) -> dict[str, Any]:
    more = {
        "404": "There is no such job or format.",
        "409": "The texts are not judged yet.",
        "501": "The format needs a package that is not installed.",
    }
    return {status: {"description": (_ERRORS | more)[status], "content": _ERROR} for status in statuses}
