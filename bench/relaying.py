"""Events through the relay: a backlog of real events, made while the relay is held, then let go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from redis import Redis

from bench import client, mixes
from bench.stack import QUIET_SECONDS, Stack
from checkout.events import bus

QUEUE = "bench"
POLL_SECONDS = 0.005

_HOLD = """
    UPDATE relay SET holder = CAST(:holder AS uuid), leased_until = now() + interval '2 hours' RETURNING published
"""
_LET_GO = "UPDATE relay SET leased_until = '-infinity' RETURNING published"
_SKIP = """
    UPDATE relay SET published = last, sent_through = last FROM (SELECT max(id) AS last FROM events) AS e
    RETURNING published
"""
_STATE = "SELECT published, holder FROM relay"


@dataclass
class Run:
    """A drained backlog. A durable subscriber's queue holds `delivered` of it, repeats included."""

    events: int
    delivered: int
    took: float

    @property
    def per_second(self) -> float:
        return self.events / self.took


@contextmanager
def held(stack: Stack) -> Iterator[int]:
    """Nothing leaves inside but one batch at the most, with which the relay notices; gives the last event that left."""
    published: int = stack.one(_HOLD, holder=str(uuid4()))
    yield published
    stack.one(_LET_GO)


def skip(stack: Stack) -> None:
    """Takes all events so far for sent; call it while the relay is held."""
    stack.one(_SKIP)


def measure(stack: Stack, seconds: float) -> Run:
    """Sends the backlog of so many seconds of orders to a durable subscriber of everything."""
    bus.declare(stack.settings.events_url, QUEUE, ["#"])
    try:
        with held(stack) as published:
            stack.checkpoint()
            client.closed_loop(stack.port, mixes.orders(stack, mixes.MANY), 64, seconds)
            stack.placed()
            statement = "SELECT count(*), max(id) FROM events WHERE id > :published"
            events, last = stack.rows(statement, published=published)[0]
            holder = stack.one("SELECT holder FROM relay")
        return Run(events, took=_drained(stack, holder, last), delivered=_delivered(stack))
    finally:
        bus.drop(stack.settings.events_url, QUEUE)


def _drained(stack: Stack, holder: UUID, last: int) -> float:
    """Seconds from when another relay takes the lease until all is sent. Raises TimeoutError."""
    began, deadline = 0.0, time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        now = time.perf_counter()
        published, relaying = stack.rows(_STATE)[0]
        if not began and relaying != holder:
            began = now
        if published >= last:
            return time.perf_counter() - began
        time.sleep(POLL_SECONDS)
    raise TimeoutError("the relay did not drain its backlog")


def _delivered(stack: Stack) -> int:
    with Redis.from_url(stack.settings.events_url) as redis:
        length: Any = redis.llen(f"{bus.REDIS_PREFIX}{QUEUE}")
    return int(length)
