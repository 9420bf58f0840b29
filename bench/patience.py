"""Placing that stops for longer than anybody likes: a frozen worker, a locked row, a backlog. Nothing may be parked."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bench import client, mixes
from bench.mixes import Mix
from bench.stack import Stack
from checkout.db import sql, transaction
from checkout.stock.catalog import Item
from sandbox.stack import processes

STOP_SECONDS = 100.0
ORDERS_PER_SECOND = 20
BACKLOG = 80_000
CONNECTIONS = 64
LONGEST_SECONDS = 60.0

FROZEN = Mix("frozen", "a frozen placing worker", 1, 1)
LOCKED = Mix("locked", "a locked row", 1, 1)
BEHIND = Mix("behind", "a backlog", 1, 1)
# Half of what is asked for, so that the order of arrival shows in who gets it.
_STOCK = {FROZEN: 1000, LOCKED: 1000, BEHIND: BACKLOG // 2}

_FOUND = """
    SELECT count(*) AS orders, count(*) FILTER (WHERE status = 'accepted') AS waiting,
        COALESCE(max(id) FILTER (WHERE placed_at IS NOT NULL) > min(id) FILTER (WHERE status = 'rejected'), false)
            AS is_overtaken
    FROM orders WHERE sku_ids = ARRAY[:sku]
"""


@dataclass(frozen=True)
class Run:
    """What came of one stop; seconds are counted from its end."""

    title: str
    orders: int
    waiting: int
    parked: int
    latest_seconds: float
    is_overtaken: bool

    @property
    def breaches(self) -> list[str]:
        """What should not be; empty when all is well."""
        found = {
            f"{self.title}: {self.waiting} orders still wait": bool(self.waiting),
            f"{self.title}: {self.parked} orders were parked": bool(self.parked),
            f"{self.title}: it took {self.latest_seconds:.0f} s more": self.latest_seconds > LONGEST_SECONDS,
            f"{self.title}: who came first did not get it": self.is_overtaken,
        }
        return [what for what, is_so in found.items() if is_so]


def catalogue() -> list[Item]:
    return [item for mix, stock in _STOCK.items() for item in mix.items(stock)]


def measure(stack: Stack, say: Callable[[str], None]) -> list[Run]:
    """Each stop once."""
    found = []
    for mix, stop in ((FROZEN, _frozen(stack)), (LOCKED, _locked(stack))):
        say(mix.title)
        found.append(_stopped(stack, mix, stop, lambda mix=mix: _trickle(stack, mix)))  # type: ignore[misc] # Bound now.
    say(BEHIND.title)
    return [*found, _stopped(stack, BEHIND, _frozen(stack), lambda: _flood(stack))]


def _stopped(stack: Stack, mix: Mix, stop: AbstractContextManager[None], load: Callable[[], None]) -> Run:
    with stop:
        load()
    over = time.time()
    latest_seconds = stack.placed() - over
    [row] = stack.rows(_FOUND, sku=f"{mix.name}-1")
    parked = stack.one("SELECT count(*) FROM arrivals WHERE parked OR alone_at IS NOT NULL")
    return Run(mix.title, row.orders, row.waiting, parked, latest_seconds, row.is_overtaken)


def _trickle(stack: Stack, mix: Mix) -> None:
    client.open_loop(stack.port, mixes.orders(stack, mix), CONNECTIONS, ORDERS_PER_SECOND, STOP_SECONDS)


def _flood(stack: Stack) -> None:
    requests = mixes.beforehand(stack, BEHIND, BACKLOG)
    client.closed_loop(stack.port, requests, CONNECTIONS, 10 * STOP_SECONDS)


@contextmanager
def _frozen(stack: Stack) -> Iterator[None]:
    """The placing worker, its parent and its children, does nothing."""
    workers = processes(stack.data_dir, "orders")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _locked(stack: Stack) -> Iterator[None]:
    """Somebody holds the row of the SKU."""
    is_locked, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction(stack.engine) as connection:
            connection.execute(sql("SET LOCAL idle_in_transaction_session_timeout = 0"))
            connection.execute(sql("SELECT id FROM skus WHERE id = :id FOR UPDATE"), {"id": f"{LOCKED.name}-1"})
            is_locked.set()
            is_over.wait(10 * STOP_SECONDS)

    holder = threading.Thread(target=hold)
    holder.start()
    is_locked.wait()
    try:
        yield
    finally:
        is_over.set()
        holder.join()
