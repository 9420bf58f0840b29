"""Minutes of hot-SKU load: whether the rate holds, and whether any table or queue grows with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from bench import client, mixes
from bench.mixes import HOT
from bench.stack import Stack

CONNECTIONS = 64
# The last minute's rate beside the second's.
LEAST_SHARE = 0.9
DRAIN_SECONDS = 30.0
WATCH_SECONDS = 10.0
WATCHES_A_MINUTE = 6
QUEUES = ("orders", "refunds", "alipay", "default")
# Whatever of these is left when all is quiet again would grow for ever.
_SMALL = ("arrivals", "cart_clearings", "events_other", "order_keys_other")


@dataclass
class Run:
    """Placed orders of each whole minute, and sizes before and after."""

    minutes: list[int] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    depths: list[int] = field(default_factory=list)  # messages in all queues, every ten seconds of the load
    left: int = 0
    cpu: list[dict[str, float]] = field(default_factory=list)  # seconds so far by service, from the start by the minute

    @property
    def share(self) -> float:
        """The last minute's rate as a share of the second's (of the first's when there are but two)."""
        second = self.minutes[1] if len(self.minutes) > 2 else self.minutes[0]
        return self.minutes[-1] / second

    def cpu_us(self, minute: int) -> dict[str, float]:
        """Microseconds of CPU per order in that minute, counted from 0."""
        before, after, orders = self.cpu[minute], self.cpu[minute + 1], self.minutes[minute]
        return {name: (after[name] - before.get(name, 0.0)) / orders * 1e6 for name in after}

    @property
    def grown(self) -> list[str]:
        """What should be empty again and is not."""
        return [name for name in (*_SMALL, *QUEUES) if self.after[name] > self.before[name]]


_PER_MINUTE = """
    SELECT floor((extract(epoch FROM placed_at) - :began) / 60)::int AS minute, count(*) FROM orders
    WHERE id > :first AND placed_at IS NOT NULL GROUP BY 1 ORDER BY 1
"""
_TABLES = """
    SELECT relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid) AS bytes FROM pg_stat_user_tables
    WHERE relname IN ('skus', 'spus', 'users', 'arrivals', 'orders', 'payments')
"""


def measure(stack: Stack, minutes: int) -> Run:
    """Loads the one hot SKU for so long."""
    run = Run(before=sizes(stack))
    first = stack.one("SELECT COALESCE(max(id), 0) FROM orders")
    with _watched(stack, run):
        tally = client.closed_loop(stack.port, mixes.orders(stack, HOT), CONNECTIONS, minutes * 60)
    stack.settle()
    _until_empty(stack)
    found = stack.rows(_PER_MINUTE, began=tally.began, first=first)
    run.minutes = [count for minute, count in found if minute < minutes]
    run.left = tally.statuses[202] - sum(count for _, count in found)
    run.after = sizes(stack)
    return run


def sizes(stack: Stack) -> dict[str, int]:
    """Rows of what should be small, bytes and dead rows of what is hot, messages in the queues."""
    found: dict[str, int] = {name: stack.one(f"SELECT count(*) FROM {name}") for name in _SMALL}
    for row in stack.rows(_TABLES):
        found |= {f"{row.relname} bytes": row.bytes, f"{row.relname} dead rows": row.n_dead_tup}
    return found | queues(stack)


def queues(stack: Stack) -> dict[str, int]:
    """Messages that wait, by queue."""
    with Redis.from_url(stack.settings.broker_url) as redis:
        lengths: list[Any] = [redis.llen(queue) for queue in QUEUES]
    return dict(zip(QUEUES, map(int, lengths), strict=True))


def _until_empty(stack: Stack) -> None:
    """Gives the workers some time for doorbells that have nothing to say any more."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while sum(queues(stack).values()) and time.monotonic() < deadline:
        time.sleep(0.2)


@contextmanager
def _watched(stack: Stack, run: Run) -> Iterator[None]:
    """Notes how many messages wait, and by the minute who used the CPU, from a thread."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(WATCH_SECONDS):
            run.depths.append(sum(queues(stack).values()))
            if len(run.depths) % WATCHES_A_MINUTE == 0:
                run.cpu.append(stack.cpu_seconds())

    run.cpu.append(stack.cpu_seconds())
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if len(run.depths) % WATCHES_A_MINUTE == WATCHES_A_MINUTE - 1:  # The last look came too late by a moment.
            run.cpu.append(stack.cpu_seconds())
