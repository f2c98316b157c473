"""Who may come in, and what a page of ours may do: checked for every request, before anything else looks at it."""

import asyncio
import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_TOKEN: Final = 16
"""Characters of a token: fewer could be guessed."""

MAX_BODY: Final = 12 * 1024 * 1024
"""Bytes of a request: a long question, every character of it escaped."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_PATHS: Final = frozenset({"/login", "/static/chat.css", "/static/theme.js"})
_WRONG_TOKEN_PAUSE: Final = 0.5
_YEAR: Final = 365 * 24 * 3600

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Gate:
    """An ASGI application around another.

    - The `Host` must be an address, `localhost`, or a name that was allowed: a page of somebody else's that
      makes its own name mean this machine (DNS rebinding) gets nothing.
    - What changes something must come from a page of ours, as the browser itself says in `Origin` or
      `Sec-Fetch-Site`; programs that are not browsers send neither.
    - With a token, a request carries it (`Authorization: Bearer`) or the cookie that `/login` gave for it.
    - Every answer carries the headers that keep scripts, frames and addresses of others out of the page.
    """

    def __init__(self, app: ASGIApp, *, token: str | None = None, allowed_hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._token = token
        # By the token, since all ports of a machine share their cookies.
        self._cookie_name = f"geppetto-{hashlib.sha256((token or '').encode()).hexdigest()[:8]}"
        self._hosts = frozenset({"localhost", *(host.lower().rstrip(".") for host in allowed_hosts)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no WebSockets here: the server refuses what is not answered

        # What is the same for everybody may be kept, if the browser asks whether it has changed.
        caching = "no-cache" if scope["path"].startswith(("/static/", "/vendor/")) else "no-store"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", caching)
            await send(message)

        answer = self._refusal(scope) or await self._login(scope)
        await (answer or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_our_name(host):
            name = _name_of(host) or host
            return PlainTextResponse(
                f"This server does not answer to the name {name!r}. Start it with --allow-host to let it.\n",
                421,
            )
        if scope["method"] not in _SAFE_METHODS and not _is_from_our_page(headers, host):
            return PlainTextResponse("Only a page of this server may ask for this.\n", 403)
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or (
            length and not (length.isdecimal() and int(length) <= MAX_BODY)
        ):
            return PlainTextResponse("This request is too long.\n", 413)
        if self._token is None or scope["path"] in _OPEN_PATHS or self._has_token(headers):
            return None
        if "text/html" in headers.get("accept", "") and "hx-request" not in headers:
            return RedirectResponse("/login", 303)
        return PlainTextResponse("A token is needed: Authorization: Bearer TOKEN\n", 401)

    async def _login(self, scope: Scope) -> Response | None:
        """`/login?token=…`: the link that the server prints. The token does not stay in the address."""
        if scope["path"] != "/login" or scope["method"] != "GET":
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return await self.admit(given) if given else None

    async def admit(self, given: str) -> Response:
        """The way in for somebody who has the token, and back to the question for it otherwise."""
        if self._token is not None and not _same(given.strip(), self._token):
            await asyncio.sleep(_WRONG_TOKEN_PAUSE)
            return RedirectResponse("/login?wrong=1", 303)
        answer = RedirectResponse("/", 303)
        if self._token is not None:
            # Lax, so that the printed link works from a mail; what changes something is checked by its origin.
            answer.set_cookie(
                self._cookie_name, self._cookie(self._token), max_age=_YEAR, httponly=True, samesite="lax"
            )
        return answer

    def _is_our_name(self, host: str) -> bool:
        name = _name_of(host)
        if name is None:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # an address cannot be made to mean another machine

    def _has_token(self, headers: Headers) -> bool:
        assert self._token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return _same(given.strip(), self._token)
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie_name)
        except CookieError:
            return False
        return cookie is not None and _same(cookie.value, self._cookie(self._token))

    @staticmethod
    def _cookie(token: str) -> str:
        """Proves the token without being it."""
        return hmac.new(token.encode(), b"geppetto web", hashlib.sha256).hexdigest()


def _name_of(host: str) -> str | None:
    """The host of `host:port`, in lower case; None when it is nothing of the kind."""
    try:
        split = urlsplit(f"//{host}")
        _ = split.port
    except ValueError:
        return None
    if split.netloc != host or split.path or "@" in host or not split.hostname:
        return None
    return split.hostname.rstrip(".")


def _is_from_our_page(headers: Headers, host: str) -> bool:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None:
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:
            return False
    return site in (None, "same-origin", "none")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
