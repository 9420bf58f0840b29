"""The trace of each order whose request came in one: what happens to the order later is told in the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from checkout.db import Connection, array, command, sql

# As long as the log of events, which is who asks.
DAYS = 30
FORGOTTEN_AT_ONCE = 10_000

_KEEP = command("""
    INSERT INTO traces (order_id, traceparent)
    SELECT order_id, traceparent
    FROM unnest(CAST(:ids AS bigint[]), CAST(:traceparents AS text[])) AS c (order_id, traceparent)
""")
_OF = sql("SELECT order_id, traceparent FROM traces WHERE order_id = ANY(CAST(:ids AS bigint[]))")
# By their ids, which come in about the order of time: what is young is not looked through for what is old.
_FORGET = sql("""
    DELETE FROM traces WHERE order_id IN (
        SELECT order_id FROM (SELECT order_id, since FROM traces ORDER BY order_id LIMIT :limit) AS oldest
        WHERE since < now() - make_interval(days => :days))
    RETURNING order_id
""")


def keep(connection: Connection, traceparents: Mapping[int, str]) -> None:
    """Writes the traces of new orders."""
    if traceparents:
        ids, values = array(traceparents), array(traceparents.values())
        connection.execute(_KEEP, {"ids": ids, "traceparents": values})


def of(connection: Connection, order_ids: Collection[int]) -> dict[int, str]:
    """The traces of those orders that have one."""
    rows = connection.execute(_OF, {"ids": array(order_ids)}).all()
    return {row.order_id: row.traceparent for row in rows}


def forget(connection: Connection) -> int:
    """Drops some of what is too old to be told of; how many, and whoever calls comes back while there are many."""
    return len(connection.execute(_FORGET, {"limit": FORGOTTEN_AT_ONCE, "days": DAYS}).all())
