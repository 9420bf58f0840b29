"""Which of our loops make progress, by the database's clock: a process that lives and does nothing is as good as dead.

Each loop leaves a heartbeat after a round that it completed: beat's tick, the relay, the scans, the doorbells, and of
each queue a task that beat sends through it.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from checkout.db import Connection, sql

EVERY_SECONDS = 10
PAUSE_SECONDS = 30  # Who was silent for so long was absent.
# How long each may be silent: longer than its longest permitted round, and some rounds more.
LONGEST_SECONDS = {
    "beat": 60,
    "relay": 90,
    "sweep": 60,
    "expire_orders": 60,
    "scan_payments": 60,
    "complete_orders": 150,
    "scan_webhooks": 60,
    "erase_orders": 150,
    "doorbell": 60,
    "queue orders": 60,
    "queue refunds": 150,
    "queue alipay": 150,
    "queue webhooks": 150,
    "queue default": 120,
}


class Heartbeat(NamedTuple):
    """How many seconds a loop has been silent, and how many faults it met that nobody had foreseen."""

    loop: str
    seconds: int
    faults: int
    last_fault: str | None
    is_fresh: bool  # The last fault is less than an hour old.

    @property
    def stands_still(self) -> bool:
        """It made no round for longer than its rounds may take. A loop that only meets faults has no such time."""
        return self.loop in LONGEST_SECONDS and self.seconds > LONGEST_SECONDS[self.loop]


# `since` is when it began to run without a pause.
_BEAT = sql("""
    INSERT INTO heartbeats AS h (loop) VALUES (:loop)
    ON CONFLICT (loop) DO UPDATE SET at = now(),
        since = CASE WHEN h.at < now() - make_interval(secs => :pause) THEN now() ELSE h.since END
""")
_FAULT = sql("""
    INSERT INTO heartbeats AS h (loop, faults, last_fault, last_fault_at) VALUES (:loop, :times, :what, now())
    ON CONFLICT (loop) DO UPDATE SET faults = h.faults + :times, last_fault = :what, last_fault_at = now()
""")
_ALL = sql("""
    SELECT loop, extract(epoch FROM now() - at)::int AS seconds, faults, last_fault,
        COALESCE(last_fault_at > now() - interval '1 hour', false) AS is_fresh
    FROM heartbeats ORDER BY loop
""")

_LAST = sql("SELECT at FROM heartbeats WHERE loop = :loop")


def beat(connection: Connection, loop: str) -> None:
    """The loop has completed a round."""
    connection.execute(_BEAT, {"loop": loop, "pause": PAUSE_SECONDS})


def fault(connection: Connection, loop: str, what: str, times: int = 1) -> None:
    """The loop met something that nobody had foreseen, and went on."""
    connection.execute(_FAULT, {"loop": loop, "what": what[:200], "times": times})


def all_of(connection: Connection) -> list[Heartbeat]:
    """Of each loop that has ever run."""
    return [Heartbeat(*row) for row in connection.execute(_ALL)]


def last(connection: Connection, loop: str) -> datetime | None:
    """When the loop completed a round last; None when it never did."""
    return connection.execute(_LAST, {"loop": loop}).scalar()


def standing_still(connection: Connection) -> list[str]:
    """The loops that have run and stand still now."""
    return [one.loop for one in all_of(connection) if one.stands_still]
