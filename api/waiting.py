"""Frontends that wait for an order to change: no thread and no query for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from api.loops import for_ever
from checkout.events.waking import SHORT_CHANNEL, WAKE_CHANNEL

log = get_logger(__name__)

# A wake-up may be lost, so all waiters together are looked after in one query this often.
REREAD_SECONDS = 3.0
RECONNECT_SECONDS = 1.0

Versions = Callable[[list[int]], Awaitable[dict[int, int]]]


class Waiter:
    """One frontend's place: take it, then read, so that no change falls between."""

    __slots__ = ("_bell", "_heard", "_known")

    def __init__(self) -> None:
        self._heard = 0
        self._known = 0
        self._bell: asyncio.Future[None] | None = None

    def hear(self, version: int) -> None:
        """The order has this version now."""
        self._heard = max(self._heard, version)
        if self._heard > self._known:
            self.ring()

    def ring(self) -> None:
        """Whoever waits here looks up."""
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    async def newer(self, version: int, seconds: float) -> bool:
        """Whether the order became newer than that, at once or within so many seconds; each news is told once."""
        self._known = version
        if self._heard <= version:
            self._bell = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._bell], timeout=seconds)
        heard, self._heard = self._heard, 0
        return heard > version


class Waiters:
    """Who waits for which order; woken by one published message per transaction."""

    def __init__(self, redis_url: str, versions: Versions, ran_short: Callable[[dict[str, int]], None]) -> None:
        self._redis_url = redis_url
        self._versions = versions
        self._ran_short = ran_short
        self._waiting: dict[int, list[Waiter]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.leaving = False  # Nobody should wait here any more.

    def start(self) -> None:
        loops = {"wake-ups": self._listen, "waiters": self._reread}
        self._tasks = [asyncio.create_task(for_ever(name, step)) for name, step in loops.items()]

    async def stop(self) -> None:
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            # Again and again: redis-py loses a cancellation that comes while it connects.
            _, running = await asyncio.wait(running, timeout=0.2)

    @contextmanager
    def of(self, order_id: int) -> Iterator[Waiter]:
        """A place among those who wait for the order."""
        waiter = Waiter()
        self._waiting.setdefault(order_id, []).append(waiter)
        try:
            yield waiter
        finally:
            self._waiting[order_id].remove(waiter)
            if not self._waiting[order_id]:
                del self._waiting[order_id]

    def leave(self) -> None:
        """This process ends: all look up, and see that it does."""
        self.leaving = True
        for waiter in [waiter for waiting in self._waiting.values() for waiter in waiting]:
            waiter.ring()

    def wake(self, order_id: int, version: int) -> None:
        """The order has this version now."""
        for waiter in self._waiting.get(order_id, ()):
            waiter.hear(version)

    async def _listen(self) -> None:
        try:
            async with Redis.from_url(self._redis_url, socket_connect_timeout=2) as redis, redis.pubsub() as pubsub:
                await pubsub.subscribe(WAKE_CHANNEL, SHORT_CHANNEL)
                async for message in pubsub.listen():
                    if message["type"] == "message":
                        self._hear(message["channel"].decode(), message["data"].decode())
        # The last two: a message that is none of ours.
        except (RedisError, OSError, ValueError, msgspec.DecodeError) as error:
            log.warning("wake_ups_away", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    def _hear(self, channel: str, message: str) -> None:
        if channel == SHORT_CHANNEL:
            self._ran_short(msgspec.json.decode(message, type=dict[str, int]))
            return
        for pair in message.split(","):
            order_id, _, version = pair.partition(":")
            self.wake(int(order_id), int(version))

    async def _reread(self) -> None:
        await asyncio.sleep(REREAD_SECONDS)
        if not self._waiting:
            return
        try:
            versions = await self._versions(list(self._waiting))
        except SQLAlchemyError as error:
            log.warning("waiters_not_reread", error=type(error).__name__)
            return
        for order_id, version in versions.items():
            self.wake(order_id, version)
