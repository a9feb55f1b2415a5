"""The application on a socket: uvicorn, with the patience that it has not by itself for clients that are slow on purpose."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, silent
from llm_audit.serving.answers import Desk
from llm_audit.serving.app import application
from llm_audit.serving.jobs import Queue
from llm_audit.serving.metrics import Metrics
from llm_audit.serving.settings import Limits, Service
from llm_audit.serving.uploads import private_folder
from llm_audit.serving.worker import Worker
from llm_audit.setup import Setup

LONGEST_HEAD = 32_768
IDLE_SECONDS = 5
GRACE_SECONDS = 10


class Patient(H11Protocol):
    """HTTP/1.1 on a connection that is closed when the client takes too long to send a head, or to take an answer."""

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._head: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """The client sent something."""
        super().data_received(data)
        self._expect_head()

    def pause_writing(self) -> None:
        """The client takes less than it is given."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self._limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        for timer in (self._head, self._stuck):
            if timer is not None:
                timer.cancel()

    def _expect_head(self) -> None:
        """Start the clock unless a request is being answered; every byte that comes does not start it anew."""
        if self._answering:
            if self._head is not None:
                self._head.cancel()
                self._head = None
        elif self._head is None:
            self._head = self.loop.call_later(self._limits.head_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._head = None
        if not self._answering:
            self.transport.abort()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


@contextmanager
def server(service: Service, setup: Setup, progress: Progress = silent) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    """A server that is bound and not running yet, with its model being loaded; `run` it with its socket.

    No scores are kept on the disk, whatever the setup says: scores of tokens are the text itself.

    Raises:
        AuditError: the setup does not fit together, or the address cannot be bound.
    """
    service.check()
    with _bound(service) as bound, private_folder() as folder, replace(setup, cache=False).open(progress) as ready:
        queue = Queue(service.limits)
        metrics = Metrics(lambda: queue.busy, lambda: queue.kept)
        worker = Worker(queue, ready, metrics)
        desk = Desk(service, worker, folder)
        config = uvicorn.Config(
            application(service, desk, metrics),
            http=partial(Patient, limits=service.limits),  # type: ignore[arg-type]  # a class, or what makes its instances
            ws="none",
            lifespan="off",
            loop="asyncio",
            access_log=False,  # paths are keys to reports
            log_level="error",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=service.limits.connections,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )
        worker.start()
        try:
            yield uvicorn.Server(config), bound
        finally:
            worker.stop()
            desk.close()


def serve(
    service: Service, setup: Setup, progress: Progress = silent, on_bound: Callable[[str], None] = lambda url: None
) -> None:
    """Listen until a signal comes. `on_bound` gets the address of the page. Raises AuditError: see `server`."""
    with server(service, setup, progress) as (listening, bound):
        host, port = bound.getsockname()[:2]
        on_bound(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        with suppress(KeyboardInterrupt), _ended_like_by_ctrl_c():
            listening.run(sockets=[bound])


@contextmanager
def _ended_like_by_ctrl_c() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does: uvicorn raises it again at its end, which would skip our cleaning up."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _bound(service: Service) -> Iterator[socket.socket]:
    try:
        addresses = socket.getaddrinfo(service.host, service.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = addresses[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidConfiguration(f"Cannot listen on {service.host}: {error.strerror or error}.") from error
    with bound:
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(2048)  # from now on nobody is turned away; who comes before the server runs waits
        except OSError as error:
            why = f"{error.strerror or error}; take another --port"
            raise InvalidConfiguration(f"Cannot listen on {service.host}, port {service.port}: {why}.") from error
        yield bound
