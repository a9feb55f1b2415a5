"""One HTTP exchange, bounded in time and size whatever the server does. Knows nothing about models."""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import zlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx2

from llm_audit.endpoints.records import FailureKind

LARGEST = 16 * 2**20
"""Most bytes of an answer, decompressed."""

LARGEST_REFUSAL = 2**16
"""Most bytes that are read of an answer whose status says that it is none."""

CONNECT = 10.0
"""Most seconds for making a connection, where the whole exchange may take longer."""


class Answer(NamedTuple):
    """Response of the server. A body that is not UTF-8 has lone surrogates (`surrogateescape`)."""

    status: int
    headers: Mapping[str, str]
    body: str


class Broken(Exception):
    """Raised when no complete answer came; the message is a sentence, which may quote the server."""

    def __init__(self, kind: FailureKind, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.status = kind, reason, status


class Line:
    """One connection to a server, used again and again; for one thread, but for `cut`."""

    def __init__(self, context: ssl.SSLContext, headers: Mapping[str, str], timeout: float) -> None:
        """Open a connection; `headers` go with every request, and a whole exchange may take `timeout` seconds."""
        self._timeout = self._seconds = timeout
        self._client = httpx2.Client(
            verify=context,
            headers={**headers, "Accept-Encoding": "gzip"},
            timeout=httpx2.Timeout(timeout, connect=min(CONNECT, timeout)),
            limits=httpx2.Limits(max_connections=1),
            follow_redirects=False,
        )
        self._socket: socket.socket | None = None
        self._late = self._cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def cut(self) -> None:
        """End the exchange in progress, and every later one, from another thread."""
        self._cut = True
        self._shut()

    def post(self, url: str, body: bytes, seconds: float = math.inf) -> Answer:
        """Send a JSON body and read the whole answer, within `seconds` if these are fewer than the line's own.

        Raises:
            Broken: there is none.
        """
        self._late, self._seconds = False, min(seconds, self._timeout)
        # A timeout of httpx2 is one per read, which a server that drips bytes never exceeds.
        watch = threading.Timer(self._seconds, self._expire)
        watch.daemon = True
        watch.start()
        try:
            headers = {"Content-Type": "application/json"}
            extensions = {"trace": self._trace}
            with self._client.stream("POST", url, content=body, headers=headers, extensions=extensions) as response:
                content = self._read(response)
            if self._late or self._cut:
                raise self._ended()
            return Answer(response.status_code, response.headers, content.decode("utf-8", "surrogateescape"))
        except (httpx2.TransportError, OSError, ValueError) as error:
            raise self._broken(error) from None
        finally:
            watch.cancel()

    def _read(self, response: httpx2.Response) -> bytes:
        if response.status_code == 200:
            return _unpacked(response, LARGEST)
        try:
            return _unpacked(response, LARGEST_REFUSAL, whole=False)
        except Broken:
            return b""  # the status says enough

    def _broken(self, error: Exception) -> Broken:
        if self._late or self._cut or isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout):
            return self._ended()
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Broken("tls", "The certificate of the server is not trusted, or is not for this host.")
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
            return Broken("unreachable", f"No connection to the server: {str(error).rstrip('.')}.")
        return Broken("connection", f"The connection broke off: {str(error).rstrip('.') or type(error).__name__}.")

    def _ended(self) -> Broken:
        if self._cut:
            return Broken("interrupted", "The run was ended before the answer came.")
        return Broken("timeout", f"There was no whole answer within {self._seconds:g} seconds.")

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep the socket of each new connection, so that it can be shut down from outside."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._late or self._cut:
                self._shut()

    def _expire(self) -> None:
        self._late = True
        self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # not that of a TLS socket, which first changes itself


def _unpacked(response: httpx2.Response, most: int, *, whole: bool = True) -> bytes:
    """The decompressed body, of at most so many bytes; if not `whole`, its beginning where it has more.

    Done here because httpx2 sets no bound: a gzip bomb is stopped as soon as it is too large.
    """
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Broken("malformed", f"The answer is packed as {packing[:40]!r}, which was not asked for.", response.status_code)
    unpack = None if packing in ("", "identity") else zlib.decompressobj(47)  # either kind of header
    content, received = bytearray(), 0
    for chunk in response.iter_raw():
        received += len(chunk)  # more than that may follow the end of what was packed
        try:
            content += unpack.decompress(chunk, most + 1 - len(content)) if unpack else chunk
        except zlib.error:
            raise Broken("malformed", "The answer cannot be unpacked.", response.status_code) from None
        if max(len(content), received) > most:
            if not whole:
                return bytes(content[:most])
            raise Broken("too large", f"The answer has more than {most >> 20} MB.", response.status_code)
    if unpack and content and not unpack.eof:
        raise Broken("malformed", "The packed answer is cut off.", response.status_code)
    return bytes(content)
