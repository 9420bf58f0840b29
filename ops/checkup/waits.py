"""What waits in the database: orders for a worker, sessions for a lock, matters for a person."""

from __future__ import annotations

from typing import NamedTuple

from checkout.audit import stuck as waiting
from checkout.db import Connection, sql
from ops.checkup import Diagnosis

# A ring is answered within milliseconds, and a lost one made good by the sweep after this long.
SWEPT_SECONDS = 5
LONGEST_SECONDS = 30
# Locks of ours change hands within milliseconds, and no transaction of ours is open for longer than this.
LOCK_SECONDS = 1
TRANSACTION_SECONDS = 10
MOST = 100_000
SHOWN = 5

_SECTION = "docs/runbook.md#orders-wait"
# Those that a person or their own next try waits for are told by `stuck`.
_ACCEPTED = sql("""
    SELECT count(*), extract(epoch FROM now() - min(since))::int
    FROM (SELECT since FROM arrivals WHERE NOT parked AND alone_at IS NULL LIMIT :most) AS a
""")
# Who waits for one that waits itself is not told of: the first of the chain is who can be ended.
_HELD = sql("""
    WITH waits AS (
        SELECT w.pid, max(extract(epoch FROM clock_timestamp() - COALESCE(l.waitstart, clock_timestamp()))) AS seconds
        FROM pg_stat_activity w JOIN pg_locks l ON l.pid = w.pid AND NOT l.granted
        WHERE w.datname = current_database() GROUP BY w.pid
    ), holders AS (
        SELECT DISTINCT w.pid AS waiter, w.seconds, h.pid
        FROM waits w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS h (pid)
        WHERE h.pid NOT IN (SELECT pid FROM waits)
    )
    SELECT h.pid, COALESCE(NULLIF(a.application_name, ''), a.usename, 'a prepared transaction') AS name,
        COALESCE(a.state, 'unknown') AS state,
        COALESCE(extract(epoch FROM clock_timestamp() - a.xact_start), max(h.seconds))::int AS open_seconds,
        array_agg(h.waiter ORDER BY h.seconds DESC) AS waiters, max(h.seconds)::int AS waited_seconds
    FROM holders h LEFT JOIN pg_stat_activity a ON a.pid = h.pid
    GROUP BY h.pid, a.application_name, a.usename, a.state, a.xact_start
    ORDER BY open_seconds DESC
""")


class Holder(NamedTuple):
    """A session that others wait for; `open_seconds` is the age of its transaction."""

    pid: int
    name: str
    state: str
    open_seconds: int
    waiters: list[int]
    waited_seconds: int

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.waiters[:SHOWN])) + (", …" if len(self.waiters) > SHOWN else "")
        session = f"{self.pid} ({self.name}, {self.state}, open for {self.open_seconds} s)"
        return f"{session} holds up {shown} for {self.waited_seconds} s"


def orders(connection: Connection) -> Diagnosis:
    """How many are accepted and not placed, and for how long the oldest has waited."""
    count, seconds = connection.execute(_ACCEPTED, {"most": MOST}).one()
    if not count:
        return Diagnosis("orders", "ok", "no order waits to be placed")
    seen = f"{count} wait to be placed, the oldest for {seconds} s"
    if seconds <= SWEPT_SECONDS:
        return Diagnosis("orders", "ok", seen)
    state = "warn" if seconds <= LONGEST_SECONDS else "fail"
    return Diagnosis("orders", state, f"{seen}: see the lines locks, workers and beat, then {_SECTION}")


def locks(connection: Connection) -> Diagnosis:
    """Who holds up whom, as far as it is more than a moment."""
    holders = [Holder(*row) for row in connection.execute(_HELD)]
    held = [one for one in holders if one.waited_seconds >= LOCK_SECONDS or one.open_seconds >= TRANSACTION_SECONDS]
    if not held:
        return Diagnosis("locks", "ok", "nobody waits for a lock for longer than a moment")
    state = "fail" if held[0].open_seconds >= TRANSACTION_SECONDS else "warn"
    return Diagnosis("locks", state, f"{'; '.join(map(str, held[:SHOWN]))}: {_end_of(held[0])}")


def _end_of(holder: Holder) -> str:
    if not holder.pid:  # What was prepared belongs to no session any more.
        return f"ROLLBACK PREPARED what pg_prepared_xacts has and nobody will commit, see {_SECTION}"
    return f"end who does not belong there by SELECT pg_terminate_backend({holder.pid}), see {_SECTION}"


def stuck(connection: Connection) -> Diagnosis:
    """How many matters of each kind need a person, money first."""
    if counted := waiting.count(connection):
        told = ", ".join(f"{count} {kind}" for kind, count in counted.items())
        return Diagnosis("stuck", "warn", f"{told}: checkout stuck says what to do about each")
    return Diagnosis("stuck", "ok", "nothing needs a person")
