"""Money that goes back: every refund has one request number for ever, and is watched until Alipay confirms it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from checkout import money, schema
from checkout.db import Connection, sql
from checkout.errors import KeyReused, NotFound, NotRefundable, RefundExceedsPaid
from checkout.orders import acceptance, closing
from checkout.orders.ledger import Ledger, Order, Payment
from checkout.payments import refund_lines
from checkout.payments.refund_lines import Plan, Units


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
    freight_fen: int
    restock: bool
    lines: list[list[Any]] | None  # SKU, units and fen of a refund by line

    @property
    def payment_id(self) -> str:
        return f"{self.order_id}-{self.n}"


# So many refunds of one attempt are looked at in every combination.
MOST_EXPLAINED = 12

_COLUMNS = """id, order_id, n, status, source, amount_fen, tries, requested_at, finished_at, out_request_no, reason,
    error, freight_fen, restock, (
        SELECT json_agg(json_build_array(l.sku_id, l.quantity, l.amount_fen) ORDER BY l.sku_id)
        FROM refund_lines l WHERE l.refund_id = refunds.id)"""

_INSERT = sql(f"""
    INSERT INTO refunds (order_id, n, status, source, amount_fen, out_request_no, reason, digest, fingerprint, key,
        freight_fen, restock, next_try_at, finished_at)
    VALUES (:order_id, :n, CAST(:status AS refund_status), :source, :amount_fen, :out_request_no, :reason,
        :digest, :fingerprint, :key, :freight_fen, :restock, CASE WHEN :status = 'requested' THEN now() END,
        CASE WHEN :status = 'succeeded' THEN now() END)
    RETURNING {_COLUMNS}
""")  # noqa: S608 - the names are ours, the values are bound
_PENDING = sql(f"""
    SELECT {_COLUMNS} FROM refunds WHERE order_id = :order_id AND n = :n AND finished_at IS NULL ORDER BY id
""")  # noqa: S608 - as above
_END = sql("""
    UPDATE refunds SET status = CAST(:status AS refund_status), error = :error, next_try_at = NULL, finished_at = now()
    WHERE id = :id AND finished_at IS NULL RETURNING id
""")
_MADE = sql("SELECT source, amount_fen FROM refunds WHERE order_id = :order_id AND n = :n AND status <> 'failed'")
_COUNT = sql("SELECT count(*) FROM refunds WHERE order_id = :order_id AND n = :n")
_BY_DIGEST = sql(f"SELECT fingerprint, {_COLUMNS} FROM refunds WHERE digest = :digest")  # noqa: S608 - as above
_OF_ORDER = sql(f"SELECT {_COLUMNS} FROM refunds WHERE order_id = :order_id ORDER BY id LIMIT 200")  # noqa: S608 - as above
_ONE = sql(f"""
    SELECT {_COLUMNS}, (SELECT user_id FROM orders WHERE id = order_id) AS user_id FROM refunds WHERE id = :id
