"""Reconciliation: our books of a Beijing day against Alipay's bill of it. Run again, it changes nothing again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from structlog import get_logger

from checkout import clock, db
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection, Engine, sql, transaction
from checkout.errors import CheckoutError
from checkout.reconciliation import bills, discrepancies, inquiries
from checkout.reconciliation.discrepancies import Discrepancy
from checkout.resources import Resources

log = get_logger(__name__)

# Half an hour after Alipay's promise. Days that nobody reconciled are made up for as long as this.
DUE_AFTER = bills.DUE_AFTER + timedelta(minutes=30)
DAYS_BACK = 7
OPEN_DAYS = 31
LOOK_AGAIN_SECONDS = 30
STATEMENT_SECONDS = 120


class Sums(NamedTuple):
    """What moved on the day, as one side counts. Ours is when we heard of it, so the two may differ near midnight."""

    payments: int
    payments_fen: int
    refunds: int
    refunds_fen: int


@dataclass(frozen=True)
class Report:
    """A day compared: what differs, as far as a list reaches, and how many of them are not merely held."""

    day: date
    ours: Sums
    theirs: Sums
    discrepancies: Sequence[Discrepancy]
    open: int

    @property
    def is_clean(self) -> bool:
        return self.open == 0


def run(resources: Resources, day: date, *, fetch_again: bool = False) -> Report:
    """Has the day's bill here, takes in what Alipay confirms, and lists what remains.

    Other days that do not agree yet are compared again. Raises NotReady, BillRefused and Unreadable.
    """
    url = resources.settings.database_url
    books = db.connect(url, size=1, statement_seconds=STATEMENT_SECONDS, by_index=False)
    try:
        bills.ensure(books, resources.alipay, day, fetch_again=fetch_again)
        report = _compare(books, day)
        if inquiries.ask(resources, report.discrepancies):
            report = _compare(books, day)
        _look_again(books, day)
    finally:
        books.dispose()
    with transaction(resources.engine) as connection:
        alarms.settle(connection, [day.isoformat()])
    log.info("reconciled", day=day.isoformat(), differ=report.open, is_clean=report.is_clean)
    return report


def _compare(books: Engine, day: date) -> Report:
    with transaction(books) as connection:
        discrepancies.note(connection, day)
        found, count = discrepancies.listed(connection, day), discrepancies.open_count(connection, day)
        return Report(day, _ours(connection, day), _theirs(connection, day), found, count)


def _look_again(books: Engine, day: date) -> None:
    """What was held for this day's bill, or has been settled since, is decided; the newest days first."""
    end = time.monotonic() + LOOK_AGAIN_SECONDS
    with transaction(books) as connection:
        days = discrepancies.open_days(connection, OPEN_DAYS)
    for other in days:
        if other != day and time.monotonic() < end:
            _compare(books, other)


_OURS = sql("""
    SELECT * FROM (
        SELECT count(*), COALESCE(sum(paid_fen), 0)::bigint FROM payments WHERE paid_at >= :start AND paid_at < :end
    ) AS p (payments, payments_fen), (
        SELECT count(*), COALESCE(sum(amount_fen), 0)::bigint FROM refunds
        WHERE finished_at >= :start AND finished_at < :end AND status = 'succeeded'
    ) AS r (refunds, refunds_fen)
""")
_THEIRS = sql("""
    SELECT count(*) FILTER (WHERE fen > 0), COALESCE(sum(fen) FILTER (WHERE fen > 0), 0)::bigint,
        count(*) FILTER (WHERE fen < 0), COALESCE(-sum(fen) FILTER (WHERE fen < 0), 0)::bigint
    FROM bill_lines WHERE day = :day
""")


def _ours(connection: Connection, day: date) -> Sums:
    start, end = bills.limits(day)
    return Sums(*connection.execute(_OURS, {"start": start, "end": end}).one())


def _theirs(connection: Connection, day: date) -> Sums:
    return Sums(*connection.execute(_THEIRS, {"day": day}).one())


def tell(connection: Connection, day: date, error: CheckoutError) -> None:
    """A day whose bill cannot be read or had, for a person; the other days have their turn."""
    says = f"the bill of {day} cannot be compared: {error}"
    alarms.raise_alarm(connection, Alarm("bill_unreadable", day.isoformat(), says))


_FIRST = sql("SELECT now() AS now, (SELECT created_at FROM payments ORDER BY order_id, n LIMIT 1) AS first")
# An empty bill while our books have money of that day was perhaps only late.
_RECONCILED = sql("""
    SELECT day, asked_at FROM bills b WHERE day >= :first AND lines IS NOT NULL
        AND (lines > 0 OR NOT EXISTS (SELECT FROM discrepancies d WHERE d.day = b.day AND resolved_at IS NULL))
""")


def due(connection: Connection) -> list[date]:
    """The days whose bill should be there and is not reconciled, the oldest first; none before the first payment."""
    row = connection.execute(_FIRST).one()
    if row.first is None:
        return []
    last = (row.now - DUE_AFTER).astimezone(clock.BEIJING).date() - timedelta(days=1)
    first = max(row.first.astimezone(clock.BEIJING).date(), last - timedelta(days=DAYS_BACK - 1))
    kept = connection.execute(_RECONCILED, {"first": first})
    reconciled = {bill.day for bill in kept if bill.asked_at >= bills.limits(bill.day)[1]}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day not in reconciled]
