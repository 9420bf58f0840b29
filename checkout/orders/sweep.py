"""What was left behind by a lost doorbell or a killed worker is found again here."""

from __future__ import annotations

from typing import NamedTuple

from checkout.db import Connection, sql
from checkout.errors import NotFound

OVERDUE_SECONDS = 3
MOST_ORDERS = 1000

# An order rung twice without being placed may be what kills its batch: from then on it is rung alone.
_RING_AGAIN = sql("""
    UPDATE arrivals SET rings = LEAST(rings + 1, 30000), rung_at = now()
    FROM (
        SELECT order_id AS late FROM arrivals
        WHERE error IS NULL
            AND rung_at < now() - make_interval(secs => CAST(:overdue AS float8) * (1 + LEAST(rings, 10)))
        ORDER BY order_id LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS l
    WHERE order_id = late RETURNING order_id, rings
""")
_PARK = sql("UPDATE arrivals SET error = :error WHERE order_id = :id")
# Rung alone that often without an end: it kills whoever takes it.
_PARK_KILLERS = sql("""
    UPDATE arrivals SET error = 'never placed, although it was rung alone again and again'
    WHERE error IS NULL AND rings > 6 AND order_id = ANY(:ids) RETURNING order_id
""")


class Overdue(NamedTuple):
    """Accepted orders to ring for: those that may go together, and those that must go alone."""

    together: list[int]
    alone: list[int]


def overdue(connection: Connection) -> Overdue:
    """Finds accepted orders that nobody has placed in time, and counts the ring that the caller now owes them."""
    rows = connection.execute(_RING_AGAIN, {"overdue": OVERDUE_SECONDS, "limit": MOST_ORDERS}).all()
    parked = set(connection.execute(_PARK_KILLERS, {"ids": [row.order_id for row in rows]}).scalars())
    ringing = sorted((row.order_id, row.rings) for row in rows if row.order_id not in parked)
    return Overdue(
        [order_id for order_id, rings in ringing if rings < 2], [order_id for order_id, rings in ringing if rings >= 2]
    )


def park(connection: Connection, order_id: int, error: str) -> None:
    """The order failed alone: a person decides (`checkout stuck`, `checkout orders retry`)."""
    connection.execute(_PARK, {"id": order_id, "error": error[:500]})


_RETRY = sql("UPDATE arrivals SET error = NULL, rings = 0, rung_at = now() WHERE order_id = :id RETURNING order_id")


def retry(connection: Connection, order_id: int) -> None:
    """Lets a parked order be placed again. Raises NotFound."""
    if connection.execute(_RETRY, {"id": order_id}).one_or_none() is None:
        raise NotFound(f"order {order_id} does not wait to be placed")


_KEPT_DAYS = {"order_keys": 8, "events": 31}
# Whoever reads the whole log, like the audit, would otherwise make us wait, and behind us everybody who writes it.
_HURRY = sql("SET LOCAL lock_timeout = '1s'")
_MAKE = sql("""
    SELECT make_partitions((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date + 7)
""")
_DROP = sql("SELECT drop_partitions(:parent, (now() AT TIME ZONE 'UTC')::date - CAST(:days AS int))")


def turn_partitions(connection: Connection) -> int:
    """Makes the coming days' partitions and drops those that nobody needs any more; returns how many it dropped."""
    connection.execute(_HURRY)
    connection.execute(_MAKE)
    return sum(
        connection.execute(_DROP, {"parent": parent, "days": days}).scalar_one() for parent, days in _KEPT_DAYS.items()
    )
