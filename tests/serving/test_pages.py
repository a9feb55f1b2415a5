"""The pages as HTTP: forms, states, reports. In a browser they are in tests/e2e/test_serve.py."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.serving.conftest import ESSAY, Running, Start, wait_until


def judged(browser: Running, *texts: str) -> str:
    """The address of a finished job."""
    files = [(f"text-{number}.txt", text.encode()) for number, text in enumerate(texts)]
    answer = browser.post_form("/judge", files, {"csrf": browser.csrf()})
    assert answer.status == 303, answer.text
    job = answer.headers["location"]
    wait_until(lambda: browser.get(f"{job}/state").json["state"] == "finished")
    return job


def test_a_form_leads_to_verdicts_reports_a_table_and_paper(fresh: Running) -> None:
    job = judged(fresh, ESSAY, "Too short.", "")
    page = fresh.get(job).text
    assert "3 texts judged" in page and "What this does not prove" in page
    assert re.findall(r"<bdi>(.*?)</bdi>", page)[0] in ("text-0.txt", "text-2.txt")
    assert fresh.get(f"{job}/report").text.startswith("<!DOCTYPE html>")
    assert 'id="text-3"' in fresh.get(f"{job}/class").text
    table = fresh.get(f"{job}/class.csv")
    assert table.body.startswith(b"\xef\xbb\xbfdocument,verdict,") and "attachment" in table.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff"))))
    assert [row["document"] for row in rows[:-1]] == ["text-0.txt", "text-1.txt", "text-2.txt"]
    assert [row["verdict"] for row in rows[1:-1]] == ["Not assessable", "Unreadable"]
    assert rows[0]["words"] == str(len(ESSAY.split()))
    assert fresh.get(f"{job}/class.pdf").body.startswith(b"%PDF-")


@pytest.mark.parametrize("by", ["verdict", "name", "share", "words", "nothing"])
def test_verdicts_are_sorted_by_a_link(fresh: Running, by: str) -> None:
    job = judged(fresh, ESSAY[:800], ESSAY)
    names = re.findall(r"<bdi>(.*?)</bdi>", fresh.get(f"{job}?sort={by}").text)
    assert sorted(names) == ["text-0.txt", "text-1.txt"]
    if by == "words":
        assert names == ["text-1.txt", "text-0.txt"]
    if by == "name":
        assert names == ["text-0.txt", "text-1.txt"]


def test_a_page_that_waits_loads_itself_again_without_script(start: Start) -> None:
    with start() as own:
        job = own.post_form("/judge", [(f"{n}.txt", f"{n} {ESSAY}".encode()) for n in range(60)], {"csrf": own.csrf()})
        page = own.get(job.headers["location"]).text
        assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
        assert "of 60 texts judged." in page and "<progress" in page
        assert own.get(job.headers["location"] + "/report").status == 409
        assert own.post_form(job.headers["location"] + "/forget", fields={"csrf": own.csrf()}).status == 303
        assert own.get(job.headers["location"]).status == 404


def test_a_job_is_its_browsers_alone(fresh: Running) -> None:
    job = judged(fresh, ESSAY)
    other = Running(fresh.port)
    for path in ("", "/state", "/report", "/class", "/class.csv", "/class.pdf"):
        assert other.get(job + path).status == 404
    assert other.post_form(job + "/forget", fields={"csrf": other.csrf()}).status == 404
    assert other.get("/v1" + job).status == 404  # nor a program's
    ticket = other.detect("Too short.", Prefer="respond-async").headers["location"]
    assert fresh.get(ticket.removeprefix("/v1")).status == 404


def test_forgotten_texts_are_gone(fresh: Running) -> None:
    job = judged(fresh, ESSAY)
    assert fresh.post_form(job + "/forget", fields={"csrf": "x"}).status == 403
    assert fresh.post_form(job + "/forget", fields={"csrf": fresh.csrf()}).headers["location"] == "/"
    answer = fresh.get(job)
    assert answer.status == 404 and "judge them again" in answer.text


def test_an_empty_form_is_told_what_is_missing(fresh: Running) -> None:
    answer = fresh.post_form("/judge", [("", b"")], {"csrf": fresh.csrf(), "text": "  "})
    assert answer.status == 422 and "choose files, or paste a text" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_pages_ask_nobody_else_for_anything(fresh: Running) -> None:
    job = judged(fresh, ESSAY)
    for path in ("/", "/login", job, f"{job}/report", f"{job}/class", "/nothing"):
        page = fresh.get(path).text
        for address in re.findall(r"(?:src|href|action)=\"?([^\"\s>]+)", page):
            assert address.startswith(("/", "#", "?")) and not address.startswith("//"), address
    assert "http" not in fresh.get("/page.js").text and "url(" not in fresh.get("/style.css").text


def test_reports_in_a_frame_run_no_script(fresh: Running) -> None:
    job = judged(fresh, ESSAY)
    assert re.search(r"<iframe [^>]*\bsandbox></iframe>", fresh.get(job).text)
    for path in ("/report", "/class"):
        policy = fresh.get(job + path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "script-src" not in policy