""")  # noqa: S608 - as above


class Wanted(NamedTuple):
    """What an operator asks for: an amount, or units and what they come to; and the key that he sent."""

    amount_fen: int
    reason: str
    key: tuple[str, str, str]  # its text, what makes it this order's, what makes it the same request
    plan: Plan | None = None
    restock: bool = False


def request(ledger: Ledger, order: Order, payment: Payment, wanted: Wanted) -> Refund:
    """Sets the amount and the units aside and has it sent. The caller knows that so much is left."""
    payment.refunding_fen += wanted.amount_fen
    refund = _add(ledger, order, payment, "requested", wanted.amount_fen, "operator", wanted.reason, wanted)
    if wanted.plan and wanted.plan.lines:
        refund_lines.set_aside(ledger, order, refund.id, wanted.plan.lines)
        refund = refund._replace(lines=[[line.sku_id, line.quantity, line.amount_fen] for line in wanted.plan.lines])
    return refund


def send_back(ledger: Ledger, order: Order, payment: Payment) -> None:
    """Money that the shop may not keep: what is left of it is requested."""
    source, reason = ("double", "paid twice") if order.kept else ("late", "paid after the order was closed")
    amount_fen = payment.left_fen
    payment.refunding_fen += amount_fen
    _add(ledger, order, payment, "requested", amount_fen, source, reason)


def take_in(ledger: Ledger, order: Order, payment: Payment, refunded_fen: int) -> None:
    """Alipay had given back so much in all; what no refund of ours explains was made in its own console.

    It may be older than what we know by now, so a refund of ours that has ended need not be in it: only what all of
    ours together cannot explain is certain. Of the rest the bill tells.
    """
    if refunded_fen <= payment.refunded_fen:
        return
    made = ledger.connection.execute(_MADE, {"order_id": payment.order_id, "n": payment.n}).all()
    ours = [row.amount_fen for row in made if row.source != "external"]
    known_fen = sum(row.amount_fen for row in made if row.source == "external")
    news_fen = refunded_fen - _explained(ours, refunded_fen) - known_fen
    if news_fen > 0:
        record_external(ledger, order, payment, news_fen)


def _explained(ours: Sequence[int], fen: int) -> int:
    """The most of the amount that some of our refunds could have moved."""
    if sum(ours) <= fen or len(ours) > MOST_EXPLAINED:
        return min(sum(ours), fen)  # Of very many the bill tells.
    sums = {0}
    for amount in ours:
        sums |= {one + amount for one in sums if one + amount <= fen}
    return max(sums)


def record_external(ledger: Ledger, order: Order, payment: Payment, amount_fen: int) -> None:
    """Takes in a refund that was made in Alipay's own console, as far as it is not taken in yet."""
    for refund in pending(ledger, payment):
        if payment.refunded_fen + amount_fen + refund.amount_fen > payment.paid_fen:
            # Alipay never gives back more than was paid: this one has not moved, and cannot any more.
            end(ledger, order, payment, refund, "failed", "more than this was given back in Alipay's console")
    amount_fen = min(amount_fen, payment.left_fen)
    if amount_fen:
        payment.refunded_fen += amount_fen
        _add(ledger, order, payment, "succeeded", amount_fen, "external", "made in Alipay's console")
        settle(ledger, order, payment)
    if payment.left_fen and not payment.kept and payment.status == "paid" and order.status != "awaiting_payment":
        send_back(ledger, order, payment)


def pending(ledger: Ledger, payment: Payment) -> list[Refund]:
    """The refunds of the attempt that have not ended, oldest first."""
    if not payment.refunding_fen:
        return []
    rows = ledger.connection.execute(_PENDING, {"order_id": payment.order_id, "n": payment.n})
    return [Refund(*row) for row in rows]


def _add(
    ledger: Ledger,
    order: Order,
    payment: Payment,
    status: str,
    amount_fen: int,
    source: str,
    reason: str,
    wanted: Wanted | None = None,
) -> Refund:
    place = {"order_id": order.id, "n": payment.n}
    count = ledger.connection.execute(_COUNT, place).scalar_one()
    values = {"status": status, "source": source, "amount_fen": amount_fen, "reason": reason}
    number = f"{payment.out_trade_no}R{count + 1}"
    text, digest, fingerprint = wanted.key if wanted else (None, None, None)
    keys = {"out_request_no": number, "digest": digest, "fingerprint": fingerprint, "key": text}
    freight_fen = wanted.plan.freight_fen if wanted and wanted.plan else 0
    parts = {"freight_fen": freight_fen, "restock": wanted.restock if wanted else False}
    refund = Refund(*ledger.connection.execute(_INSERT, place | values | keys | parts).one())
    ledger.touch(order, payment)
    _tell(ledger, order, refund, status)
    return refund


