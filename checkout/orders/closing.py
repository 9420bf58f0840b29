"""Where an order closes: expiry, cancelling, and the rule that stock goes back only when no attempt can succeed."""

from __future__ import annotations

from checkout.db import Connection, command, sql
from checkout.errors import NotCancellable, NotFound
from checkout.orders import attempts
from checkout.orders.ledger import Ledger, Order

_FORGET_ARRIVAL = command("DELETE FROM arrivals WHERE order_id = :id")

_EXPIRED = sql("""
    SELECT order_id FROM (
        SELECT DISTINCT p.order_id FROM payments p JOIN orders o ON o.id = p.order_id
        WHERE p.due_at <= now() AND o.status = 'awaiting_payment' AND o.closing_at IS NULL AND o.pay_before <= now()
        ORDER BY p.order_id LIMIT :limit
    ) AS late
    JOIN orders o ON o.id = late.order_id
    ORDER BY o.id FOR NO KEY UPDATE OF o SKIP LOCKED
""")


def expire(connection: Connection, limit: int) -> tuple[list[str], list[tuple[int, int]]]:
    """Starts to close unpaid orders whose time is over; those never offered for payment are closed at once.

    Returns the attempts that Alipay must be asked about, and the changed orders' versions.
    """
    ledger = Ledger(connection, connection.execute(_EXPIRED, {"limit": limit}).scalars())
    for order in ledger.orders.values():
        # Read again under the lock: the scan's snapshot may be older than the last change.
        late = order.pay_before is not None and order.pay_before <= ledger.now
        if late and order.waits_for_money:
            begin(ledger, order)
            ledger.change(order)
    asked = [payment.id for order in ledger.orders.values() for payment in order.payments if payment.status == "open"]
    return asked, ledger.save()


def cancel(connection: Connection, order_id: int, user_id: int | None) -> tuple[list[str], list[tuple[int, int]]]:
    """Cancels for the buyer (or an operator, user None) at once; its stock returns when no attempt can succeed.

    Returns the attempts that Alipay must be asked about, and the changed version; nothing when it was cancelled
    before. Raises NotFound and NotCancellable.
    """
    ledger = Ledger(connection, [order_id])
    order = ledger.orders.get(order_id)
    if order is None or user_id not in (None, order.user_id):
        raise NotFound(f"there is no order {order_id}")
    if order.status == "closed" and order.reason == "cancelled":
        return [], []
    cash = order.status == "awaiting_shipment" and order.pay_method == "cash"
    if not cash and order.status not in ("accepted", "awaiting_payment"):
        raise NotCancellable(f"the order is {order.status}")
    if cash and any(line.shipped_quantity for line in ledger.lines(order)):
        raise NotCancellable("a part of the order has left")
    if order.status == "accepted":
        connection.execute(_FORGET_ARRIVAL, {"id": order.id})
    _shut(ledger, order, "cancelled")
    begin(ledger, order)
    return [payment.id for payment in order.payments if payment.status == "open"], ledger.save()


def begin(ledger: Ledger, order: Order) -> None:
    """From here on no attempt is made; each open one is due for its last query and its close."""
    order.closing_at = ledger.now
    end_attempts(ledger, order)
    settle(ledger, order)


def end_attempts(ledger: Ledger, order: Order) -> None:
    """The order needs no more money: its open attempts are to be closed at Alipay before they bring any."""
    for payment in order.payments:
        if payment.status != "open":
            attempts.plan(ledger, order, payment)
        elif payment.offered_at is None:
            attempts.close(ledger, order, payment, "never_offered")
        else:
            attempts.look_now(ledger, order, payment)


def settle(ledger: Ledger, order: Order) -> None:
    """Gives the stock back, and closes what expired, once no attempt of a closing order can succeed any more."""
    final = all(payment.status != "open" for payment in order.payments)
    paid_for = order.kept is not None and order.status != "closed"
    if order.closing_at is None or order.stock != "held" or paid_for or not final:
        return
    ledger.give_back(order)
    if order.status == "awaiting_payment":
        _shut(ledger, order, "expired")
    else:
        ledger.change(order)


def refunded(ledger: Ledger, order: Order) -> None:
    """Its money has gone back, or all its units: what had not left is for sale again."""
    order.closing_at = ledger.now
    _shut(ledger, order, "refunded")
    settle(ledger, order)  # Another attempt may be open still: its end gives the stock back.


def _shut(ledger: Ledger, order: Order, reason: str) -> None:
    order.status = "closed"
    order.reason = reason
    order.closed_at = ledger.now
    ledger.record(order, "order.closed", reason=reason)
