"""The API: what a program gets for its texts, in every way of asking."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import llm_audit
from fixtures.documents import write_docx
from llm_audit.serving import openapi
from llm_audit.serving.settings import Limits, Service
from tests.processors import sums_hang_on_no_place
from tests.serving.conftest import ESSAY, Running, Start, form, wait_until

TIMES = ("started", "finished", "command", "threads")  # of threads, each one of Python has its own number


def numbers(report: dict[str, Any]) -> dict[str, Any]:
    """All of a report but when and how it was asked for."""
    manifest = {key: value for key, value in report["manifest"].items() if key not in TIMES}
    return {**report, "manifest": manifest, "content_digest": None}


def alike(one: Any, other: Any, rounding: float = 1e-4) -> bool:
    """Whether two contents of JSON are equal, numbers to rounding: on some processors it hangs on the texts beside.

    The curves of a text are in hundredths, of which the last may then be another one.
    """
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (not sums_hang_on_no_place() and one == pytest.approx(other, rel=1e-4, abs=rounding))
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = ((one[key], other[key], 0.011 if key == "trace" else rounding) for key in one if key in other)
        return one.keys() == other.keys() and all(alike(*pair) for pair in pairs)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(alike(*pair, rounding) for pair in zip(one, other, strict=True))
    return bool(one == other)


def test_a_report_is_what_the_library_says(
    running: Running, tiny_root: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tiny_root / "cache"))
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tiny_root / "data"))
    texts = [ESSAY, "Too short.", " ".join(reversed(ESSAY.split()))]
    served = running.post_json({"texts": [{"name": f"t{n}", "text": text} for n, text in enumerate(texts)], "alpha": 0.2})
    setup = llm_audit.Setup(model=str(tiny_llama), population="own", cache=False)
    here = llm_audit.detect([llm_audit.Text(text, f"t{n}") for n, text in enumerate(texts)], alpha=0.2, setup=setup)
    assert served.status == 200
    assert alike(numbers(served.json), numbers(here.to_dict()))
    jsonschema.validate(served.json, openapi.document(Service())["components"]["schemas"]["Report"])


def test_files_are_judged_in_their_order_and_by_their_kinds(fresh: Running) -> None:
    files = [
        ("a.txt", ESSAY.encode()),
        ("b.docx", write_docx(ESSAY.split("\n\n"))),
        ("c.md", f"# Title\n\n{ESSAY}".encode()),
        ("d.txt", b""),
    ]
    report = fresh.post_form("/v1/detect", files, {"text": "Pasted, and too short.", "alpha": "0.05"}).json
    found = {document["name"]: document["verdict"] for document in report["subjects"]}
    assert sorted(found) == ["a.txt", "b.docx", "c.md", "d.txt", "pasted text"]
    assert (found["d.txt"], found["pasted text"]) == ("error", "not_assessable")
    assert "error" not in {found["a.txt"], found["b.docx"], found["c.md"]}
    assert report["manifest"]["alpha"] == 0.05
    assert report["subjects"][-1]["summary"].startswith("d.txt is empty") or "d.txt is empty" in str(report)


def test_texts_stay_out_of_a_report_that_is_not_to_hold_them(fresh: Running) -> None:
    report = fresh.post_json({"texts": [{"text": ESSAY}], "keep_text": False})
    assert report.json["subjects"][0]["text"] is None and ESSAY[:40] not in report.text


def test_a_ticket_leads_to_the_report_in_every_format(fresh: Running) -> None:
    ticket = fresh.detect(ESSAY, ESSAY[:50], Prefer="respond-async")
    assert ticket.status == 202 and [text["name"] for text in ticket.json["texts"]] == ["text 0", "text 1"]
    where = ticket.headers["location"]
    early = fresh.get(where + "/report")
    assert early.status in (200, 409)
    wait_until(lambda: fresh.get(where).json["state"] == "finished")
    assert all(text["state"] == "finished" and text["verdicts"] for text in fresh.get(where).json["texts"])
    starts = {"json": "{", "html": "<!DOCTYPE html>", "markdown": "#", "junit": "<?xml", "sarif": "{", "jsonl": '{"type"'}
    for name, start in starts.items():
        assert fresh.get(f"{where}/report?format={name}").text.startswith(start), name
    assert fresh.get(f"{where}/report?format=doc").status == 404
    assert fresh.ask("DELETE", where).status == 204
    assert fresh.get(where).status == fresh.get(where + "/report").status == 404


def test_documents_are_streamed_as_they_are_judged(fresh: Running) -> None:
    answer = fresh.detect(ESSAY, "Too short.", ESSAY, Accept="application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["type"] for line in lines] == ["document"] * 3 + ["report"]
    assert [line["name"] for line in lines[:3]] == ["text 0", "text 1", "text 2"]
    assert lines[3]["coverage"]["found"] == 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "texts"),
        ({"texts": []}, "texts"),
        ({"texts": [{"name": "a"}]}, "texts.0.text"),
        ({"texts": [{"text": 1}]}, "texts.0.text"),
        ({"texts": [{"text": "a", "name": ""}]}, "texts.0.name"),
        ({"texts": [{"text": "a"}], "alpha": 1}, "alpha"),
        ({"texts": [{"text": "a"}], "alpha": "0.1"}, "alpha"),
        ({"texts": [{"text": "a"}], "keep_text": "yes"}, "keep_text"),
        ([], "JSON"),
        ("a", "JSON"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(fresh: Running, content: Any, complaint: str) -> None:
    answer = fresh.post_json(content)
    assert answer.status == 422 and complaint in answer.error and answer.error.endswith(".")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"a", 415),
        ("", b"a", 415),
        ("application/json", b"{", 422),
        ("application/json", b"\xff\xfe", 422),
        ("application/json", b"[" * 100_000, 422),
        ("multipart/form-data", b"a", 400),
        ("multipart/form-data; boundary=x", b"a", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhalf',
            400,
        ),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422),
        ("application/x-www-form-urlencoded", b"text=a", 415),
    ],
)
def test_a_body_that_is_no_request_is_refused_in_a_sentence(fresh: Running, kind: str, body: bytes, status: int) -> None:
    answer = fresh.ask("POST", "/v1/detect", body, Content_Type=kind)
    assert (answer.status, answer.error[-1]) == (status, "."), answer.error


@pytest.mark.parametrize("alpha", ["0", "1", "x", "nan", "-1"])
def test_a_level_that_decides_nothing_is_refused(fresh: Running, alpha: str) -> None:
    assert fresh.post_form("/v1/detect", fields={"text": "a", "alpha": alpha}).status == 422


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/detect"), ("PUT", "/v1/detect"), ("POST", "/healthz"), ("TRACE", "/")]
)
def test_a_method_that_is_none_is_refused(fresh: Running, method: str, path: str) -> None:
    assert fresh.ask(method, path).status == 405


def test_a_file_of_many_texts_is_told_where_to_go(fresh: Running) -> None:
    answer = fresh.post_form("/v1/detect", [("a.txt", ESSAY.encode()), ("corpus.jsonl", b'{"text": "a"}')])
    assert answer.status == 422 and "llm-audit scan" in answer.error


def test_two_hundred_requests_at_once_are_answered_or_told_to_come_back(start: Start) -> None:
    """None hangs, none fails otherwise, and nobody gets another one's texts."""
    with start(waiting=32) as busy:
        answers: dict[int, Any] = {}

        def ask(number: int) -> None:
            answers[number] = Running(busy.port).detect(f"Text {number}. " + ESSAY[:400])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=200)
        assert len(answers) == 200
        judged = {number: answer for number, answer in answers.items() if answer.status == 200}
        refused = [answer for answer in answers.values() if answer.status == 429]
        assert len(judged) + len(refused) == 200 and len(judged) >= 32 and refused
        for number, answer in judged.items():
            assert answer.json["subjects"][0]["text"].startswith(f"Text {number}. ")
        for answer in refused:
            assert 1 <= int(answer.headers["retry-after"]) <= 600 and "come back in" in answer.error
        assert busy.detect(ESSAY).status == 200
        assert 'llm_audit_requests_total{route="/v1/detect",status="429"}' in busy.get("/metrics").text
        assert "llm_audit_jobs_waiting 0.0" in busy.get("/metrics").text