def end(ledger: Ledger, order: Order, payment: Payment, refund: Refund, status: str, error: str | None) -> bool:
    """What was set aside has gone back (succeeded), or has not and never will (failed); False: it had ended before."""
    values = {"id": refund.id, "status": status, "error": error}
    if ledger.connection.execute(_END, values).one_or_none() is None:
        return False
    payment.refunding_fen -= refund.amount_fen
    payment.refunded_fen += refund.amount_fen if status == "succeeded" else 0
    ledger.touch(order, payment)
    ledger.settle_alarms(refund.out_request_no)
    _tell(ledger, order, refund, status)
    if refund.source == "operator":
        refund_lines.end(ledger, order, refund.id, succeeded=status == "succeeded")
    if status == "succeeded":
        settle(ledger, order, payment)
        refund_lines.settle(ledger, order)
    return True


def _tell(ledger: Ledger, order: Order, refund: Refund, status: str) -> None:
    body = {"refund_id": str(refund.id), "payment_id": refund.payment_id, "amount": money.yuan(refund.amount_fen)}
    ledger.record(order, f"refund.{status}", **body, status=status, source=refund.source)


def settle(ledger: Ledger, order: Order, payment: Payment) -> None:
    """What follows when everything that was paid has gone back: the order it paid for closes."""
    if payment.refunded_fen < payment.paid_fen:
        return
    payment.status = "refunded"
    ledger.touch(order, payment)
    if payment.kept and order.status in refund_lines.ENDABLE:
        closing.refunded(ledger, order)


def create(
    connection: Connection, order_id: int, asked: int | Units, reason: str, key: str
) -> tuple[Refund, list[tuple[int, int]]]:
    """An operator's refund of what was kept for the order, in fen or by line; the same key and request: the same.

    Raises NotFound, NotRefundable, RefundExceedsPaid, RefundExceedsBought, Invalid, KeyReused and UpgradeUnfinished.
    """
    ledger = Ledger(connection, [order_id])
    order = ledger.orders.get(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}")
    known = (key, acceptance.digest(order_id, key), _fingerprint(asked, reason))
    row = connection.execute(_BY_DIGEST, {"digest": known[1]}).one_or_none()
    if row is not None:
        if row.fingerprint.hex != known[2]:
            raise KeyReused("the key came with another refund before")
        return Refund(*row[1:]), []
    payment = order.kept
    if payment is None:
        raise NotRefundable("nothing was paid for the order")
    wanted = _wanted(ledger, order, asked, reason, known)
    if wanted.amount_fen > payment.left_fen:
        raise RefundExceedsPaid(f"{money.yuan(payment.left_fen)} is left of what was paid")
    refund = request(ledger, order, payment, wanted)
    return refund, ledger.save()


def _wanted(ledger: Ledger, order: Order, asked: int | Units, reason: str, key: tuple[str, str, str]) -> Wanted:
    if isinstance(asked, int):
        return Wanted(asked, reason, key)
    schema.require_finished(ledger.connection)
    plan = refund_lines.plan(ledger, order, asked)
    return Wanted(plan.amount_fen, reason, key, plan, asked.restock)


def _fingerprint(asked: int | Units, reason: str) -> str:
    """Of an amount as it has always been."""
    if isinstance(asked, int):
        return acceptance.digest(asked, reason)
    units = (f"{sku_id} {count}" for sku_id, count in sorted(asked.by_sku.items()))
    return acceptance.digest("by line", *units, asked.freight, asked.restock, reason)


def of_order(connection: Connection, order_id: int) -> list[Refund]:
    """The refunds of an order, oldest first; 200 at the most."""
    return [Refund(*row) for row in connection.execute(_OF_ORDER, {"order_id": order_id})]


def find(connection: Connection, refund_id: int, user_id: int | None) -> Refund:
    """One refund; a user sees only those of his orders. Raises NotFound."""
    row = connection.execute(_ONE, {"id": refund_id}).one_or_none()
    if row is None or user_id not in (None, row.user_id):
        raise NotFound(f"there is no refund {refund_id}")
    return Refund(*row[:-1])
