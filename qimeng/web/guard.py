"""Who may talk to the page: this machine's user, from the page itself, and nobody else.

- The address bar's host must be ours: a foreign name that resolves to this machine is refused.
- A request that another site's page makes is refused, by its ``Origin`` or ``Sec-Fetch-Site``.
- The token comes once in the address that ``qimeng serve`` prints and is then a cookie that no
  script reads and no other site's request carries; other programs send it as a bearer token.
- What changes something must be JSON, so that no plain form can send it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qimeng.web.secrets_hidden import Hider

MAX_BODY = 8_000_000
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware around the whole page; nothing is answered past it."""

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str], cookie: str) -> None:
        self.app = app
        self.token = token
        self.hosts = frozenset(hosts)
        self.cookie = cookie
        self._hider = Hider()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = self._refusal(scope)
        safe = self._safe(send)
        if answer is not None:
            await answer(scope, receive, safe)
            return
        await self.app(scope, _limited(receive), safe)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why the request goes no further; None when it may."""
        headers = Headers(scope=scope)
        changes = scope["method"] not in ("GET", "HEAD")
        if headers.get("host", "").lower() not in self.hosts:
            return refused(421, "this page is not served under that name")
        if not self._same_site(headers):
            return refused(403, "requests of other sites are refused")
        if given := parse_qs(scope["query_string"].decode("latin-1")).get("token"):
            return self._welcome(scope, given[0])
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        shown = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        if not self._right(bearer) and not self._right(shown):
            return refused(401, "open the address that `qimeng serve` printed: it holds the key")
        if changes and self._right(shown) and "origin" not in headers:
            return refused(403, "a browser says where a change comes from; this request does not")
        if changes and headers.get("content-type", "").partition(";")[0] != "application/json":
            return refused(415, "send JSON (Content-Type: application/json)")
        if int(_digits(headers.get("content-length", "0"))) > MAX_BODY:
            return refused(413, f"at most {MAX_BODY:,} bytes are taken")
        return None

    def _same_site(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{h}" for h in self.hosts}:
            return False
        foreign = headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")
        return not foreign or headers.get("sec-fetch-mode") == "navigate"

    def _right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self.token.encode())

    def _welcome(self, scope: Scope, token: str) -> Response:
        """From the printed address to the same one without the token, which becomes a cookie."""
        if scope["method"] != "GET" or not self._right(token):
            return refused(401, "that key is not this page's; see what `qimeng serve` printed")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        rest = urlencode({k: v for k, v in query.items() if k != "token"}, doseq=True)
        answer = RedirectResponse("/" + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
        return answer

    def _safe(self, send: Send) -> Send:
        """Sends with the protective headers, and without any key."""

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif message["type"] == "http.response.body" and message.get("body"):
                message = {**message, "body": self._hider.hide(message["body"])}
            await send(message)

        return protected


def refused(status: int, why: str) -> Response:
    """A refusal in JSON."""
    return JSONResponse({"error": why}, status)


def _digits(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < 16 else str(MAX_BODY + 1)


def _limited(receive: Receive) -> Receive:
    """Receives at most ``MAX_BODY`` bytes; then the body simply ends."""
    left = MAX_BODY

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        body = message.get("body", b"")
        left -= len(body)
        if left < 0:
            return {"type": "http.request", "body": b"", "more_body": False}
        return message

    return counted
