"""What a shop looks like at this moment, in numbers: what waits, for how long, and how far behind somebody is.

Looking costs little whatever there is: each statement reads a small table or along an index, and counts no further than
`MOST`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from checkout.audit import stuck
from checkout.db import Connection, sql

MOST = 100_000


class Gauge(NamedTuple):
    """`label` names what its samples differ by; empty: there is one sample."""

    name: str
    label: str
    meaning: str


class Sample(NamedTuple):
    """`of` is the label's value."""

    gauge: Gauge
    of: str
    value: float


# Each with the statement that gives its samples, label and value.
_READ = {
    Gauge("checkout_orders_accepted", "state", "Orders that are stored and not placed yet."): """
        SELECT CASE WHEN parked THEN 'parked' WHEN alone_at IS NOT NULL THEN 'alone' ELSE 'waiting' END, count(*)
        FROM (SELECT parked, alone_at FROM arrivals LIMIT :most) AS a GROUP BY 1
        """,
    Gauge(
        "checkout_orders_accepted_seconds",
        "",
        "Since the oldest came that waits for a worker alone.",
    ): """
        SELECT '', COALESCE(extract(epoch FROM now() - min(since)), 0)
        FROM (SELECT since FROM arrivals WHERE NOT parked AND alone_at IS NULL LIMIT :most) AS a
        """,
    Gauge("checkout_payments_open", "", "Attempts that may still bring money."): """
        SELECT '', count(*) FROM (SELECT FROM payments WHERE due_at IS NOT NULL LIMIT :most) AS p
        """,
    Gauge("checkout_notifies_waiting", "", "Notifies of Alipay that are stored and not applied yet."): """
        SELECT '', count(*) FROM (SELECT FROM notifies WHERE applied_at IS NULL LIMIT :most) AS n
        """,
    Gauge("checkout_notifies_waiting_seconds", "", "Since the oldest of them came."): """
        SELECT '', COALESCE(extract(epoch FROM now() - (
            SELECT received_at FROM notifies WHERE applied_at IS NULL ORDER BY id LIMIT 1)), 0)
        """,
    Gauge("checkout_refunds_waiting", "status", "Refunds that have not ended."): """
        SELECT status::text, count(*)
        FROM (SELECT status FROM refunds WHERE next_try_at IS NOT NULL LIMIT :most) AS r GROUP BY 1
        """,
    Gauge("checkout_relay_behind_events", "", "Events that subscribers have not been sent."): """
        SELECT '', count(*)
        FROM (SELECT FROM events WHERE id > (SELECT published FROM relay) ORDER BY id LIMIT :most) AS e
        """,
    Gauge("checkout_relay_behind_seconds", "", "Since the oldest of them happened."): """
        SELECT '', COALESCE(extract(epoch FROM now() - (
            SELECT at FROM events WHERE id > (SELECT published FROM relay) ORDER BY id LIMIT 1)), 0)
        """,
    Gauge("checkout_webhook_behind_events", "webhook", "Events that an endpoint has not come to."): """
        SELECT w.id::text, (SELECT count(*) FROM (
            SELECT FROM events WHERE events.id > w.reached ORDER BY events.id LIMIT :most) AS e)
        FROM webhook_endpoints w
        """,
    Gauge("checkout_webhook_set_aside", "webhook", "Subjects that wait behind an event that it did not take."): """
        SELECT w.id::text, (SELECT count(*) FROM webhook_subjects s WHERE s.endpoint_id = w.id)
        FROM webhook_endpoints w
        """,
    Gauge("checkout_webhook_failures", "webhook", "How often in a row nobody answered there."): """
        SELECT id::text, failures FROM webhook_endpoints
        """,
    Gauge("checkout_erasures_due", "", "Orders that are to be erased once they have ended."): """
        SELECT '', count(*) FROM (SELECT FROM erasures_due LIMIT :most) AS e
        """,
    Gauge("checkout_partitions_ahead_days", "", "How many days from today on have their partitions."): """
        SELECT '', COALESCE(max(to_date(right(relname, 8), 'YYYYMMDD')) - (now() AT TIME ZONE 'UTC')::date, -1)
        FROM pg_class WHERE relname ~ '^events_[0-9]{8}$' AND relkind = 'r'
        """,
    Gauge("checkout_audit_finished_seconds", "", "When the last whole audit was done; never: there is no sample."): """
        SELECT '', extract(epoch FROM at) FROM heartbeats WHERE loop = 'audit'
        """,
    # A fault of that very round: both have the time of their transaction.
    Gauge("checkout_audit_ok", "", "1: the last whole audit found nothing."): """
        SELECT '', (last_fault_at IS DISTINCT FROM at)::int FROM heartbeats WHERE loop = 'audit'
        """,
    Gauge("checkout_database_connections", "state", "Connections to our database by what they do."): """
        SELECT COALESCE(state, 'other'), count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
        """,
    Gauge("checkout_database_lock_seconds", "", "For how long somebody in our database waits for a lock by now."): """
        SELECT '', COALESCE(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)
        FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()
        """,
    Gauge("checkout_database_connections_most", "", "How many the server takes."): """
        SELECT '', setting::int FROM pg_settings WHERE name = 'max_connections'
        """,
}
_STATEMENTS = {gauge.name: sql(statement) for gauge, statement in _READ.items()}
STUCK = Gauge("checkout_stuck", "kind", "Matters that need a person, as checkout stuck lists them.")
GAUGES = (*_READ, STUCK)


def read(connection: Connection) -> Iterator[Sample]:
    """All samples, gauge by gauge."""
    for gauge in _READ:
        statement = _STATEMENTS[gauge.name]
        for of, value in connection.execute(statement, {"most": MOST} if ":most" in statement.text else {}):
            yield Sample(gauge, of, float(value))
    found = stuck.count(connection)
    for kind in stuck.KINDS:  # One that is never there could not be asked about.
        yield Sample(STUCK, kind, float(found.get(kind, 0)))
