"""Taking buyers out of stored bills: the rows of erased orders keep their numbers, times and amounts, and no text.

A bill is written anew once for all its rows that are due; every other row stays as it was, byte for byte. One process
at a time does it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from tempfile import SpooledTemporaryFile

from checkout.alipay import bill
from checkout.db import Connection, Engine, array, command, sql, transaction
from checkout.reconciliation import archive, bills, rows

NUMBERS_AT_ONCE = 5000
LINES_AT_ONCE = 5000
# Longer than the largest bill takes; whoever died with it is waited for.
LEASE_SECONDS = 1800

# Who plans a bill (`_plan_bill`) waits at the barrier until we have committed: one of the two sees what the other did.
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
_RELEASE = command("UPDATE retention SET blanking_until = '-infinity' WHERE blanking_until = :until")
_DAYS = sql("SELECT DISTINCT e.day FROM bill_erasures e JOIN bills b USING (day) WHERE b.lines IS NOT NULL ORDER BY 1")
_NUMBERS = sql("SELECT out_trade_no FROM bill_erasures WHERE day = :day ORDER BY 1 LIMIT :limit")
_SAME = sql("SELECT day FROM bills WHERE day = :day AND asked_at = :asked_at AND lines IS NOT NULL FOR UPDATE")
_LEFT = sql("""
    SELECT count(*) FROM bill_erasures WHERE day = :day AND out_trade_no = ANY(CAST(:numbers AS text[]))
""")
_DONE = command("""
    DELETE FROM bill_erasures WHERE day = :day AND out_trade_no = ANY(CAST(:numbers AS text[]))
""")


def plan(connection: Connection, numbers: Collection[str]) -> None:
    """The bills' rows with these numbers are to name nobody any more."""
    connection.execute(_NOT_PAST_THE_BARRIER)
    connection.execute(_PLAN, {"numbers": array(numbers)})


@contextmanager
def lease(engine: Engine) -> Iterator[bool]:
    """Whether we are the one who blanks bills now; nobody else is, until the end."""
    with transaction(engine) as connection:
        until = connection.execute(_LEASE, {"seconds": LEASE_SECONDS}).scalar()
    try:
        yield until is not None
    finally:
        if until is not None:
            with transaction(engine) as connection:
                connection.execute(_RELEASE, {"until": until})


def plan_bills(engine: Engine) -> None:
    """What bills that have come since say of orders that were erased before."""
    with transaction(engine) as connection:
        unplanned = connection.execute(_UNPLANNED).all()
    if unplanned:
        with transaction(engine) as connection:
            connection.execute(_BARRIER)
    for day, asked_at, lines in unplanned:
        for first in range(0, lines + 1, LINES_AT_ONCE):
            with transaction(engine) as connection:
                connection.execute(_PLAN_LINES, {"day": day, "first": first, "last": first + LINES_AT_ONCE})
        with transaction(engine) as connection:
            connection.execute(_PLANNED, {"day": day, "asked_at": asked_at})


def days(engine: Engine) -> list[date]:
    """The days whose bills have rows that are due."""
    with transaction(engine) as connection:
        return list(connection.execute(_DAYS).scalars())


def blank(engine: Engine, day: date) -> bool:
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
            due = {"day": day, "numbers": array(numbers)}
            if connection.execute(_LEFT, due).scalar_one() < len(numbers):
                return False  # Somebody whose lease was over has written it meanwhile.
            bills.put_archive(connection, day, after)
            connection.execute(_DONE, due)
    return True
