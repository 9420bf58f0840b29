"""What stands before Falcon: requests that balancers and proxies send, in the form that Falcon takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """HTTP/1.0, which nginx speaks to what it forwards to, and HEAD, which is GET without a body (RFC 9110)."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["http_version"] == "1":  # granian's name for 1.0, which Falcon refuses.
                scope["http_version"] = "1.0"
            if scope["method"] == "HEAD":
                scope["method"], send = "GET", _without_body(send)
        await self._app(scope, receive, send)


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
