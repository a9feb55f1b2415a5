"""Ten attacks on a server, each as an attacker would do it."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serving.conftest import BOUNDARY, ESSAY, Running, Start, form

TOKEN = "0123456789abcdef0123456789abcdef"


def raw(running: Running, request: bytes, *, seconds: float = 20) -> bytes:
    """All that comes back for bytes as they are."""
    with running.socket() as connection:
        connection.settimeout(seconds)
        connection.sendall(request)
        pieces = []
        try:
            while piece := connection.recv(65536):
                pieces.append(piece)
        except (TimeoutError, ConnectionResetError):
            pass
    return b"".join(pieces)


# 1. DNS rebinding: a page of evil.example makes its name lead to 127.0.0.1, and is then of the same origin.


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8417", "localhost.evil.example", "127.0.0.1.evil.example", ""])
@pytest.mark.parametrize("path", ["/", "/v1/jobs/x", "/metrics", "/healthz"])
def test_a_name_that_is_not_ours_gets_nothing(fresh: Running, host: str, path: str) -> None:
    answer = raw(fresh, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400")), answer[:200]
    assert b"csrf" not in answer


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:80", "192.168.1.7"])
def test_names_of_ours_and_addresses_are_answered(fresh: Running, host: str) -> None:
    assert raw(fresh, f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()).startswith(
        b"HTTP/1.1 200"
    )


def test_two_hosts_are_none(fresh: Running) -> None:
    both = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert raw(fresh, both).startswith((b"HTTP/1.1 421", b"HTTP/1.1 400"))


# 2. Cross-site requests: a page elsewhere sends a form, which browsers let it do, with the cookies if they may.


@pytest.mark.parametrize("path", ["/v1/detect", "/judge", "/login", "/jobs/x/forget"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused(fresh: Running, path: str, headers: dict[str, str]) -> None:
    fields = {"csrf": fresh.csrf(), "text": ESSAY}
    assert fresh.post_form(path, fields=fields, **headers).status == 403


def test_a_form_without_the_page_is_refused(fresh: Running) -> None:
    """Another program of this machine, or a browser that sends no origin: the form holds a secret of the session."""
    mine = fresh.csrf()
    for csrf in ("", "x", mine[:-1], Running(fresh.port).csrf()):
        answer = fresh.post_form("/judge", fields={"csrf": csrf, "text": ESSAY})
        assert answer.status == 403 and "load the page again" in answer.text, csrf
    assert fresh.post_form("/judge", fields={"csrf": mine, "text": ESSAY}).status == 303


def test_no_other_site_may_read_or_frame(fresh: Running) -> None:
    for path in ("/", "/healthz", "/v1/jobs/x", "/nothing"):
        headers = fresh.get(path, Origin="https://evil.example").headers
        assert not [name for name in headers if name.startswith("access-control")]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    assert "SameSite=Strict" in Running(fresh.port).get("/").headers["set-cookie"]


# 3. Path traversal: the name of an upload is a path to a file of the server.

PATHS = [
    "../../../etc/passwd",
    "..\\..\\windows.txt",
    "/etc/passwd",
    "a/../../b.txt",
    "C:\\x\\y.txt",
    "..",
    ".",
    "/",
    "\x01.txt",
    "~/.ssh/id",
]


@pytest.mark.parametrize("name", PATHS)
def test_a_name_never_leads_anywhere(fresh: Running, name: str, tmp_path: Path) -> None:
    before = set(Path(tempfile.gettempdir()).parent.iterdir())
    answer = fresh.post_form("/v1/detect", [(name.replace("\\", "\\\\"), ESSAY.encode())])
    (document,) = answer.json["subjects"]
    assert "/" not in document["name"] and document["verdict"] != "error"
    assert set(Path(tempfile.gettempdir()).parent.iterdir()) == before


@pytest.mark.parametrize(
    "path", ["/v1/jobs/../../etc/passwd", "/v1/jobs/%2e%2e%2fetc%2fpasswd", "/jobs/%00", "//etc/passwd", "/style.css/.."]
)
def test_an_address_never_leads_to_a_file(fresh: Running, path: str) -> None:
    answer = fresh.get(path)
    assert answer.status == 404 and b"root:" not in answer.body


# 4. Zip bombs: little that becomes much.


def test_a_zip_bomb_costs_one_text_and_nothing_else(fresh: Running) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 200_000_000)
    assert len(bomb.getvalue()) < 300_000
    answer = fresh.post_form("/v1/detect", [("bomb.docx", bomb.getvalue()), ("essay.txt", ESSAY.encode())])
    first, second = answer.json["subjects"]
    assert first["verdict"] == "error" and second["verdict"] != "error", first["summary"]


def test_a_packed_body_is_not_unpacked(fresh: Running) -> None:
    answer = fresh.ask("POST", "/v1/detect", b"\x1f\x8b" + b"0" * 100, Content_Type="application/json", Content_Encoding="gzip")
    assert answer.status == 422


# 5. A body of a gigabyte.


def test_a_gigabyte_is_refused_before_it_is_sent(fresh: Running) -> None:
    head = (
        b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n"
    )
    began = time.monotonic()
    assert raw(fresh, head).startswith(b"HTTP/1.1 413")
    assert time.monotonic() - began < 10


def test_a_gigabyte_that_does_not_say_so_is_cut_off(start: Start) -> None:
    with start(size=1_000_000) as small:
        kind = b"Content-Type: application/json\r\nTransfer-Encoding: chunked"
        head = b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\n" + kind + b"\r\n\r\n"
        sent = 0
        with small.socket() as connection:
            connection.sendall(head)
            try:
                while sent < 1_000_000_000:
                    connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                    sent += 0x10000
            except OSError:
                pass
        assert sent < 50_000_000
        assert small.detect("Too short.").status == 200


def test_too_many_texts_are_refused(start: Start) -> None:
    with start(texts=3) as small:
        assert small.detect("a", "b", "c").status == 200
        assert small.detect("a", "b", "c", "d").status == 413
        assert small.post_form("/v1/detect", [(f"{n}.txt", b"x") for n in range(4)]).status == 400


# 6. Slowloris: connections that send a byte now and then, and never end.


def test_slow_heads_slow_bodies_and_slow_readers_are_cut_off(start: Start) -> None:
    with start(head_seconds=1, body_seconds=1, send_seconds=1) as hurried:
        slow = [hurried.socket() for _ in range(50)]
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-a: ")
        body = hurried.socket()
        body.sendall(
            b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        )
        began = time.monotonic()
        with_a_byte = hurried.socket()
        closed = False
        while not closed and time.monotonic() - began < 15:
            try:
                with_a_byte.sendall(b"G")
            except OSError:
                closed = True
            time.sleep(0.2)
        assert closed
        for connection in slow:
            assert connection.recv(100) == b""
            connection.close()
        assert body.recv(100).startswith(b"HTTP/1.1 408")
        body.close()
        with_a_byte.close()
        assert hurried.get("/healthz").status == 200


def test_half_a_head_after_an_answer_is_cut_off_too(start: Start) -> None:
    with start(head_seconds=1) as hurried, hurried.socket() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"ready" not in answer:
            answer += connection.recv(65536)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        connection.settimeout(10)
        assert connection.recv(100) == b""


def test_a_reader_that_does_not_read_is_left(start: Start) -> None:
    with start(send_seconds=1) as hurried:
        with hurried.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
            try:
                connection.settimeout(10)
                for _ in range(2000):  # pipelined: more answers than any buffer holds
                    connection.sendall(request)
                time.sleep(3)
                left = False
                for _ in range(100):
                    connection.sendall(request)
                    time.sleep(0.05)
            except OSError:
                left = True
        assert left
        assert hurried.get("/healthz").status == 200


# 7. Header injection: line breaks in what is sent, to write into the head of the answer.

LINES = "x%0d%0aSet-Cookie:%20evil=1"


@pytest.mark.parametrize(
    "path", [f"/{LINES}", f"/v1/jobs/{LINES}", f"/jobs/{LINES}/class.csv", f"/?a={LINES}", f"/jobs/x?sort={LINES}"]
)
def test_no_line_break_reaches_a_head(fresh: Running, path: str) -> None:
    answer = raw(fresh, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head = answer.partition(b"\r\n\r\n")[0]
    assert b"evil" not in head


def test_a_name_with_line_breaks_reaches_no_head(fresh: Running) -> None:
    fields = {"csrf": fresh.csrf()}
    job = fresh.post_form("/judge", [("a%0d%0aSet-Cookie: evil=1\t.txt", ESSAY.encode())], fields).headers["location"]
    wait_for(fresh, job)
    for path in ("/class.csv", "/report", "/class"):
        headers = fresh.get(job + path).headers
        assert "evil" not in str(headers)
    assert fresh.get(job + "/class.csv").headers["content-disposition"] == 'attachment; filename="class.csv"'


# 8. Scripts in names and texts.

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_no_name_and_no_text_becomes_markup(fresh: Running) -> None:
    text = f"{ESSAY}\n{SCRIPT}\n"
    files = [(f"{SCRIPT.replace('/', '')}.txt", text.encode()), ("'onmouseover='alert(3)'.txt", text.encode())]
    job = fresh.post_form("/judge", files, {"csrf": fresh.csrf()}).headers["location"]
    pages = [fresh.get(job).text]
    wait_for(fresh, job)
    pages += [fresh.get(job + path).text for path in ("", "?sort=<script>", "/report", "/class")]
    pages.append(fresh.get("/<script>alert(1)</script>").text)
    for page in pages:
        scripts = re.findall(r"<script[^>]*>", page)
        assert all(script == '<script src="/page.js" defer>' for script in scripts), scripts
        assert "<img" not in page and not re.search(r"<[^>]*\son\w+=", page)
    policy = fresh.get(job).headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert "script-src" not in fresh.get(job + "/report").headers["content-security-policy"]  # none at all


def test_a_formula_in_a_name_is_text_in_the_table(fresh: Running) -> None:
    job = fresh.post_form("/judge", [("=HYPERLINK(1).txt", ESSAY.encode())], {"csrf": fresh.csrf()}).headers["location"]
    wait_for(fresh, job)
    assert "\r\n'=HYPERLINK(1).txt," in fresh.get(job + "/class.csv").text


# 9. Token guessing.


def test_without_the_token_nothing_is_answered_and_guesses_are_counted(start: Start) -> None:
    with start(token=TOKEN) as locked:
        stranger = Running(locked.port)
        for path in ("/v1/jobs/x", "/metrics"):
            assert stranger.get(path).status == 401
        assert stranger.detect(ESSAY).status == 401
        assert stranger.get("/").headers["location"] == "/login"
        assert stranger.post_form("/judge", fields={"text": ESSAY}).status == 401
        assert stranger.get("/healthz").json == {"status": "ready"}
        assert locked.detect(ESSAY).status == 200
        statuses = [stranger.get("/metrics", Authorization=f"Bearer {TOKEN[:-1]}{n}").status for n in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        late = stranger.get("/metrics", Authorization=f"Bearer {TOKEN}")
        assert late.status == 429 and late.headers["retry-after"] == "60"  # or guessing would go on


def test_a_browser_signs_in_with_the_token(start: Start) -> None:
    with start(token=TOKEN) as locked:
        browser = Running(locked.port)
        csrf = browser.csrf("/login")
        before = dict(browser.cookies)
        assert browser.post_form("/login", fields={"token": "wrong" * 5, "csrf": csrf}).status == 401
        assert browser.post_form("/login", fields={"token": TOKEN, "csrf": "x"}).status == 403
        assert browser.get("/").status == 303
        assert browser.post_form("/login", fields={"token": TOKEN, "csrf": csrf}).headers["location"] == "/"
        assert browser.cookies != before  # a session that somebody planted stays outside
        assert browser.get("/").status == 200
        assert Running(locked.port, cookies=before).get("/").status == 303
        assert browser.detect(ESSAY).status == 401  # a cookie opens pages, never the API


# 10. Requests that the server is made to send.


@contextmanager
def trap() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine, and what comes to it."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    came.append(connection.recv(1000))

        thread = threading.Thread(target=listen)
        thread.start()
        yield listening.getsockname()[1], came
        ended.set()
        thread.join()


def test_nothing_in_a_request_makes_the_server_ask_somebody(fresh: Running) -> None:
    with trap() as (port, came):
        url = f"http://127.0.0.1:{port}/secret"
        html = f"<img src={url}><link rel=stylesheet href={url}><iframe src={url}></iframe><p>{ESSAY}</p>".encode()
        markdown = f"![x]({url})\n\n{ESSAY}".encode()
        files = [("page.html", html), ("page.md", markdown), (f"{url}.txt", ESSAY.encode())]
        job = fresh.post_form("/judge", files, {"csrf": fresh.csrf()}).headers["location"]
        wait_for(fresh, job)
        for path in ("/report", "/class", "/class.csv", "/class.pdf"):
            assert fresh.get(job + path).status == 200
        for more in (
            {"url": url},
            {"callback": url},
            {"model": url},
            {"texts": [{"url": url}]},
            {"texts": [{"text": "a", "path": "/etc/passwd"}]},
        ):
            answer = fresh.post_json({"texts": [{"text": ESSAY}], **more})
            assert answer.status == 422 and url not in answer.text
        assert fresh.detect(url).status == 200
        assert fresh.get(f"{url}/x").status == 404  # no proxy
        assert raw(fresh, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())[
            9:12
        ] in (b"403", b"404", b"405", b"400")
        time.sleep(0.3)
        assert came == []


# And what none of them may leave.


def test_nothing_of_a_text_is_logged_or_left_on_the_disk(
    start: Start, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "xylophonequartz"
    caplog.set_level(logging.DEBUG)
    with start() as own:
        (folder,) = (
            path for path in Path(tempfile.gettempdir()).parent.glob("llm-audit-serve-*") if path == Path(tempfile.gettempdir())
        )
        assert folder.stat().st_mode & 0o777 == 0o700
        body = f"{ESSAY} {secret}"
        own.detect(body)
        own.post_form("/v1/detect", [(f"{secret}.txt", body.encode()), (f"{secret}.docx", b"PK\x03\x04" + body.encode())])
        own.post_json({"texts": [{"text": body, secret: 1}]})
        own.post_form("/v1/detect", [(f"{secret}.csv", body.encode())])
        own.ask(
            "POST",
            "/v1/detect",
            form([("a.txt", body.encode())], {})[:-20],
            Content_Type=f"multipart/form-data; boundary={BOUNDARY}",
        )
        own.ask("POST", "/v1/detect", json.dumps({"texts": body})[:-5], Content_Type="application/json")
        own.get(f"/v1/jobs/{secret}")
        assert [path.name for path in folder.iterdir()] == [".lock"]
        assert secret not in own.get("/metrics").text
    assert not folder.exists()
    assert secret not in caplog.text
    out, err = capfd.readouterr()
    assert secret not in out + err


def wait_for(running: Running, job: str) -> None:
    deadline = time.monotonic() + 120
    while running.get(f"{job}/state").json["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert running.get(f"{job}/state").json["state"] == "finished"
