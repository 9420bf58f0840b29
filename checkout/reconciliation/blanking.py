"""Taking buyers out of stored bills: the rows of erased orders keep their numbers, times and amounts, and no text.

A bill is written anew once for all its rows that are due; every other row stays as it was, byte for byte. One process
at a time does it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

from checkout.alipay import bill
from checkout.db import Connection, Engine, array, command, sql, transaction
from checkout.reconciliation import archive, bills, rows


class Unplanned(NamedTuple):
    """A bill of which nobody has looked yet whose rows it has."""

    day: date
    asked_at: datetime
    lines: int


NUMBERS_AT_ONCE = 5000
LINES_AT_ONCE = 5000
# Longer than the largest bill takes; whoever died with it is waited for.
LEASE_SECONDS = 1800

# Who plans bills (`unplanned`) waits at the barrier until we have committed: one of the two sees what the other did.
_NOT_PAST_THE_BARRIER = sql("SELECT pg_advisory_xact_lock_shared(hashtext('bill_erasures'), 0)")
_BARRIER = sql("SELECT pg_advisory_xact_lock(hashtext('bill_erasures'), 0)")
_PLAN = command("""
    INSERT INTO bill_erasures (day, out_trade_no)
    SELECT DISTINCT day, out_trade_no FROM bill_lines WHERE out_trade_no = ANY(CAST(:numbers AS text[]))
    ON CONFLICT DO NOTHING
""")
_UNPLANNED = sql("SELECT day, asked_at, lines FROM bills WHERE lines IS NOT NULL AND NOT erasures_planned ORDER BY day")
# For each line one look along an index: OFFSET 0 keeps the planner from reading all orders once for all of them.
_PLAN_LINES = command("""
    INSERT INTO bill_erasures (day, out_trade_no)
    SELECT DISTINCT l.day, l.out_trade_no
    FROM (SELECT * FROM bill_lines WHERE day = :day AND line >= :first AND line < :last OFFSET 0) AS l
    CROSS JOIN LATERAL (
        SELECT order_id FROM payments WHERE out_trade_no = l.out_trade_no
        UNION ALL SELECT order_id FROM payments WHERE trade_no = l.out_trade_no OFFSET 0) AS p
    CROSS JOIN LATERAL (SELECT FROM orders WHERE id = p.order_id AND erased_at IS NOT NULL OFFSET 0) AS o
    ON CONFLICT DO NOTHING
""")
_PLANNED = command("UPDATE bills SET erasures_planned = true WHERE day = :day AND asked_at = :asked_at")
_LEASE = sql("""
    UPDATE retention SET blanking_until = now() + make_interval(secs => :seconds)
    WHERE blanking_until < now() RETURNING blanking_until
""")
_RENEW = sql("""
    UPDATE retention SET blanking_until = now() + make_interval(secs => :seconds)
    WHERE blanking_until = :until RETURNING blanking_until
""")
_RELEASE = command("UPDATE retention SET blanking_until = '-infinity' WHERE blanking_until = :until")
_DAYS = sql("SELECT DISTINCT e.day FROM bill_erasures e JOIN bills b USING (day) WHERE b.lines IS NOT NULL ORDER BY 1")
_NUMBERS = sql("SELECT out_trade_no FROM bill_erasures WHERE day = :day ORDER BY 1 LIMIT :limit")
_SAME = sql("SELECT day FROM bills WHERE day = :day AND asked_at = :asked_at AND lines IS NOT NULL FOR UPDATE")
_DONE = command("""
    DELETE FROM bill_erasures WHERE day = :day AND out_trade_no = ANY(CAST(:numbers AS text[]))
""")


def plan(connection: Connection, numbers: Collection[str]) -> None:
    """The bills' rows with these numbers are to name nobody any more."""
    connection.execute(_NOT_PAST_THE_BARRIER)
    connection.execute(_PLAN, {"numbers": array(numbers)})


class Lease:
    """The right to write bills anew. Nobody else has it, until its end or for so long."""

    def __init__(self, until: datetime) -> None:
        self.until = until

    def renewed(self, connection: Connection) -> bool:
        """Whether it is ours still, and for the whole time from now on; nobody takes it before we commit."""
        until = connection.execute(_RENEW, {"until": self.until, "seconds": LEASE_SECONDS}).scalar()
        self.until = until or self.until
        return until is not None


@contextmanager
def lease(engine: Engine) -> Iterator[Lease | None]:
    """The lease, unless somebody else has it."""
    with transaction(engine) as connection:
        until = connection.execute(_LEASE, {"seconds": LEASE_SECONDS}).scalar()
    taken = Lease(until) if until else None
    try:
        yield taken
    finally:
        if taken:
            with transaction(engine) as connection:
                connection.execute(_RELEASE, {"until": taken.until})


def unplanned(engine: Engine) -> list[Unplanned]:
    """The bills that have come since, once all who erased before their lines were here have committed."""
    with transaction(engine) as connection:
        found = [Unplanned(*row) for row in connection.execute(_UNPLANNED)]
        if found:
            connection.execute(_BARRIER)
    return found


def plan_bill(engine: Engine, bill: Unplanned) -> None:
    """What the bill says of orders that were erased before it came."""
    for first in range(0, bill.lines + 1, LINES_AT_ONCE):
        with transaction(engine) as connection:
            connection.execute(_PLAN_LINES, {"day": bill.day, "first": first, "last": first + LINES_AT_ONCE})
    with transaction(engine) as connection:
        connection.execute(_PLANNED, {"day": bill.day, "asked_at": bill.asked_at})


def days(engine: Engine) -> list[date]:
    """The days whose bills have rows that are due."""
    with transaction(engine) as connection:
        return list(connection.execute(_DAYS).scalars())


def blank(engine: Engine, day: date, lease: Lease) -> bool:
    """Writes the day's bill anew without whom it names in the rows that are due; False: others did meanwhile."""
    with transaction(engine) as connection:
        kept = bills.find(connection, day)
        numbers = list(connection.execute(_NUMBERS, {"day": day, "limit": NUMBERS_AT_ONCE}).scalars())
    if kept is None or not numbers:
        return False
    with (
        SpooledTemporaryFile(max_size=bill.MEMORY_BYTES) as before,
        SpooledTemporaryFile(max_size=bill.MEMORY_BYTES) as after,
    ):
        bills.unpack(engine, day, before)
        archive.rewrite(before, after, lambda listed: rows.without_texts(listed, numbers))
        with transaction(engine) as connection:
            values = {"day": day, "asked_at": kept.asked_at}
            if connection.execute(_SAME, values).one_or_none() is None:
                return False  # It was fetched again meanwhile.
            if not lease.renewed(connection):
                return False  # It took so long that somebody else may have written it meanwhile.
            bills.put_archive(connection, day, after)
            connection.execute(_DONE, {"day": day, "numbers": array(numbers)})
    return True
