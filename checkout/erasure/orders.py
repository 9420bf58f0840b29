"""Erasing what is due: what names the buyer goes, from the order, its attempts, its notifies and the stored bills.

An order is erased at its end: it is rejected, closed or completed, no attempt can bring money any more, and no refund
is under way. What comes later finds it erased: late money is refunded, and what names its buyer is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from checkout.db import Connection, Engine, array, command, sql, transaction
from checkout.erasure import wishes
from checkout.orders.ledger import Ledger, Order
from checkout.payments import notifies
from checkout.reconciliation import blanking

ORDERS_AT_ONCE = 100
LOOK_AGAIN_SECONDS = 10
LOOK_AGAIN_BY_AGE = timedelta(hours=1)
_CLAIM = sql("""
    SELECT d.order_id, e.user_id IS NOT NULL AS is_wished,
        o.status IN ('rejected', 'closed', 'completed') AS has_ended
    FROM erasures_due d JOIN orders o ON o.id = d.order_id LEFT JOIN erasures e ON e.user_id = o.user_id
    WHERE d.due_at <= now() ORDER BY d.due_at LIMIT :limit FOR UPDATE OF d SKIP LOCKED
""")
_REFUNDING = sql("""
    SELECT DISTINCT order_id FROM refunds WHERE order_id = ANY(CAST(:ids AS bigint[])) AND finished_at IS NULL
""")
_ERASE = command("""
    UPDATE orders SET recipient = '', phone = '', detail = '', remark = '', metadata = NULL, erased_at = now()
    WHERE id = ANY(CAST(:ids AS bigint[])) AND erased_at IS NULL
""")
_FORGET_BUYERS = command("""
    UPDATE payments SET buyer_open_id = NULL, buyer_id = NULL
    WHERE order_id = ANY(CAST(:ids AS bigint[])) AND num_nonnulls(buyer_open_id, buyer_id) > 0
""")
_DONE = command("DELETE FROM erasures_due WHERE order_id = ANY(CAST(:ids AS bigint[]))")
_PUT_OFF = command("""
    UPDATE erasures_due d SET due_at = p.due_at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:due_at AS timestamptz[])) AS p (order_id, due_at)
    WHERE d.order_id = p.order_id
""")


def run(engine: Engine, retention_seconds: int) -> Iterator[list[tuple[int, int]]]:
    """Plans what is new and erases what is due; yields after each commit the (order id, version) of those erased."""
    planned = True
    while planned:
        with transaction(engine) as connection:
            planned = wishes.walk(connection) > 0
    if retention_seconds:
        with transaction(engine) as connection:
            wishes.walk_by_age(connection, retention_seconds)
    seen = ORDERS_AT_ONCE
    while seen == ORDERS_AT_ONCE:
        with transaction(engine) as connection:
            seen, wakes = erase_due(connection, retention_seconds)
        yield wakes


def erase_due(connection: Connection, retention_seconds: int) -> tuple[int, list[tuple[int, int]]]:
    """Erases the orders that are due and have ended, and puts the others off; `ORDERS_AT_ONCE`.

    Returns how many were looked at, and the (order id, version) of those erased.
    """
    claimed = connection.execute(_CLAIM, {"limit": ORDERS_AT_ONCE}).all()
    if not claimed:
        return 0, []
    wished = {row.order_id: row.is_wished for row in claimed}
    # What is on its way is not locked: whoever places it would pass it by.
    ledger = Ledger(connection, [row.order_id for row in claimed if row.has_ended])
    refunding = set(connection.execute(_REFUNDING, {"ids": array(ledger.orders)}).scalars())
    later = {row.order_id: ledger.now + _pause(row.is_wished) for row in claimed if not row.has_ended}
    ended: list[Order] = []
    for order in ledger.orders.values():
        due_at = _due_at(order, ledger.now, retention_seconds, wished[order.id], order.id in refunding)
        if due_at is None:
            ended.append(order)
        else:
            later[order.id] = due_at
    wakes = _erase(ledger, [order for order in ended if order.erased_at is None])
    connection.execute(_DONE, {"ids": array(order.id for order in ended)})
    connection.execute(_PUT_OFF, {"ids": array(later), "due_at": array(at.isoformat() for at in later.values())})
    return len(claimed), wakes


def _pause(is_wished: bool) -> timedelta:
    return timedelta(seconds=LOOK_AGAIN_SECONDS) if is_wished else LOOK_AGAIN_BY_AGE


def _due_at(
    order: Order, now: datetime, retention_seconds: int, is_wished: bool, is_refunding: bool
) -> datetime | None:
    """When to look at it again; None: it is to be erased now."""
    # A reinstated one has come to life again meanwhile.
    has_ended = order.status in ("rejected", "closed", "completed")
    if not has_ended or is_refunding or any(payment.status == "open" for payment in order.payments):
        return now + _pause(is_wished)
    if is_wished:
        return None
    if not retention_seconds:  # It was decided otherwise meanwhile.
        return now + timedelta(days=1)
    at = (order.closed_at or order.completed_at or order.accepted_at) + timedelta(seconds=retention_seconds)
    return at if at > now else None


def _erase(ledger: Ledger, orders: Sequence[Order]) -> list[tuple[int, int]]:
    if not orders:
        return []
    connection, ids = ledger.connection, array(order.id for order in orders)
    numbers = [payment.out_trade_no for order in orders for payment in order.payments]
    trades = [payment.trade_no for order in orders for payment in order.payments if payment.trade_no]
    for order in orders:
        ledger.change(order)
    wakes = ledger.save()
    connection.execute(_ERASE, {"ids": ids})
    connection.execute(_FORGET_BUYERS, {"ids": ids})
    notifies.blank(connection, numbers)
    blanking.plan(connection, [*numbers, *trades])
    return wakes
