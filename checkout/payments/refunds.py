"""Money that goes back: every refund has one request number for ever, and is watched until Alipay confirms it."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from checkout import money
from checkout.db import Connection, sql
from checkout.errors import KeyReused, NotFound, NotRefundable, RefundExceedsPaid
from checkout.orders import closing
from checkout.orders.ledger import Ledger, Order, Payment


class Refund(NamedTuple):
    """One refund of one attempt, as the table keeps it."""

    id: int
    order_id: int
    n: int
    status: str
    source: str
    amount_fen: int
    tries: int
    requested_at: datetime
    finished_at: datetime | None
    out_request_no: str
    reason: str
    error: str | None

    @property
    def payment_id(self) -> str:
        return f"{self.order_id}-{self.n}"


_COLUMNS = """id, order_id, n, status, source, amount_fen, tries, requested_at, finished_at, out_request_no, reason,
    error"""

_INSERT = sql(f"""
    INSERT INTO refunds (order_id, n, status, source, amount_fen, out_request_no, reason, digest, fingerprint,
        next_try_at, finished_at)
    VALUES (:order_id, :n, CAST(:status AS refund_status), :source, :amount_fen, :out_request_no, :reason,
        :digest, :fingerprint, CASE WHEN :status = 'requested' THEN now() END,
        CASE WHEN :status = 'succeeded' THEN now() END)
    RETURNING {_COLUMNS}
""")  # noqa: S608 - the names are ours, the values are bound
_COUNT = sql("SELECT count(*) FROM refunds WHERE order_id = :order_id AND n = :n")
_BY_DIGEST = sql(f"SELECT fingerprint, {_COLUMNS} FROM refunds WHERE digest = :digest")  # noqa: S608 - as above
_OF_ORDER = sql(f"SELECT {_COLUMNS} FROM refunds WHERE order_id = :order_id ORDER BY id LIMIT 200")  # noqa: S608 - as above
_ONE = sql(f"""
    SELECT {_COLUMNS}, (SELECT user_id FROM orders WHERE id = order_id) AS user_id FROM refunds WHERE id = :id
""")  # noqa: S608 - as above


def request(
    ledger: Ledger,
    order: Order,
    payment: Payment,
    amount_fen: int,
    source: str,
    reason: str,
    key: tuple[UUID, UUID] | None = None,
) -> Refund:
    """Sets the amount aside and has it sent. The caller knows that so much is left."""
    payment.refunding_fen += amount_fen
    return _write(ledger, order, payment, "requested", amount_fen, source, reason, key)


def record_external(ledger: Ledger, order: Order, payment: Payment, amount_fen: int) -> None:
    """Takes in a refund that was made in Alipay's own console."""
    payment.refunded_fen += amount_fen
    _write(ledger, order, payment, "succeeded", amount_fen, "external", "made in Alipay's console", None)
    settle(ledger, order, payment)


def _write(
    ledger: Ledger,
    order: Order,
    payment: Payment,
    status: str,
    amount_fen: int,
    source: str,
    reason: str,
    key: tuple[UUID, UUID] | None,
) -> Refund:
    place = {"order_id": order.id, "n": payment.n}
    count = ledger.connection.execute(_COUNT, place).scalar_one()
    values = {"status": status, "source": source, "amount_fen": amount_fen, "reason": reason}
    digest, fingerprint = map(str, key) if key else (None, None)
    number = f"{payment.out_trade_no}R{count + 1}"
    keys = {"out_request_no": number, "digest": digest, "fingerprint": fingerprint}
    refund = Refund(*ledger.connection.execute(_INSERT, place | values | keys).one())
    ledger.touch(order, payment)
    _record(ledger, order, payment, refund.id, amount_fen, status, source)
    return refund


def finish(
    ledger: Ledger, order: Order, payment: Payment, refund_id: int, amount_fen: int, status: str, source: str
) -> None:
    """What was set aside has gone back (succeeded), or has not and never will (failed)."""
    payment.refunding_fen -= amount_fen
    payment.refunded_fen += amount_fen if status == "succeeded" else 0
    ledger.touch(order, payment)
    _record(ledger, order, payment, refund_id, amount_fen, status, source)
    if status == "succeeded":
        settle(ledger, order, payment)


def _record(
    ledger: Ledger, order: Order, payment: Payment, refund_id: int, amount_fen: int, status: str, source: str
) -> None:
    body = {"refund_id": str(refund_id), "payment_id": payment.id, "amount": money.yuan(amount_fen)}
    ledger.record(order, f"refund.{status}", **body, status=status, source=source)


def settle(ledger: Ledger, order: Order, payment: Payment) -> None:
    """What follows when everything that was paid has gone back: the order it paid for closes."""
    if payment.refunded_fen < payment.paid_fen:
        return
    payment.status = "refunded"
    ledger.touch(order, payment)
    if payment.kept and order.status in ("awaiting_shipment", "shipped", "completed"):
        order.status, order.reason = "closed", "refunded"
        order.closed_at = order.closing_at = ledger.now
        ledger.record(order, "order.closed")
        closing.settle(ledger, order)  # Another attempt may be open still: its end gives the stock back.


def create(
    connection: Connection, order_id: int, amount_fen: int, reason: str, key: str
) -> tuple[Refund, list[tuple[int, int]]]:
    """An operator's refund of what was kept for the order; the same key and request: the same refund.

    Raises NotFound, NotRefundable, RefundExceedsPaid and KeyReused.
    """
    ledger = Ledger(connection, [order_id])
    order = ledger.orders.get(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}")
    digest, fingerprint = _hash(f"{order_id}\0{key}"), _hash(f"{amount_fen}\0{reason}")
    row = connection.execute(_BY_DIGEST, {"digest": str(digest)}).one_or_none()
    if row is not None:
        if UUID(str(row.fingerprint)) != fingerprint:
            raise KeyReused("the key came with another refund before")
        return Refund(*row[1:]), []
    payment = order.kept
    if payment is None:
        raise NotRefundable("nothing was paid for the order")
    if amount_fen > payment.left_fen:
        raise RefundExceedsPaid(f"{money.yuan(payment.left_fen)} is left of what was paid")
    refund = request(ledger, order, payment, amount_fen, "operator", reason, (digest, fingerprint))
    return refund, ledger.save()


def _hash(said: str) -> UUID:
    return UUID(bytes=blake2b(said.encode(), digest_size=16).digest())


def of_order(connection: Connection, order_id: int) -> list[Refund]:
    """The refunds of an order, oldest first; 200 at the most."""
    return [Refund(*row) for row in connection.execute(_OF_ORDER, {"order_id": order_id})]


def find(connection: Connection, refund_id: int, user_id: int | None) -> Refund:
    """One refund; a user sees only those of his orders. Raises NotFound."""
    row = connection.execute(_ONE, {"id": refund_id}).one_or_none()
    if row is None or user_id not in (None, row.user_id):
        raise NotFound(f"there is no refund {refund_id}")
    return Refund(*row[:-1])
