"""The locked orders of one transaction with their attempts: read once, decided in memory, written once.

Every path but placement goes through here, so the lock order stands in one place:
orders by id, their payments, users by id, SKUs by id, SPUs by id.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from checkout import money
from checkout.audit import alarms
from checkout.columns import Columns
from checkout.db import Connection, array, command, sql
from checkout.events import log
from checkout.events.log import Event
from checkout.orders import allocation
from checkout.stock import units
from checkout.stock.units import Movement


@dataclass
class Payment:
    """One attempt to collect. Times are UTC, amounts fen."""

    order_id: int
    n: int
    out_trade_no: str
    amount_fen: int
    status: str = "open"
    method: str | None = None
    evidence: str | None = None
    kept: bool = False
    queries: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0
    refunding_fen: int = 0
    due_at: datetime | None = None
    offered_at: datetime | None = None
    payable_until: datetime | None = None
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    trade_no: str | None = None
    qr_code: str | None = None
    created_at: datetime | None = None

    @property
    def id(self) -> str:
        return f"{self.order_id}-{self.n}"

    @property
    def left_fen(self) -> int:
        """What can still be refunded."""
        return self.paid_fen - self.refunded_fen - self.refunding_fen


@dataclass
class Order:
    """An order under lock, with its attempts from the oldest to the newest."""

    id: int
    user_id: int
    status: str
    reason: str | None
    version: int
    pay_method: str
    stock: str | None
    total_fen: int | None
    pay_before: datetime | None
    closing_at: datetime | None
    paid_at: datetime | None
    shipped_at: datetime | None
    completed_at: datetime | None
    closed_at: datetime | None
    reference: str
    payments: list[Payment] = field(default_factory=list)

    @property
    def kept(self) -> Payment | None:
        """The attempt whose money pays for the order."""
        return next((payment for payment in self.payments if payment.kept), None)

    @property
    def waits_for_money(self) -> bool:
        """Whether an attempt may still be made; its time may be over without anybody having noticed."""
        return self.status == "awaiting_payment" and self.closing_at is None

    @property
    def holds_unpaid(self) -> bool:
        """Whether it counts against its user's cap: stock is held, unpaid, or for cash that comes with the goods."""
        return self.stock == "held" and self.paid_at is None


# The columns stand in the order of the fields above.
_ORDER = Columns(
    id="bigint",
    user_id="bigint",
    status="order_status",
    reason="text",
    version="int",
    pay_method="pay_method",
    stock="stock_state",
    total_fen="bigint",
    pay_before="timestamptz",
    closing_at="timestamptz",
    paid_at="timestamptz",
    shipped_at="timestamptz",
    completed_at="timestamptz",
    closed_at="timestamptz",
    reference="text",
)
_CHANGED_ORDER = _ORDER.but("user_id", "pay_method", "total_fen", "pay_before", "reference")
_PAYMENT = Columns(
    order_id="bigint",
    n="smallint",
    out_trade_no="text",
    amount_fen="bigint",
    status="payment_status",
    method="payment_method",
    evidence="payment_evidence",
    kept="bool",
    queries="smallint",
    paid_fen="bigint",
    refunded_fen="bigint",
    refunding_fen="bigint",
    due_at="timestamptz",
    offered_at="timestamptz",
    payable_until="timestamptz",
    paid_at="timestamptz",
    closed_at="timestamptz",
    trade_no="text",
    qr_code="text",
    created_at="timestamptz",
)
_NEW_PAYMENT = _PAYMENT.but("created_at")
_CHANGED_PAYMENT = _NEW_PAYMENT.but("out_trade_no", "amount_fen")

