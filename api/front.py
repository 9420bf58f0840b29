"""What stands before Falcon: requests in the form that it takes, whole and in time, headers and counts of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from api import counters
from api.problems import BadRequest, TooSlow
from api.traces import Visit
from checkout.errors import CheckoutError

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_SECONDS = 10.0
# In a request's scope: the path in the route table that serves it.
ROUTE = "checkout.route"
# Nobody reads a body with these.
_BODILESS = ("GET", "HEAD", "OPTIONS")

# Orders have names and phones, so nothing may keep an answer; and what the server is called is nobody's business.
_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"server", b"")]
_NOT_KEPT = (b"cache-control", b"no-store")


class Front:
    """HTTP/1.0, which nginx speaks to what it forwards to, and HEAD, which is GET without a body (RFC 9110)."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["http_version"] == "1":  # granian's name for 1.0, which Falcon refuses.
            scope["http_version"] = "1.0"
        send = _guarded(scope, send)
        if scope["method"] == "HEAD":
            scope["method"], send = "GET", _without_body(send)
        if scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        try:
            await self._app(scope, body, send)
        finally:
            body.leave()


class _Body:
    """A request's body until it is whole: who sends it drop by drop, or breaks off, is told so and let go."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        self._is_whole = False
        self._fault: Callable[[], CheckoutError] | None = (
            None  # Made anew: a kept one keeps all frames it came through.
        )

    async def __call__(self) -> Mapping[str, Any]:
        """Raises BadRequest and TooSlow."""
        if self._is_whole:
            return await self._receive()
        if self._fault is not None:
            raise self._fault()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            return self._broken_by(lambda: TooSlow(f"the body has not come within {BODY_SECONDS:.0f} s"))
        if message["type"] != "http.request":
            return self._broken_by(lambda: BadRequest("the body breaks off, or its chunks are none"))
        self._is_whole = not message.get("more_body", False)
        return message

    def leave(self) -> None:
        """The answer has gone: the server closes a connection whose body nobody holds any more."""
        del self._receive

    def _broken_by(self, fault: Callable[[], CheckoutError]) -> Mapping[str, Any]:
        """Falcon takes a first message before it looks for a handler; the fault is raised where the body is read."""
        self._fault = fault
        return {"type": "http.request", "body": b"", "more_body": True}


def _guarded(scope: Scope, send: Send) -> Send:
    began, visit = perf_counter(), Visit(scope)

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            route = scope.get(ROUTE, "none")
            counters.answered(route, message["status"], perf_counter() - began)
            visit.answered(route, message["status"])
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
