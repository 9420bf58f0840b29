"""The locked orders of one transaction with their attempts: read once, decided in memory, written once.

Every path but placement goes through here, so the lock order stands in one place:
orders by id, their payments, users by id, SKUs by id, SPUs by id.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from checkout import money
from checkout.audit import alarms
from checkout.db import Connection, array, command, sql
from checkout.events import log
from checkout.events.log import Event, happened
from checkout.orders import allocation
from checkout.orders.ledger.holdings import Holdings
from checkout.orders.ledger.records import (
    CHANGED_ORDER,
    CHANGED_PAYMENT,
    NEW_PAYMENT,
    ORDER,
    PAYMENT,
    Line,
    Order,
    Payment,
)

__all__ = ["Ledger", "Line", "Order", "Payment", "attempts_of"]

_LOCK_ORDERS = sql(f"""
    SELECT {ORDER.names}, now() AS now FROM orders
    WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE
""")  # noqa: S608 - the names are ours, the values are bound
_PAYMENTS = f"SELECT {PAYMENT.names} FROM payments WHERE order_id = ANY(CAST(:ids AS bigint[])) ORDER BY order_id, n"  # noqa: S608 - as above
_READ_PAYMENTS = sql(_PAYMENTS)
_LOCK_PAYMENTS = sql(_PAYMENTS + " FOR NO KEY UPDATE")
_UPDATE_ORDERS = command(f"""
    UPDATE orders SET {CHANGED_ORDER.but("id").assignments} FROM {CHANGED_ORDER.rows} WHERE orders.id = c.id
""")  # noqa: S608 - as above
_ADD_PAYMENTS = command(f"INSERT INTO payments ({NEW_PAYMENT.names}) SELECT * FROM {NEW_PAYMENT.rows}")  # noqa: S608 - as above
_UPDATE_PAYMENTS = command(f"""
    UPDATE payments p SET {CHANGED_PAYMENT.but("order_id", "n").assignments} FROM {CHANGED_PAYMENT.rows}
    WHERE p.order_id = c.order_id AND p.n = c.n
""")  # noqa: S608 - as above


class Ledger:
    """Locks the orders at once; `save` writes what changed, with events, stock and holds. `now` is the database's."""

    def __init__(self, connection: Connection, order_ids: Iterable[int]) -> None:
        self.connection = connection
        ids = array(sorted(set(order_ids)))
        rows = connection.execute(_LOCK_ORDERS, {"ids": ids}).all()
        self.now: datetime = rows[0].now if rows else connection.execute(sql("SELECT now()")).scalar_one()
        self.orders = {row.id: Order(*row[:-1]) for row in rows}
        for payment in itertools.starmap(Payment, connection.execute(_LOCK_PAYMENTS, {"ids": ids})):
            self.orders[payment.order_id].payments.append(payment)
        self._holding = {order.id for order in self.orders.values() if order.holds_unpaid}
        self._before = {order.id: order.version for order in self.orders.values()}
        self._touched: dict[str, Payment] = {}
        self._added: dict[str, Payment] = {}
        self._events: list[Event] = []
        self._settled: set[str] = set()
        self._holdings = Holdings(connection, list(self.orders))

    def record(self, order: Order, topic: str, **data: Any) -> None:
        """Notes a change of the order and its event; the status in the event is what the order has at `save`."""
        order.version += 1
        body: dict[str, Any] = allocation.who(order.id, order) | data
        if topic.startswith("order."):
            body["status"] = order.status
        self._events.append(happened(topic, str(order.id), order.version, **body))

    def record_payment(self, order: Order, payment: Payment, topic: str) -> None:
        """Notes a change of one attempt and its event."""
        self.touch(order, payment)
        body = {"payment_id": payment.id, "out_trade_no": payment.out_trade_no, "status": payment.status}
        if payment.trade_no:
            body["trade_no"] = payment.trade_no
        self.record(order, topic, **body, amount=money.yuan(payment.amount_fen))

    def touch(self, order: Order, payment: Payment) -> None:
        """Has the attempt written at `save`, adding it to its order when it is new."""
        if not any(payment is one for one in order.payments):
            order.payments.append(payment)
            self._added[payment.id] = payment
        elif payment.id not in self._added:
            self._touched[payment.id] = payment

    def change(self, order: Order) -> None:
        """Notes a change that frontends see but that is no event of its own."""
        order.version += 1

    def settle_alarms(self, subject: str) -> None:
        """What was in the way of this number is over, at `save`."""
        self._settled.add(subject)

    def lines(self, order: Order) -> list[Line]:
        """Its lines by SKU; what is changed of them is written at `save`."""
        return self._holdings.lines(order.id)

    def give_back(self, order: Order) -> None:
        """Returns to sale what has not left of an order, at `save`."""
        lines = self.lines(order)
        has_left = any(line.shipped_quantity for line in lines)
        order.stock = "left" if has_left else "returned"
        for line in lines:
            self._holdings.give_back(order.user_id, line, line.rest)
            if has_left:
                line.returned_quantity += line.rest

    def give_back_units(self, order: Order, line: Line, quantity: int) -> None:
        """Returns so many units of a line to sale at `save`; where they were the caller notes in the line."""
        self._holdings.give_back(order.user_id, line, quantity)

    def take_again(self, orders: Sequence[Order]) -> set[int]:
        """Takes the units of closed orders once more, where all of an order's are there and within its user's limits.

        Returns those orders' ids. Asked at most once, when nothing else is decided any more: it locks all that moves.
        """
        return self._holdings.take_again(orders, self._holds())

    def save(self) -> list[tuple[int, int]]:
        """Writes everything; returns (order id, version) of what changed, for the wake-up after the commit."""
        moved = self._holdings.write(self._holds())
        changed = [order for order in self.orders.values() if order.version != self._before[order.id]]
        if changed:
            self.connection.execute(_UPDATE_ORDERS, CHANGED_ORDER.of(changed))
        if self._touched:
            self.connection.execute(_UPDATE_PAYMENTS, CHANGED_PAYMENT.of(list(self._touched.values())))
        if self._added:
            self.connection.execute(_ADD_PAYMENTS, NEW_PAYMENT.of(list(self._added.values())))
        log.append(self.connection, [*self._events, *moved])
        self._settled |= {payment.out_trade_no for payment in self._touched.values() if payment.status != "open"}
        alarms.settle(self.connection, self._settled)  # Last of all locks.
        return [(order.id, order.version) for order in changed]

    def _holds(self) -> Counter[int]:
        """By how much each user's count of unpaid orders changes. Reinstating changes none: such an order is paid."""
        holds: Counter[int] = Counter()
        for order in self.orders.values():
            holds[order.user_id] += order.holds_unpaid - (order.id in self._holding)
        return Counter({user_id: delta for user_id, delta in holds.items() if delta})


def attempts_of(connection: Connection, order_id: int) -> list[Payment]:
    """The order's attempts, oldest first, without locks: to show them."""
    return list(itertools.starmap(Payment, connection.execute(_READ_PAYMENTS, {"ids": array([order_id])})))
