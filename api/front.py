"""What stands before Falcon: requests in the form that it takes, and headers that every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


# Orders have names and phones, so nothing may keep an answer; and what the server is called is nobody's business.
_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"server", b"")]
_NOT_KEPT = (b"cache-control", b"no-store")


class Front:
    """HTTP/1.0, which nginx speaks to what it forwards to, and HEAD, which is GET without a body (RFC 9110)."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["http_version"] == "1":  # granian's name for 1.0, which Falcon refuses.
                scope["http_version"] = "1.0"
            send = _guarded(send)
            if scope["method"] == "HEAD":
                scope["method"], send = "GET", _without_body(send)
        await self._app(scope, receive, send)


def _guarded(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], *_ALWAYS]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(_NOT_KEPT)
            message["headers"] = headers
        await send(message)

    return guarded


def _without_body(send: Send) -> Send:
    is_over = False

    async def head(message: Message) -> None:
        nonlocal is_over
        if message["type"] != "http.response.body":
            await send(message)
        elif not is_over:  # A stream's first piece ends it, too.
            is_over = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return head
