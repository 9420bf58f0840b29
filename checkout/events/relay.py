"""The relay: sends the event log to the exchange in its order, one relay at a time, by a lease.

It reads up to a fence, below which every id is final: docs/events.md has the proof. No outbox row is written or
deleted, and no row is locked while publishing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from checkout.db import Engine, sql, transaction
from checkout.events import log
from checkout.events.bus import Partly
from checkout.events.fence import Fence
from checkout.events.log import Logged
from checkout.metrics import measures
from checkout.traces import spans

LEASE_SECONDS = 20
MOST_EVENTS = 500
IDLE_SECONDS = 0.01
LONGEST_IDLE_SECONDS = 0.1

_LEASE = sql("""
    UPDATE relay SET holder = CAST(:holder AS uuid), leased_until = now() + make_interval(secs => :seconds)
    WHERE holder = CAST(:holder AS uuid) OR leased_until < now() RETURNING sent_through
""")
_RELEASE = sql("UPDATE relay SET leased_until = '-infinity' WHERE holder = CAST(:holder AS uuid)")
_PUBLISHED = sql("""
    UPDATE relay SET published = :id, sent_through = :id WHERE holder = CAST(:holder AS uuid) RETURNING published
""")


class Relay:
    """Publishes what is new. `publish` has sent everything or raises; raising means that some may be sent again.

    `on_round` is called after each round that went well, also when there was nothing to send.
    """

    def __init__(
        self,
        engine: Engine,
        publish: Callable[[Sequence[Logged]], None],
        on_round: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._publish = publish
        self._on_round = on_round
        self._holder = str(uuid4())
        self._leased_until = 0.0
        self._published = 0
        self._fence = Fence()

    def run(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Publishes for that long or until `stop`; False when another relay holds the lease."""
        end = time.monotonic() + seconds
        pause_seconds = IDLE_SECONDS
        try:
            while self._lease():
                if time.monotonic() >= end or stop():
                    return True
                count = self.run_once()
                self._on_round()
                if count:
                    pause_seconds = IDLE_SECONDS
                else:
                    time.sleep(pause_seconds)
                    pause_seconds = min(pause_seconds * 1.2, LONGEST_IDLE_SECONDS)
            return False
        finally:
            self._release()

    def run_once(self) -> int:
        """One round: moves the fence when it was reached, and sends what is final."""
        with self._engine.connect() as connection:
            final = self._fence.beyond(connection, self._published)
            if final is None:
                return 0
            batch = log.between(connection, self._published, final, MOST_EVENTS)
        if batch:
            began = time.time_ns()
            try:
                self._publish(batch)
            except Partly as partly:
                if partly.count:
                    self._advance(batch[partly.count - 1].id)
                raise
        self._advance(batch[-1].id if len(batch) == MOST_EVENTS else final)
        measures.events_sent.add(count=len(batch))
        for event in batch:
            spans.mark(f"send {event.topic}", "PRODUCER", event.traceparent or "", began, event_id=str(event.id))
        return len(batch)

    def _lease(self) -> bool:
        if time.monotonic() < self._leased_until - LEASE_SECONDS / 2:
            return True
        with transaction(self._engine) as connection:
            published = connection.execute(_LEASE, {"holder": self._holder, "seconds": LEASE_SECONDS}).scalar()
        if published is None:
            return False
        if published != self._published:  # At the beginning, or another relay went on while this one was away.
            self._published, self._fence = published, Fence()
        self._leased_until = time.monotonic() + LEASE_SECONDS
        return True

    def _release(self) -> None:
        self._leased_until = 0
        with transaction(self._engine) as connection:
            connection.execute(_RELEASE, {"holder": self._holder})

    def _advance(self, event_id: int) -> None:
        with transaction(self._engine) as connection:
            kept = connection.execute(_PUBLISHED, {"id": event_id, "holder": self._holder}).scalar()
        if kept is None:
            self._leased_until = 0  # Another relay took over while this one was away.
        self._published = event_id
