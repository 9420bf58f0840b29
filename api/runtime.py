"""What one API process holds: its batchers, waiters and doorbell, over the shop's resources."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from api import keys
from api.auth import Tokens
from api.batching import Batcher
from api.doorbell import LONGEST_PAUSE_SECONDS, Doorbell
from api.figures import Figures
from api.loops import for_ever
from api.shelf import Shelf
from api.streams import Streams
from api.threads import Threads
from api.waiting import Waiters
from checkout import schema
from checkout.alipay.notify import Notify
from checkout.audit import heartbeats
from checkout.db import Connection, transaction
from checkout.errors import CheckoutError, Unavailable
from checkout.events import waking
from checkout.orders import acceptance, views
from checkout.orders.acceptance import Accepted, Request
from checkout.orders.allocation import Refusal
from checkout.orders.views import View
from checkout.payments import notifies, offers
from checkout.payments.offers import Asked, Offer
from checkout.resources import Resources
from checkout.settings import Settings
from checkout.stock import catalog
from checkout.stock.catalog import Listed

T = TypeVar("T")

MOST_AT_THE_DOOR = 200
MOST_READS = 500
# What only reads waits for no disk: it gathers less.
LOOK_SECONDS = 0.002
THREADS = 8
# Calls to Alipay wait for nobody here but each other, for so long and so many.
ALIPAY_THREADS = 4
MOST_CALLS = 32
CALL_SECONDS = 8.0
# The shop's own function of prices has these to itself.
PRICING_THREADS = 4
PRICING_SECONDS = 5.0
STRANGERS_PER_SECOND = 2.0
STRANGERS_AT_ONCE = 10
BATCHERS = 6


class Strangers:
    """Those who claim to be Alipay without a signature: they have a small share of the questions to Alipay."""

    def __init__(self) -> None:
        self._until = 0.0

    def may_ask(self) -> bool:
        """Whether this one has a question left."""
        now = time.monotonic()
        if self._until > now + STRANGERS_AT_ONCE / STRANGERS_PER_SECOND:
            return False
        self._until = max(now, self._until) + 1 / STRANGERS_PER_SECOND
        return True


class Runtime:
    """Made once per process; `start` and `stop` run in its event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.resources = Resources(settings, connections=THREADS + BATCHERS)
        self.tokens = Tokens(settings)
        self.streams = Streams(settings.jwt_secret)
        self.doorbell = Doorbell(self.resources.redis)
        self.door: Batcher[Request, Accepted] = Batcher("door", self._accept, MOST_AT_THE_DOOR)
        self.inbox: Batcher[Notify, bool] = Batcher("inbox", self._store, MOST_AT_THE_DOOR)
        self.offers: Batcher[Asked, Offer | CheckoutError] = Batcher("offers", self._offer, MOST_AT_THE_DOOR)
        self.reads: Batcher[int, View | None] = Batcher("reads", self._read, MOST_READS, LOOK_SECONDS)
        self.skus: Batcher[str, Listed | None] = Batcher("skus", self._find, MOST_READS, LOOK_SECONDS)
        self.looks: Batcher[Request, Accepted | Refusal | None] = Batcher(
            "looks", self._look_at, MOST_AT_THE_DOOR, LOOK_SECONDS
        )
        self.shelf = Shelf()
        self.figures = Figures(self.resources)
        self.waiters = Waiters(settings.redis_url, self._versions, self.shelf.ran_short)
        self._threads = Threads(THREADS, thread_name_prefix="api")
        self._alipay_threads = Threads(ALIPAY_THREADS, thread_name_prefix="alipay")
        self._pricing_threads = Threads(PRICING_THREADS, thread_name_prefix="pricing")
        self._has_own_prices = False  # Whether they were seen to be allowed.
        self._calls = 0
        self.strangers = Strangers()

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.waiters.start()
        self._loops = [asyncio.create_task(for_ever("heartbeat", self._beat))]
        if self.settings.jwks:
            self._loops.append(asyncio.create_task(for_ever("keys", self._renew_keys)))

    async def _renew_keys(self) -> None:
        await self.tokens.renew()
        await asyncio.sleep(keys.RENEWED_SECONDS)

    async def _beat(self) -> None:
        """The doorbell's thread goes round, and the database hears of it."""
        await asyncio.sleep(heartbeats.EVERY_SECONDS)
        if time.monotonic() < self.doorbell.turned_at + 3 * LONGEST_PAUSE_SECONDS:
            with suppress(SQLAlchemyError):  # Without the database nobody could read it.
                await self.transact(lambda connection: heartbeats.beat(connection, "doorbell"))

    async def stop(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await self.waiters.stop()
        for batcher in (self.door, self.looks, self.inbox, self.offers, self.reads, self.skus):
            batcher.close()
        self._threads.end()
        self._alipay_threads.end()
        self._pricing_threads.end()
        self.doorbell.close()
        self.resources.close()

    async def run(self, step: Callable[[], T]) -> T:
        """Runs what blocks in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, step)

    async def require_own_prices(self) -> None:
        """Older code would place orders without the shop's own prices. Raises UpgradeUnfinished."""
        if self.resources.terms.prices.is_plain or self._has_own_prices:
            return
        await self.transact(schema.require_finished)
        self._has_own_prices = True

    async def price(self, step: Callable[[], T]) -> T:
        """Runs what may ask the shop's own function, which may hang, apart from all else. Raises Unavailable."""
        if self.resources.terms.prices.is_plain:
            return step()
        try:
            call = asyncio.get_running_loop().run_in_executor(self._pricing_threads, step)
            return await asyncio.wait_for(call, PRICING_SECONDS)
        except TimeoutError as error:
            raise Unavailable("the prices cannot be told in time; ask again") from error

    async def call_alipay(self, step: Callable[[], T]) -> T:
        """Runs what asks Alipay, apart from all else. Raises Unavailable when it takes long, or too many ask."""
        if self._calls >= MOST_CALLS:
            raise Unavailable("Alipay answers slowly, and many wait; ask again")
        self._calls += 1
        call = self._alipay_threads.submit(copy_context().run, step)  # Within the same trace.
        call.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._called))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(call), CALL_SECONDS)
        except TimeoutError as error:
            raise Unavailable("Alipay has not answered in time; ask again") from error

    def _called(self) -> None:
        self._calls -= 1

    async def transact(self, step: Callable[[Connection], T]) -> T:
        """Runs one transaction in a thread."""

        def whole() -> T:
            with transaction(self.resources.engine) as connection:
                return step(connection)

        return await self.run(whole)

    async def changed(self, wakes: Sequence[tuple[int, int]]) -> None:
        """Tells whoever waits, here and in other processes, after a commit."""
        if wakes:
            await self.run(lambda: waking.wake(self.resources.redis, wakes))

    def _accept(self, requests: Sequence[Request]) -> list[Accepted]:
        with transaction(self.resources.engine) as connection:
            accepted = acceptance.accept(connection, requests)
        waiting = [answer.order_id for answer in accepted if not answer.replayed]
        if waiting:
            self.doorbell.ring("place_orders", waiting, [one.traceparent for one in requests if one.traceparent])
        return accepted

    def _look_at(self, requests: Sequence[Request]) -> list[Accepted | Refusal | None]:
        with transaction(self.resources.engine) as connection:
            return acceptance.look(connection, requests)

    def _store(self, told: Sequence[Notify]) -> list[bool]:
        with transaction(self.resources.engine) as connection:
            ids, fits = notifies.store(connection, told)
        if ids:
            self.doorbell.ring("apply_notifies", ids)
        return fits

    def _offer(self, asked: Sequence[Asked]) -> list[Offer | CheckoutError]:
        with transaction(self.resources.engine) as connection:
            offered, wakes = offers.make(connection, asked, self.settings.time_scale)
        if wakes:  # Buyers need not wait for a Redis that is slow, nor for the last wake of a process that ends.
            with suppress(Unavailable):
                self._threads.submit(waking.wake, self.resources.redis, wakes)
        return offered

    # What one statement reads needs no transaction around it.

    def _read(self, ids: Sequence[int]) -> list[View | None]:
        with self.resources.engine.connect() as connection:
            found = views.read(connection, ids)
        return [found.get(order_id) for order_id in ids]

    def _find(self, ids: Sequence[str]) -> list[Listed | None]:
        with self.resources.engine.connect() as connection:
            found = catalog.find(connection, ids)
        return [found.get(sku_id) for sku_id in ids]

    def _look(self, ids: list[int]) -> dict[int, int]:
        with self.resources.engine.connect() as connection:
            return views.versions(connection, ids)

    async def _versions(self, ids: list[int]) -> dict[int, int]:
        return await self.run(lambda: self._look(ids))
