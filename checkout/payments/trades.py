"""The one way in for payment truth: whatever Alipay says, by notify, query, return or bill, ends in `believe`.

Attempts only move forward (open → paid or closed → refunded; closed → paid when money comes late), each decided
once, under its order's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checkout.alipay.trade import Trade
from checkout.db import Connection, array, sql
from checkout.metrics import measures
from checkout.orders import attempts, closing
from checkout.orders.ledger import Ledger, Order, Payment
from checkout.payments import refunds

PAID = ("TRADE_SUCCESS", "TRADE_FINISHED")
# A fresh database on the same merchant account must not take an old trade for its own. Alipay's clock and ours may
# differ a little, and it tells whole seconds.
OLDER_SECONDS = 120

Place = tuple[int, int]  # an order's id, and which of its attempts
Money = tuple[Order, Payment]


@dataclass(frozen=True)
class Rules:
    """What the shop decided about money that comes when it is no longer expected."""

    reinstate: bool


@dataclass(frozen=True)
class Applied:
    """What became of the trades, by place, and which orders to wake whom about."""

    outcomes: list[str]
    wakes: list[tuple[int, int]]
    orders: dict[str, int]  # of the out_trade_nos that are ours
    erased: frozenset[str] = frozenset()  # those of orders of which nobody knows any more for whom they were


_PLACES = sql("SELECT out_trade_no, order_id, n FROM payments WHERE out_trade_no = ANY(CAST(:numbers AS text[]))")
_HOLDERS = sql("SELECT trade_no, order_id, n FROM payments WHERE trade_no = ANY(CAST(:numbers AS text[]))")


def places(connection: Connection, out_trade_nos: Sequence[str]) -> dict[str, Place]:
    """The attempt of each out_trade_no that is ours; read without locks, to lock the orders first."""
    rows = connection.execute(_PLACES, {"numbers": array(set(out_trade_nos))})
    return {row.out_trade_no: (row.order_id, row.n) for row in rows}


def _holders(connection: Connection, trades: Sequence[Trade]) -> dict[str, Place]:
    """The attempt that each of Alipay's trades has paid for already. Two at once: the second meets a unique index."""
    numbers = {trade.trade_no for trade in trades if _has_paid(trade)}
    if not numbers:
        return {}
    rows = connection.execute(_HOLDERS, {"numbers": array(numbers)})
    return {row.trade_no: (row.order_id, row.n) for row in rows}


def apply(connection: Connection, trades: Sequence[Trade], rules: Rules) -> Applied:
    """Believes each trade, in their order; one that is no payment of ours is `unknown_payment`."""
    known = places(connection, [trade.out_trade_no for trade in trades])
    ledger = Ledger(connection, (order_id for order_id, _ in known.values()))
    told = [(known[trade.out_trade_no], trade) for trade in trades if trade.out_trade_no in known]
    outcomes = iter(believe(ledger, told, rules))
    became = [next(outcomes) if trade.out_trade_no in known else "unknown_payment" for trade in trades]
    orders = {number: order_id for number, (order_id, _) in known.items()}
    erased = frozenset(number for number, order_id in orders.items() if ledger.orders[order_id].erased_at)
    return Applied(became, ledger.save(), orders, erased)


def believe(ledger: Ledger, told: Sequence[tuple[Place, Trade]], rules: Rules) -> list[str]:
    """Applies what Alipay says of these attempts, in this order.

    Outcomes: applied, unchanged, amount_differs, too_old, trade_differs.
    """
    holders = _holders(ledger.connection, [trade for _, trade in told])
    unkept: list[Money] = []
    outcomes = []
    for (order_id, n), trade in told:
        order = ledger.orders[order_id]
        payment = order.payments[n - 1]
        fault = _fault(payment, trade, holders)
        outcomes.append(fault or _learn(ledger, order, payment, trade, unkept))
        if payment.trade_no:
            holders[payment.trade_no] = (order_id, n)
    _decide(ledger, unkept, rules)
    return outcomes


def _has_paid(trade: Trade) -> bool:
    """Closed with money that went back was paid before."""
    return trade.status in PAID or bool(trade.refunded_fen)


def _fault(payment: Payment, trade: Trade, holders: dict[str, Place]) -> str | None:
    """Why the trade is not this attempt's, although it has its number."""
    if trade.total_fen != payment.amount_fen or (trade.refunded_fen or 0) > trade.total_fen:
        return "amount_differs"
    age = (payment.created_at - trade.created_at).total_seconds() if trade.created_at and payment.created_at else 0
    if age > OLDER_SECONDS:
        return "too_old"
    holder = holders.get(trade.trade_no, (payment.order_id, payment.n))
    if payment.trade_no not in (None, trade.trade_no) or holder != (payment.order_id, payment.n):
        return "trade_differs"
    return None


def _learn(ledger: Ledger, order: Order, payment: Payment, trade: Trade, unkept: list[Money]) -> str:
    before = (payment.status, order.version)
    if _has_paid(trade) and payment.status in ("open", "closed"):
        _money_came(ledger, order, payment, trade, unkept)
    elif trade.status == "TRADE_CLOSED" and payment.status == "open":
        attempts.close(ledger, order, payment, "closed_at_alipay")
        closing.settle(ledger, order)
    if payment.status in ("paid", "refunded"):
        refunded_fen = payment.paid_fen if trade.status == "TRADE_CLOSED" else trade.refunded_fen or 0
        refunds.take_in(ledger, order, payment, refunded_fen)
    return "unchanged" if (payment.status, order.version) == before else "applied"


def _money_came(ledger: Ledger, order: Order, payment: Payment, trade: Trade, unkept: list[Money]) -> None:
    payment.status = "paid"
    payment.trade_no = trade.trade_no
    payment.paid_fen = payment.amount_fen
    payment.paid_at = ledger.now
    payment.due_at = None
    ledger.record_payment(order, payment, "payment.succeeded")
    if order.status == "awaiting_payment":
        _keep(ledger, order, payment, "order.paid")
        closing.end_attempts(ledger, order)
    else:
        unkept.append((order, payment))
    closing.settle(ledger, order)  # A closed order's stock may have waited for this attempt.


def _keep(ledger: Ledger, order: Order, payment: Payment, topic: str) -> None:
    payment.kept = True
    order.status = "awaiting_shipment"
    order.reason = None
    order.paid_at = ledger.now
    order.closing_at = None
    order.closed_at = None
    order.stock = "held"
    ledger.record(order, topic, payment_id=payment.id)
    if placed_at := order.payments[0].created_at:  # Placing makes the first attempt.
        measures.order_paid_after.add((ledger.now - placed_at).total_seconds())


def _decide(ledger: Ledger, unkept: Sequence[Money], rules: Rules) -> None:
    """Money that nobody waits for: an expired order whose units are there lives again, everything else goes back."""
    revivable = [money for money in unkept if rules.reinstate and _may_revive(*money)]
    orders = {order.id: order for order, _ in revivable}
    taken = ledger.take_again(list(orders.values())) if orders else set[int]()
    for order, payment in unkept:
        if order.id in taken and _may_revive(order, payment):
            _keep(ledger, order, payment, "order.reinstated")
        elif payment.left_fen:
            refunds.send_back(ledger, order, payment)


def _may_revive(order: Order, payment: Payment) -> bool:
    whole = payment.left_fen == payment.paid_fen  # Nothing of it went back in Alipay's console meanwhile.
    is_revivable = order.reason == "expired" and order.stock == "returned" and order.erased_at is None
    return whole and order.kept is None and is_revivable
