"""A real server on a real socket, with a real model that is tiny: nothing of what is tested is replaced."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import llm_audit
from llm_audit.serving.server import server
from llm_audit.serving.settings import Limits, Service
from tests.cli.conftest import tiny_root
from tests.cli.tool import HUMAN

__all__ = ["tiny_root"]  # a fixture

ESSAY = Path(HUMAN).read_text(encoding="utf-8")
BOUNDARY = "a-boundary-of-ours"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        return str(self.json["error"])


@dataclass
class Running:
    """A server that runs, and ways to ask it."""

    port: int
    token: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """Send a request; names of headers with "_" for "-"."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()
        if "set-cookie" in found.headers:
            name, _, value = found.headers["set-cookie"].partition(";")[0].partition("=")
            self.cookies[name] = value
        return found

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post_json(self, content: Any, path: str = "/v1/detect", **headers: str) -> Answer:
        return self.ask("POST", path, json.dumps(content), Content_Type="application/json", **headers)

    def detect(self, *texts: str, **headers: str) -> Answer:
        """Judge texts by the API."""
        return self.post_json(
            {"texts": [{"name": f"text {number}", "text": text} for number, text in enumerate(texts)]}, **headers
        )

    def post_form(
        self, path: str, files: list[tuple[str, bytes]] | None = None, fields: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        """Send a form; names of files go out as they are."""
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.ask("POST", path, form(files or [], fields or {}), Content_Type=kind, **headers)

    def csrf(self, path: str = "/") -> str:
        """What a form of the page holds."""
        return self.get(path).text.partition('name="csrf" value="')[2].partition('"')[0]

    def socket(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


def form(files: list[tuple[str, bytes]], fields: dict[str, str]) -> bytes:
    """The body of a form."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode(
            "utf-8", "surrogateescape"
        )
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


Start = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def start(tiny_root: Path, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A context manager: a server of its own. Keywords are limits, or fields of `Service`."""

    @contextmanager
    def started(
        *, token: str | None = None, names: tuple[str, ...] = (), host: str = "127.0.0.1", **limits: Any
    ) -> Iterator[Running]:
        service = Service(host, 0, token, names, limits=Limits(**limits))
        setup = llm_audit.Setup(model=str(tiny_llama), population="own", offline=True)
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
            patch.setenv("LLM_AUDIT_CACHE", str(tiny_root / "cache"))
            patch.setenv("LLM_AUDIT_DATA", str(tiny_root / "data"))
            listening, bound = stack.enter_context(server(service, setup))
            thread = threading.Thread(target=listening.run, kwargs={"sockets": [bound]})
            thread.start()
            stack.callback(thread.join)
            stack.callback(setattr, listening, "should_exit", True)
            running = Running(bound.getsockname()[1], token)
            wait_until(lambda: running.get("/healthz").status == 200)
            yield running

    return started


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Running]:
    """A server without a token, for the tests of a module."""
    with start() as started:
        yield started


@pytest.fixture
def fresh(running: Running) -> Running:
    """The same server, asked by somebody whom it does not know yet."""
    return Running(running.port, running.token)


def wait_until(done: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)
