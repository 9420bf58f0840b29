"""The one way in for payment truth: whatever Alipay says, by notify, query, return or bill, ends in `apply`.

Attempts only move forward (open → paid or closed → refunded; closed → paid when money comes late), each decided
once, under its order's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from checkout.alipay.trade import Trade
from checkout.db import Connection, array, sql
from checkout.orders import attempts, closing
from checkout.orders.ledger import Ledger, Order, Payment
from checkout.payments import refunds

PAID = ("TRADE_SUCCESS", "TRADE_FINISHED")


@dataclass(frozen=True)
class Rules:
    """What the shop decided about money that comes when it is no longer expected."""

    reinstate: bool


@dataclass(frozen=True)
class Applied:
    """What became of the trades, by place, and which orders to wake whom about."""

    outcomes: list[str]
    wakes: list[tuple[int, int]]


_ORDERS_OF = sql("""
    SELECT out_trade_no, order_id, n FROM payments WHERE out_trade_no = ANY(CAST(:numbers AS text[]))
""")


def owners(connection: Connection, numbers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The (order, attempt) of each out_trade_no that is ours; read without locks, to lock the orders first."""
    rows = connection.execute(_ORDERS_OF, {"numbers": array(set(numbers))})
    return {row.out_trade_no: (row.order_id, row.n) for row in rows}


def apply(connection: Connection, trades: Sequence[Trade], rules: Rules) -> Applied:
    """Believes each trade, in their order. Outcomes: applied, unchanged, unknown_payment, amount_differs, too_old."""
    known = owners(connection, [trade.out_trade_no for trade in trades])
    ledger = Ledger(connection, (order_id for order_id, _ in known.values()))
    outcomes = []
    for trade in trades:
        place = known.get(trade.out_trade_no)
        if place is None:
            outcomes.append("unknown_payment")
            continue
        order = ledger.orders[place[0]]
        payment = order.payments[place[1] - 1]
        outcomes.append(believe(ledger, order, payment, trade, rules))
    return Applied(outcomes, ledger.save())


def believe(ledger: Ledger, order: Order, payment: Payment, trade: Trade, rules: Rules) -> str:
    """Applies one trade to its attempt and order; returns the outcome."""
    if trade.total_fen != payment.amount_fen or (trade.refunded_fen or 0) > trade.total_fen:
        return "amount_differs"
    # A fresh database on the same merchant account must not take an old trade for its own. Alipay's clock and ours
    # may differ a little, and it tells whole seconds.
    if trade.created_at and payment.created_at and (payment.created_at - trade.created_at).total_seconds() > 120:
        return "too_old"
    before = (payment.status, order.version)
    came = trade.status in PAID or bool(trade.refunded_fen)  # Closed with money that went back was paid before.
    if came and payment.status in ("open", "closed"):
        _money_came(ledger, order, payment, trade, rules)
    elif trade.status == "TRADE_CLOSED" and payment.status == "open":
        attempts.close(ledger, order, payment, "closed_at_alipay")
        closing.settle(ledger, order)
    if payment.status in ("paid", "refunded"):
        _notice_refund(ledger, order, payment, trade)
    return "unchanged" if (payment.status, order.version) == before else "applied"


def _money_came(ledger: Ledger, order: Order, payment: Payment, trade: Trade, rules: Rules) -> None:
    payment.status = "paid"
    payment.trade_no = trade.trade_no
    payment.paid_fen = payment.amount_fen
    payment.paid_at = ledger.now
    payment.due_at = None
    ledger.record_payment(order, payment, "payment.succeeded")
    if order.status == "awaiting_payment":
        _keep(ledger, order, payment, "order.paid")
        closing.close_other_attempts(ledger, order, payment)
    elif order.kept is not None:
        refunds.request(ledger, order, payment, payment.left_fen, "double", "paid twice")
    elif order.reason == "expired" and order.stock == "returned" and rules.reinstate:
        ledger.take_again(order, _reinstate_or_refund(ledger, order, payment))
    else:
        refunds.request(ledger, order, payment, payment.left_fen, "late", "paid after the order was closed")
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


def _reinstate_or_refund(ledger: Ledger, order: Order, payment: Payment) -> Callable[[bool], bool]:
    def decide(enough: bool) -> bool:
        # A later line of the same batch may have told that the money went back already.
        takes = enough and order.kept is None and payment.left_fen == payment.paid_fen
        if takes:
            _keep(ledger, order, payment, "order.reinstated")
        elif payment.left_fen:
            refunds.request(ledger, order, payment, payment.left_fen, "late", "paid after the order was closed")
        return takes

    return decide


def _notice_refund(ledger: Ledger, order: Order, payment: Payment, trade: Trade) -> None:
    """A refund that is not ours was made in Alipay's own console."""
    total = payment.paid_fen if trade.status == "TRADE_CLOSED" else trade.refunded_fen
    ours = payment.refunded_fen + payment.refunding_fen
    if total is not None and total > ours:
        refunds.record_external(ledger, order, payment, total - ours)
