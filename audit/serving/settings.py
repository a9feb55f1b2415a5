"""Settings of a server: where it listens, who may use it, and its limits."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from llm_audit.common.errors import InvalidConfiguration

SHORTEST_TOKEN = 20
"""Fewest characters of a token; a shorter one can be guessed."""

TOKEN = "LLM_AUDIT_TOKEN"
"""The environment variable that holds the token; a command line can be read by everybody on the machine."""


@dataclass(frozen=True)
class Limits:
    """Limits of a server, so that no request can exhaust it.

    Attributes:
        size: bytes of a request.
        texts: of a request.
        seconds: to judge one text.
        waiting: requests that are read or not answered yet; more are told to come back.
        held: bytes of all requests that are read or not answered yet, and as many of those whose answers are kept; a single
            one is taken whatever its size.
        kept: most finished answers that are kept; the oldest are dropped.
        kept_seconds: seconds that an answer is kept after it was last asked for.
        head_seconds: to send the head of a request.
        body_seconds: to send the body of a request.
        send_seconds: to take a piece of the answer.
        connections: open at a time.
    """

    size: int = 50_000_000
    texts: int = 100
    seconds: float = 300.0
    waiting: int = 64
    held: int = 200_000_000
    kept: int = 64
    kept_seconds: float = 3600.0
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    send_seconds: float = 30.0
    connections: int = 1000


@dataclass(frozen=True)
class Service:
    """Configuration of a server: where it listens and who may use it.

    Attributes:
        host: address to bind to.
        port: 0: any that is free.
        token: that everybody must show; None: nobody needs one, which is for this machine alone.
        names: further names under which the server is reached, such as that of a proxy in front of it.
        alpha: where a request names none.
        limits: of what it takes.
    """

    host: str = "127.0.0.1"
    port: int = 8417
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    alpha: float = 0.01
    limits: Limits = Limits()

    def check(self) -> None:
        """Refuse what is not safe. Raises InvalidConfiguration."""
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii() or " " in self.token):
            raise InvalidConfiguration(
                f"The token in {TOKEN} can be guessed: take at least {SHORTEST_TOKEN} letters and digits, "
                "such as `openssl rand -hex 32` prints."
            )
        if self.token is None and not is_loopback(self.host):
            raise InvalidConfiguration(
                f"Others can reach {self.host}, so a token is needed: set {TOKEN} to what `openssl rand -hex 32` prints."
            )

    def is_ours(self, name: str) -> bool:
        """Whether a `Host` header names this server.

        An address does, whichever it is: only names can be made to lead elsewhere (DNS rebinding).
        """
        bare = _without_port(name).lower().rstrip(".")
        return bare == "localhost" or bare in {self.host.lower(), *(alias.lower() for alias in self.names)} or _address(bare)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_port(name: str) -> str:
    host, colon, port = name.rpartition(":")
    return host if colon and port.isdecimal() and not (":" in host and not host.endswith("]")) else name


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
