"""Access control: every request is checked here before any of it is read.

A request must name this server (DNS rebinding), must not come from a page of somebody else (cross-site requests), must show
the token if there is one, and must not be too large or too slow. Whatever goes wrong behind is answered with one sentence and
logged without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_audit.serving.metrics import Metrics
from llm_audit.serving.settings import Service
from llm_audit.serving.uploads import Refused
from llm_audit.serving.worker import report_bug

COOKIE = "llm_audit_session"
OPEN = frozenset({"/healthz", "/login", "/style.css", "/page.js", "/openapi.json"})
"""Paths that need no token, because none of them reveals anything about a text."""

MACHINE = ("/v1/", "/metrics", "/healthz", "/openapi.json")
"""Prefixes of the paths that are for programs; the others are pages."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none at all, browsers do not say where a form comes from, either
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)

MOST_GUESSES, GUESS_SECONDS, MOST_ADDRESSES = 10, 60.0, 10_000
SIGNED_IN_SECONDS, MOST_SIGNED_IN = 12 * 3600.0, 1000

Answer = Callable[[Scope, int, str, dict[str, str]], Response]
"""Function that makes the response to an error, from the request, a status, a sentence and headers."""


class Keys:
    """The token, and the sessions of browsers that have shown it. Sessions end with the process."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else hashlib.sha256(token.encode()).digest()
        self._secret = secrets.token_bytes(32)
        self._signed_in: OrderedDict[str, float] = OrderedDict()
        self._guesses: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def needed(self) -> bool:
        """Whether there is a token."""
        return self._token is not None

    def opens(self, token: str, address: str) -> bool:
        """Whether this is the token. Raises Refused, even for the right token, after too many wrong guesses from an address."""
        now = time.monotonic()
        guesses = self._guesses.setdefault(address, deque())
        while guesses and now - guesses[0] > GUESS_SECONDS:
            guesses.popleft()
        if len(guesses) >= MOST_GUESSES:
            raise Refused(429, "Too many wrong tokens came from your address: wait a minute.", 60)
        right = self._token is not None and hmac.compare_digest(
            hashlib.sha256(token.encode("utf-8", "replace")).digest(), self._token
        )
        if right:
            del self._guesses[address]
        else:
            guesses.append(now)
            self._guesses.move_to_end(address)
            while len(self._guesses) > MOST_ADDRESSES:
                self._guesses.popitem(last=False)
        return right

    def new_session(self, *, signed_in: bool = False) -> str:
        """A new session that cannot be forged: a random name, signed by this process."""
        name = secrets.token_urlsafe(24)
        session = f"{name}.{self._sign('session', name)}"
        if signed_in:
            self._signed_in[session] = time.monotonic() + SIGNED_IN_SECONDS
            while len(self._signed_in) > MOST_SIGNED_IN:
                self._signed_in.popitem(last=False)
        return session

    def is_ours(self, session: str) -> bool:
        """Whether this process has given the session out."""
        name, _, signature = session.partition(".")
        return hmac.compare_digest(signature.encode(), self._sign("session", name).encode())

    def is_signed_in(self, session: str) -> bool:
        """Whether the token was shown in this session; always, if there is no token."""
        return not self.needed or self._signed_in.get(session, 0.0) > time.monotonic()

    def csrf(self, session: str) -> str:
        """The CSRF token that a form on a page of this session must contain."""
        return self._sign("form", session)

    def check_form(self, session: str, token: str) -> None:
        """Refuse a form that is not from a page of this session. Raises Refused."""
        if not hmac.compare_digest(self.csrf(session).encode(), token.encode("utf-8", "replace")):
            raise Refused(403, "This form is not from a page of this server, or too old: load the page again.")

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


class Guard:
    """The application behind these checks."""

    def __init__(self, app: ASGIApp, service: Service, keys: Keys, metrics: Metrics, answer: Answer) -> None:
        self.app, self.service, self.keys, self.metrics, self.answer = app, service, keys, metrics, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started, status = False, 0
        scope["app"] = self.app  # its errors are raised, then, and answered here
        new_cookie = self._session(scope)

        async def guarded_send(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                self._add_headers(MutableHeaders(scope=message), scope, new_cookie)
            await send(message)

        try:
            try:
                self._check(scope)
                await self.app(scope, self._counted(receive), guarded_send)
            except Refused as refusal:
                await self._refuse(scope, receive, guarded_send, started, refusal)
            except HTTPException as error:
                await self._refuse(
                    scope, receive, guarded_send, started, Refused(error.status_code, f"{error.detail.rstrip('.')}.")
                )
            except ClientDisconnect:
                status = 499
            except Exception as error:
                report_bug(error)
                failure = Refused(500, "The server failed; the log says where.")
                await self._refuse(scope, receive, guarded_send, started, failure)
        finally:
            route = scope.get("route")
            self.metrics.answered(getattr(route, "path", "none"), status)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, started: bool, refusal: Refused) -> None:
        if started:  # the server closes the connection: half an answer must not look like a whole one
            return
        headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
        if scope["method"] == "POST":
            headers["connection"] = "close"  # what else is sent is not read
        await self.answer(scope, refusal.status, refusal.sentence, headers)(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.service.is_ours(hosts[0]):
            raise Refused(421, "This server has another name. Its operator can allow this one with --allow-host.")
        if scope["method"] not in ("GET", "HEAD"):
            _check_same_site(headers, hosts[0])
        length = headers.get("content-length")
        if length is not None and length.isdecimal() and int(length) > self.service.limits.size:
            raise self._too_large()
        if not self.keys.needed or path in OPEN:
            return
        if path.startswith(MACHINE):
            kind, _, token = headers.get("authorization", "").partition(" ")
            address = (scope.get("client") or ("", 0))[0]
            if kind.lower() != "bearer" or not token.strip():
                raise Refused(401, "A token is needed: send `Authorization: Bearer TOKEN`.")
            if not self.keys.opens(token.strip(), address):
                raise Refused(401, "This is not the token.")
        elif not self.keys.is_signed_in(scope["session_id"]):
            raise Refused(401, "Sign in first.")

    def _session(self, scope: Scope) -> bool:
        """Put the browser's session into the scope; True: it has none of ours yet, and needs a cookie."""
        try:
            cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        session = cookies[COOKIE].value if COOKIE in cookies else ""
        known = self.keys.is_ours(session)
        scope["session_id"] = session if known else self.keys.new_session()
        return not known and not scope["path"].startswith(MACHINE) and scope["path"] not in OPEN - {"/login"}

    def _add_headers(self, headers: MutableHeaders, scope: Scope, new_cookie: bool) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("content-security-policy", POLICY)
        if new_cookie and "set-cookie" not in headers:
            headers.append("set-cookie", cookie(scope["session_id"], secure=scope.get("scheme") == "https"))

    def _counted(self, receive: Receive) -> Callable[[], Awaitable[Message]]:
        """The body, up to its limits: a sender need not say beforehand how much is coming, or how slowly."""
        size, whole = 0, False
        limit = self.service.limits.body_seconds
        deadline = asyncio.get_running_loop().time() + limit

        async def counted() -> Message:
            nonlocal size, whole
            try:
                async with asyncio.timeout_at(None if whole else deadline):
                    message = await receive()
            except TimeoutError:
                raise Refused(408, f"The request was not sent within {limit:g} seconds.") from None
            whole = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > self.service.limits.size:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> Refused:
        return Refused(413, f"The request is larger than {self.service.limits.size / 1e6:g} MB: send fewer files at a time.")


def cookie(session: str, *, secure: bool) -> str:
    """The header that gives a browser its session: for this server's pages alone, and no script can read it."""
    return f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"


def _check_same_site(headers: Headers, host: str) -> None:
    """Refuse what a page of another site sends: browsers say where it comes from. Raises Refused."""
    refusal = Refused(403, "This request comes from a page of another site, and is not answered.")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise refusal
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
        raise refusal
