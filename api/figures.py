"""The shop in figures at this moment, for the console: what waits, for how long, and what needs a person."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import msgspec
from redis import RedisError

from api.formats import Time
from checkout import clock
from checkout.alipay import gate
from checkout.audit import gauges
from checkout.db import reading
from checkout.orders import views
from checkout.resources import Resources
from checkout.stock import catalog

# However many look, the database is asked once in so long.
KEPT_SECONDS = 1.0
_MINUTE = timedelta(minutes=1)


class FiguresBody(msgspec.Struct):
    """`accepted` orders are stored and not placed. What is said of Alipay is null while Redis is away: all calls ever
    counted, those of the last five minutes, and of how many processes the breaker is open."""

    read_at: Time
    orders_last_minute: int
    skus_sold_out: int
    accepted: dict[str, int]
    accepted_seconds: float
    payments_open: int
    notifies_waiting: int
    notifies_waiting_seconds: float
    refunds_waiting: dict[str, int]
    relay_behind_events: int
    relay_behind_seconds: float
    stuck: dict[str, int]
    alipay_calls: int | None
    alipay_failing_calls: int | None
    alipay_recent_calls: int | None
    alipay_recent_failing_calls: int | None
    alipay_breakers_open: int | None


class Figures:
    """What was read a moment ago, for all who ask meanwhile."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._lock = asyncio.Lock()
        self._told: FiguresBody | None = None
        self._until = 0.0

    async def now(self) -> FiguresBody:
        """No older than `KEPT_SECONDS`."""
        async with self._lock:
            if self._told is None or time.monotonic() >= self._until:
                self._told = await asyncio.to_thread(_read, self._resources)
                self._until = time.monotonic() + KEPT_SECONDS
            return self._told


def _read(resources: Resources) -> FiguresBody:
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    with reading(resources.engine) as connection:
        for gauge, of, value in gauges.read(connection):
            found[gauge.name.removeprefix("checkout_")][of] = value
        now = datetime.now(UTC)
        orders = views.count_since(connection, now - _MINUTE, gauges.MOST)
        sold_out = catalog.sold_out(connection, gauges.MOST)
    calls, failing = _calls(resources)
    recent = _recent(resources)
    return FiguresBody(
        read_at=clock.rfc3339(now),
        orders_last_minute=orders,
        skus_sold_out=sold_out,
        accepted=_counts(found["orders_accepted"]),
        accepted_seconds=found["orders_accepted_seconds"][""],
        payments_open=int(found["payments_open"][""]),
        notifies_waiting=int(found["notifies_waiting"][""]),
        notifies_waiting_seconds=found["notifies_waiting_seconds"][""],
        refunds_waiting=_counts(found["refunds_waiting"]),
        relay_behind_events=int(found["relay_behind_events"][""]),
        relay_behind_seconds=found["relay_behind_seconds"][""],
        stuck=_counts(found["stuck"]),
        alipay_calls=calls,
        alipay_failing_calls=failing,
        alipay_recent_calls=recent and recent.calls,
        alipay_recent_failing_calls=recent and recent.failing,
        alipay_breakers_open=recent and recent.open_breakers,
    )


def _counts(found: dict[str, float]) -> dict[str, int]:
    """Those that are not zero."""
    return {of: int(value) for of, value in found.items() if value}


def _calls(resources: Resources) -> tuple[int | None, int | None]:
    """All, and those that failed."""
    try:
        counted = gate.counts(resources.redis)
    except RedisError:
        return None, None
    failing = sum(count for (_, result), count in counted.items() if result in gate.FAILING)
    return sum(counted.values()), failing


def _recent(resources: Resources) -> gate.Recent | None:
    try:
        return gate.recent(resources.redis)
    except RedisError:
        return None
