"""The outermost layer: every request and websocket, of API and pages alike, passes here first."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..problems import MEDIA_TYPE, Code, ProblemError
from ..sessions import COOKIE, Sessions
from .policy import Policy
from .requests import OPEN_PATHS, Asked, must_belong

NO_ACCESS = """<!doctype html><html lang="en"><meta charset="utf-8"><title>derma-pen</title>
<h1>This browser does not belong to the console</h1>
<p>A console is opened from the terminal: <code>pen console</code> opens a new page, or prints its address.
The address works once.</p>
<p>To stop a running needle now: release the trigger and press the pen's button.</p></html>"""
KEY_PATHS = ("/api/",)
SOCKET_REFUSED = 4403


class Guard:
    """ASGI middleware. See the package.

    Args:
        app: What is guarded.
        policy: Who belongs; asked anew for each request, for the port is known only when it is bound.
        sessions: Browser sessions.
        key: What a program of the same user shows instead of a cookie.
    """

    def __init__(self, app: ASGIApp, policy: Callable[[], Policy], sessions: Sessions, key: str) -> None:
        self._app = app
        self._policy = policy
        self._sessions = sessions
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        policy = self._policy()
        guarded = _with_headers(send, policy, scope["path"]) if scope["type"] == "http" else send
        try:
            asked = Asked.of(scope)
            keyed = self._keyed(asked)
            must_belong(asked, policy, keyed=keyed)
            if asked.path == "/launch":
                await self._launch(scope, policy, guarded)
                return
            scope["console_session"] = self._sessions.of_cookie(asked.cookie)
            scope["console_keyed"] = keyed
            if scope["console_session"] is None and not keyed and asked.path not in OPEN_PATHS:
                raise ProblemError(
                    Code.NO_CONSOLE_SESSION,
                    HTTPStatus.UNAUTHORIZED,
                    "This browser does not belong to the console. Open it from the terminal: pen console.",
                )
            taken = _limited(receive, asked, asked.body_max) if scope["type"] == "http" else receive
            await self._app(scope, taken, guarded)
        except ProblemError as error:
            await _refuse(scope, error, receive, guarded)

    def _keyed(self, asked: Asked) -> bool:
        """A program with the key, for the API only, and never a page: a browser adds Sec-Fetch-Site or Origin."""
        given = asked.bearer
        if given is None or not asked.path.startswith(KEY_PATHS) or "origin" in asked.headers:
            return False
        return hmac.compare_digest(given.encode(), self._key.encode())

    async def _launch(self, scope: Scope, policy: Policy, send: Send) -> None:
        """A launch token becomes a cookie, once, and leaves the address."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        cookie = self._sessions.redeem(query.get("token", [""])[0])
        if cookie is None:
            raise ProblemError(
                Code.LAUNCH_TOKEN_INVALID,
                HTTPStatus.UNAUTHORIZED,
                "This address was used already, or is too old. Open the console from the terminal: pen console.",
            )
        secure = "; Secure" if policy.tls else ""
        value = f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"
        headers = [(b"location", b"/"), (b"set-cookie", value.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send, policy: Policy, path: str) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(policy.headers(path))
            names = {name for name, _ in own}
            kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in names]
            message = {**message, "headers": [*kept, *own]}
        await send(message)

    return told


def _limited(receive: Receive, asked: Asked, limit: int) -> Receive:
    """A body that is longer than it says, or than anything the console takes, is not read on."""
    too_large = ProblemError(
        Code.BODY_TOO_LARGE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"What was sent is longer than {limit} bytes, so nothing was done.",
    )
    length = asked.headers.get("content-length", "0")
    if not length.isdigit():
        raise ProblemError(Code.MALFORMED, HTTPStatus.BAD_REQUEST, "The length of the body is no number.")
    if int(length) > limit:
        raise too_large
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise too_large
        return message

    return counted


async def _refuse(scope: Scope, error: ProblemError, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        # before it is accepted a websocket is refused as HTTP 403: nobody learns more
        await send({"type": "websocket.close", "code": SOCKET_REFUSED, "reason": error.code})
        return
    page = scope["method"] == "GET" and not scope["path"].startswith("/api/")
    body = NO_ACCESS.encode() if page else error.document.model_dump_json().encode()
    media = "text/html; charset=utf-8" if page else MEDIA_TYPE
    headers = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(error.status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
