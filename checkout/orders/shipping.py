"""The two steps after payment: the goods leave, and the buyer has them."""

from __future__ import annotations

from checkout.db import Connection
from checkout.errors import NotCompletable, NotFound, NotShippable
from checkout.orders.ledger import Ledger


def ship(connection: Connection, order_id: int) -> list[tuple[int, int]]:
    """The goods leave: their stock does not come back any more. Raises NotFound and NotShippable."""
    ledger = Ledger(connection, [order_id])
    order = ledger.orders.get(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}")
    if order.status == "shipped":
        return []
    if order.status != "awaiting_shipment":
        raise NotShippable(f"the order is {order.status}")
    if order.kept is not None and order.kept.left_fen == 0:
        raise NotShippable("all of its money is on its way back")
    order.status, order.stock, order.shipped_at = "shipped", "left", ledger.now
    ledger.record(order, "order.shipped")
    return ledger.save()


def complete(connection: Connection, order_id: int, user_id: int | None) -> list[tuple[int, int]]:
    """The buyer (or an operator, user None) has the goods. Raises NotFound and NotCompletable."""
    ledger = Ledger(connection, [order_id])
    order = ledger.orders.get(order_id)
    if order is None or user_id not in (None, order.user_id):
        raise NotFound(f"there is no order {order_id}")
    if order.status == "completed":
        return []
    if order.status != "shipped":
        raise NotCompletable(f"the order is {order.status}")
    order.status, order.completed_at = "completed", ledger.now
    ledger.record(order, "order.completed")
    return ledger.save()