def test_a_client_that_leaves_costs_nothing_more(start: Start) -> None:
    with start(waiting=4) as small:
        body = json.dumps({"texts": [{"text": f"{number} {ESSAY}"} for number in range(100)]}).encode()
        head = (
            f"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        for accept in ("application/json", "application/x-ndjson"):
            with small.socket() as connection:
                connection.sendall(f"{head}Accept: {accept}\r\n\r\n".encode() + body)
                time.sleep(0.5)
            wait_until(lambda: "llm_audit_jobs_waiting 0.0" in small.get("/metrics").text, seconds=30)
        assert small.detect(ESSAY).status == 200


def test_a_text_that_takes_too_long_costs_itself_alone(start: Start) -> None:
    with start(seconds=1e-9) as hurried:
        document = hurried.detect(ESSAY).json["subjects"][0]
        assert document["verdict"] == "error" and "longer than" in document["summary"]


def test_requests_that_are_large_together_wait_outside(start: Start) -> None:
    """And of answers, only the last are kept."""
    with start(held=10_000) as small:
        first = small.detect(*(f"{number} {ESSAY}" for number in range(60)), Prefer="respond-async")
        assert first.status == 202  # a single one is taken, however large
        assert small.detect(ESSAY).status == 429
        small.ask("DELETE", first.headers["location"])
        wait_until(lambda: small.detect("Too short.").status == 200)
        tickets = [small.detect(ESSAY, "x" * 3000, Prefer="respond-async").headers["location"] for _ in range(1)]
        wait_until(lambda: small.get(tickets[0]).json["state"] == "finished")
        tickets.append(small.detect(ESSAY, "y" * 3000, Prefer="respond-async").headers["location"])
        wait_until(lambda: small.get(tickets[1]).json["state"] == "finished")
        assert small.get(tickets[0]).status == 404 and small.get(tickets[1]).status == 200


def test_a_single_text_does_not_wait_for_a_class(start: Start) -> None:
    with start() as served:
        ticket = served.detect(*(f"{number} {ESSAY}" for number in range(60)), Prefer="respond-async").headers["location"]
        assert served.detect(f"Alone. {ESSAY}").status == 200
        assert served.get(ticket).json["state"] == "running"
        served.ask("DELETE", ticket)


def test_what_nobody_comes_for_is_forgotten(start: Start) -> None:
    with start(kept=3) as small:
        tickets = [small.detect("Too short.", Prefer="respond-async").headers["location"] for _ in range(6)]
        wait_until(lambda: small.get(tickets[-1]).json["state"] == "finished")
        small.detect("One more.")
        assert [small.get(ticket).status for ticket in tickets] == [404] * 3 + [200] * 3
    with start(kept_seconds=0.2) as brief:
        ticket = brief.detect("Too short.", Prefer="respond-async").headers["location"]
        wait_until(lambda: brief.get(ticket).json.get("state") in ("finished", None))
        time.sleep(0.5)  # without asking: whoever asks keeps it
        assert brief.get(ticket).status == 404


def test_the_description_names_every_route_and_every_field() -> None:
    document = openapi.document(Service(limits=Limits(texts=7)))
    assert document["openapi"].startswith("3.1") and "At most 7 texts" in document["info"]["description"]
    assert set(document["paths"]) == {"/v1/detect", "/v1/jobs/{id}", "/v1/jobs/{id}/report", "/healthz", "/metrics"}
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if name == "Request":
            jsonschema.validate({"texts": [{"text": "a"}]}, schema)
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({"texts": [{"text": "a"}], "url": "x"}, schema)
    assert openapi.document(Service(token="x" * 40))["security"] == [{"token": []}]
    for path in document["paths"].values():
        for method in set(path) - {"parameters"}:
            assert path[method]["operationId"] and path[method]["responses"]


def test_the_description_is_served(fresh: Running) -> None:
    assert fresh.get("/openapi.json").json == json.loads(json.dumps(openapi.document(Service())))


def test_a_form_is_what_browsers_send() -> None:
    assert form([("a.txt", b"x")], {"text": "y"}).count(b"Content-Disposition") == 2