_LOCK_ORDERS = sql(f"""
    SELECT {_ORDER.names}, now() AS now FROM orders
    WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE
""")  # noqa: S608 - the names are ours, the values are bound
_PAYMENTS = f"SELECT {_PAYMENT.names} FROM payments WHERE order_id = ANY(CAST(:ids AS bigint[])) ORDER BY order_id, n"  # noqa: S608 - as above
_READ_PAYMENTS = sql(_PAYMENTS)
_LOCK_PAYMENTS = sql(_PAYMENTS + " FOR NO KEY UPDATE")
_LINES = sql("""
    SELECT order_id, sku_id, spu_id, quantity FROM order_lines WHERE order_id = ANY(CAST(:ids AS bigint[]))
""")
_LOCK_USERS = command("""
    SELECT id FROM users WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE
""")
_FREE_USERS = command("""
    UPDATE users SET open_orders = open_orders + delta
    FROM unnest(CAST(:ids AS bigint[]), CAST(:deltas AS int[])) AS d (user_id, delta) WHERE id = user_id
""")
_UPDATE_ORDERS = command(f"""
    UPDATE orders SET {_CHANGED_ORDER.but("id").assignments} FROM {_CHANGED_ORDER.rows} WHERE orders.id = c.id
""")  # noqa: S608 - as above
_ADD_PAYMENTS = command(f"INSERT INTO payments ({_NEW_PAYMENT.names}) SELECT * FROM {_NEW_PAYMENT.rows}")  # noqa: S608 - as above
_UPDATE_PAYMENTS = command(f"""
    UPDATE payments p SET {_CHANGED_PAYMENT.but("order_id", "n").assignments} FROM {_CHANGED_PAYMENT.rows}
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
        self._returning: list[Order] = []
        self._settled: set[str] = set()
        self._movement: Movement | None = None  # None: the units are not locked yet

    def record(self, order: Order, topic: str, **data: Any) -> None:
        """Notes a change of the order and its event; the status in the event is what the order has at `save`."""
        order.version += 1
        body: dict[str, Any] = allocation.who(order.id, order) | data
        if topic.startswith("order."):
            body["status"] = order.status
            if order.reason:
                body["reason"] = order.reason
        self._events.append(Event(topic, str(order.id), order.version, body))

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

    def give_back(self, order: Order) -> None:
        """Returns the order's units to sale at `save`."""
        order.stock = "returned"
        self._returning.append(order)

    def take_again(self, orders: Sequence[Order]) -> set[int]:
        """Takes the units of closed orders once more, where all of an order's are there; returns those orders' ids.

        Asked at most once, when nothing else is decided any more: it locks all units that move, in one order.
        """
        left, lines = self._lock_units(orders)
        taken: set[int] = set()
        for order in orders:
            if all(left[row.sku_id] >= row.quantity for row in lines[order.id]):
                self._move(left, lines[order.id], 1)
                taken.add(order.id)
        return taken

    def save(self) -> list[tuple[int, int]]:
        """Writes everything; returns (order id, version) of what changed, for the wake-up after the commit."""
        if self._movement is None:
            self._lock_units([])
        moved = units.move(self.connection, self._movement or Movement())
        self._free_users()
        changed = [order for order in self.orders.values() if order.version != self._before[order.id]]
        if changed:
            self.connection.execute(_UPDATE_ORDERS, _CHANGED_ORDER.of(changed))
        if self._touched:
            self.connection.execute(_UPDATE_PAYMENTS, _CHANGED_PAYMENT.of(list(self._touched.values())))
        if self._added:
            self.connection.execute(_ADD_PAYMENTS, _NEW_PAYMENT.of(list(self._added.values())))
        log.append(self.connection, [*self._events, *moved])
        self._settled |= {payment.out_trade_no for payment in self._touched.values() if payment.status != "open"}
        alarms.settle(self.connection, self._settled)  # Last of all locks.
        return [(order.id, order.version) for order in changed]

    def _holds(self) -> Counter[int]:
        holds: Counter[int] = Counter()
        for order in self.orders.values():
            holds[order.user_id] += order.holds_unpaid - (order.id in self._holding)
        return Counter({user_id: delta for user_id, delta in holds.items() if delta})

    def _lock_units(self, wanting: Sequence[Order]) -> tuple[Counter[str], dict[int, list[Any]]]:
        """Users, then the units that go back and those that are wanted; what is left when the former are back."""
        # Holds only shrink after this: a reinstated order is paid, so it never counts.
        if holds := self._holds():
            self.connection.execute(_LOCK_USERS, {"ids": array(holds)})
        self._movement, left = Movement(), Counter[str]()
        lines: dict[int, list[Any]] = {order.id: [] for order in (*self._returning, *wanting)}
        if lines:
            for row in self.connection.execute(_LINES, {"ids": array(lines)}):
                lines[row.order_id].append(row)
            skus = units.lock(self.connection, sorted({row.sku_id for rows in lines.values() for row in rows}))
            left.update({sku.id: sku.stock for sku in skus.values()})
        for order in self._returning:
            self._move(left, lines[order.id], -1)
        return left, lines

    def _move(self, left: Counter[str], lines: Sequence[Any], sign: int) -> None:
        for row in lines:
            left[row.sku_id] -= sign * row.quantity
            if self._movement is not None:
                self._movement.add(row.sku_id, row.spu_id, sign * row.quantity)

    def _free_users(self) -> None:
        if holds := self._holds():
            self.connection.execute(_FREE_USERS, {"ids": array(holds), "deltas": array(holds.values())})


def attempts_of(connection: Connection, order_id: int) -> list[Payment]:
    """The order's attempts, oldest first, without locks: to show them."""
    return list(itertools.starmap(Payment, connection.execute(_READ_PAYMENTS, {"ids": array([order_id])})))
