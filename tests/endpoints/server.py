"""A server on the loopback interface that answers as a test tells it to, byte by byte if need be."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test/0123456789-do-not-tell"


@dataclass
class Exchange:
    """One request, and the means to answer it."""

    handler: BaseHTTPRequestHandler
    number: int
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    ending: threading.Event

    def send(self, status: int, body: bytes | str | dict[str, Any], length: int | None = None, **headers: str) -> None:
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.send_header("Content-Length", str(len(content) if length is None else length))
        self.handler.end_headers()
        self.handler.wfile.write(content)
        if length is not None:
            self.handler.close_connection = True

    def raw(self, content: bytes, every: float = 0.0) -> None:
        """These bytes as they are; with pauses, one by one."""
        if not every:
            self.handler.wfile.write(content)
        for byte in content if every else b"":
            self.handler.wfile.write(bytes([byte]))
            if self.ending.wait(every):
                break
        self.handler.close_connection = True

    def reset(self) -> None:
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()
        self.handler.close_connection = True


Behaviour = Callable[[Exchange], None]


@dataclass
class Server:
    """What runs: its address, and what it was sent."""

    url: str
    seen: list[Exchange] = field(default_factory=list)

    def prompts(self) -> list[str]:
        return [prompt_of(exchange.body) for exchange in self.seen]


def prompt_of(body: dict[str, Any]) -> str:
    prompt: str = body["prompt"] if "prompt" in body else body["messages"][0]["content"]
    return prompt


@contextmanager
def serving(behave: Behaviour) -> Iterator[Server]:
    """Answer every request by `behave`, each connection in a thread of its own."""
    lock, ending = threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                exchange = Exchange(self, len(server.seen), self.path, dict(self.headers.items()), body, ending)
                server.seen.append(exchange)
            with suppress(OSError):  # a client that has had enough
                behave(exchange)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    class Threads(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Threads(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_address[1]}/v1")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            ending.set()
            http.shutdown()
            thread.join()


def answer(text: str = " yes", logprob: float = -0.1, **changes: Any) -> dict[str, Any]:
    """A sound answer of one token with two alternatives, as llama.cpp writes it on both surfaces."""

    def token(of: str, number: int, value: float) -> dict[str, Any]:
        return {"token": of, "id": number, "bytes": list(of.encode()), "logprob": value}

    top = [token(text, 1, logprob), token(" no", 2, -3.0)]
    choice = {
        "text": text,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "length",
        "logprobs": {"content": [token(text, 1, logprob) | {"top_logprobs": top}]},
    }
    return {
        "model": "served",
        "system_fingerprint": "fp_1",
        "choices": [choice],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1},
    } | changes


def fine(exchange: Exchange) -> None:
    """An answer that tells which question it is of."""
    exchange.send(200, answer(f" to {prompt_of(exchange.body)}"))
