"""Taking buyers out of stored bills: the rows of erased orders keep their numbers, times and amounts, and no text.

A bill is written anew once for all its rows that are due; every other row stays as it was, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from tempfile import SpooledTemporaryFile

from checkout.alipay import bill
from checkout.db import Connection, Engine, array, command, sql, transaction
from checkout.reconciliation import archive, bills, rows

NUMBERS_AT_ONCE = 5000

# Who completes a bill (bills.py) waits until we have committed: one of the two sees what the other did.
_LOCK_BILLS = command("LOCK TABLE bills IN SHARE MODE")
_PLAN = command("""
    INSERT INTO bill_erasures (day, out_trade_no)
    SELECT DISTINCT day, out_trade_no FROM bill_lines WHERE out_trade_no = ANY(CAST(:numbers AS text[]))
    ON CONFLICT DO NOTHING
""")
_DAYS = sql("""
    SELECT DISTINCT e.day FROM bill_erasures e JOIN bills b USING (day)
    WHERE b.lines IS NOT NULL ORDER BY 1 LIMIT :limit
""")
_NUMBERS = sql("SELECT out_trade_no FROM bill_erasures WHERE day = :day ORDER BY 1 LIMIT :limit")
_SAME = sql("SELECT day FROM bills WHERE day = :day AND asked_at = :asked_at AND lines IS NOT NULL FOR UPDATE")
_DONE = command("""
    DELETE FROM bill_erasures WHERE day = :day AND out_trade_no = ANY(CAST(:numbers AS text[]))
""")


def plan(connection: Connection, numbers: Collection[str]) -> None:
    """The bills' rows with these numbers are to name nobody any more."""
    connection.execute(_LOCK_BILLS)
    connection.execute(_PLAN, {"numbers": array(numbers)})


def blank_bills(engine: Engine, limit: int = 10) -> int:
    """Writes the bills with rows that are due anew; returns how many."""
    with transaction(engine) as connection:
        days = list(connection.execute(_DAYS, {"limit": limit}).scalars())
    return sum(_blank(engine, day) for day in days)


def _blank(engine: Engine, day: date) -> bool:
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
        archive.rewrite(before, after, lambda listed: rows.without_texts(listed, set(numbers)))
        with transaction(engine) as connection:
            values = {"day": day, "asked_at": kept.asked_at}
            if connection.execute(_SAME, values).one_or_none() is None:
                return False  # It was fetched again meanwhile.
            bills.put_archive(connection, day, after)
            connection.execute(_DONE, {"day": day, "numbers": array(numbers)})
    return True
