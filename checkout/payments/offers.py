"""Handing an attempt to the buyer: which row it is, and until when Alipay may take money for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from checkout.db import Connection, sql
from checkout.errors import CheckoutError, NotFound, NotPayable
from checkout.orders import attempts
from checkout.orders.ledger import Ledger, Order, Payment

# Below these, Alipay takes the minimum instead of our time_expire (opendocs: page from 1m, wap and app from 5m).
_MINIMUM_SECONDS = {"page": 60, "wap": 300, "app": 300, "qr": 60, "order_code": 60, "mini": 60}
CODES = ("qr", "order_code")
MARGIN_SECONDS = 120
# Of each method, so that the failures of one do not close another.
MOST_OF_A_METHOD = 20
# A QR code lives two hours (opendocs 02ekfg); one that is nearly over is not handed out again.
CODE_SECONDS = 2 * 3600 - 300


class Way(NamedTuple):
    """How an attempt is paid; `mini` names its buyer by one of the two ids, `installments` are 3, 6 or 12."""

    method: str
    buyer_open_id: str | None = None
    buyer_id: str | None = None
    installments: int | None = None


class Asked(NamedTuple):
    """A user who wants to pay his order that way."""

    order_id: int
    user_id: int
    way: Way


@dataclass(frozen=True)
class Offer:
    """An attempt in the buyer's hands, payable until `pay_before` as far as we are concerned."""

    payment: Payment
    pay_before: datetime
    is_new: bool
    reference: str = ""


def make(
    connection: Connection, asked: Sequence[Asked], time_scale: float
) -> tuple[list[Offer | CheckoutError], list[tuple[int, int]]]:
    """For each who asked the live attempt of his method, a new one, or NotFound or NotPayable; and whom to wake."""
    ledger = Ledger(connection, (one.order_id for one in asked))
    offered = [_answer(ledger, one, time_scale) for one in asked]
    return offered, ledger.save()


def _answer(ledger: Ledger, asked: Asked, time_scale: float) -> Offer | CheckoutError:
    order = ledger.orders.get(asked.order_id)
    if order is None or order.user_id != asked.user_id:
        return NotFound(f"there is no order {asked.order_id}")
    if not order.waits_for_money or order.pay_before is None or order.pay_before <= ledger.now:
        return NotPayable("the order does not wait for payment, or its time is over")
    live = [payment for payment in order.payments if _is_live(payment, asked.way, ledger.now)]
    if live:
        return Offer(live[-1], order.pay_before, is_new=False, reference=order.reference)
    payment = _next(ledger, order, asked.way.method)
    if payment is None:
        return NotPayable("the order has had too many attempts")
    payment.method, payment.buyer_open_id, payment.buyer_id, payment.installments = asked.way
    payment.offered_at = ledger.now
    payment.payable_until = _payable_until(ledger.now, order.pay_before, asked.way.method, time_scale)
    attempts.plan(ledger, order, payment, time_scale)
    ledger.touch(order, payment)
    return Offer(payment, order.pay_before, is_new=True, reference=order.reference)


def _is_live(payment: Payment, way: Way, now: datetime) -> bool:
    has_way = (payment.method, payment.buyer_open_id, payment.buyer_id, payment.installments) == way
    if payment.status != "open" or not has_way or payment.offered_at is None:
        return False
    # An attempt whose code Alipay has not given stays watched, and an old code is none any more: the next request makes
    # another attempt. A mini-program's trade is made again under its own number, however often.
    is_fresh = now < payment.offered_at + timedelta(seconds=CODE_SECONDS)
    return way.method not in CODES or (payment.qr_code is not None and is_fresh)


def _next(ledger: Ledger, order: Order, method: str) -> Payment | None:
    """The first attempt waits for its method; after that each is a new row and a new trade."""
    if sum(payment.method == method for payment in order.payments) >= MOST_OF_A_METHOD:
        return None
    unused = [payment for payment in order.payments if payment.status == "open" and payment.method is None]
    if unused:
        return unused[-1]
    n = len(order.payments) + 1
    payment = Payment(order.id, n, attempts.number(order.id, n, ledger.now), order.total_fen or 0)
    ledger.record_payment(order, payment, "payment.created")
    return payment


def _payable_until(now: datetime, pay_before: datetime, method: str, time_scale: float) -> datetime:
    minimum = now + timedelta(seconds=_MINIMUM_SECONDS[method] / time_scale)
    return max(pay_before, minimum) + timedelta(seconds=MARGIN_SECONDS / time_scale)


def take_back(connection: Connection, payment: Payment) -> None:
    """What was asked for it never reached Alipay: nobody has it, and the next request may use it for any method."""
    ledger = Ledger(connection, [payment.order_id])
    order = ledger.orders[payment.order_id]
    own = order.payments[payment.n - 1]
    is_given = own.qr_code is not None or own.trade_no is not None
    if own.status == "open" and own.method in (*CODES, "mini") and not is_given and order.waits_for_money:
        own.method = own.offered_at = own.payable_until = own.buyer_open_id = own.buyer_id = None
        attempts.plan(ledger, order, own)
        ledger.touch(order, own)
        ledger.save()


_KEEP_CODE = sql("UPDATE payments SET qr_code = :code WHERE order_id = :order_id AND n = :n")


def keep_qr_code(connection: Connection, payment: Payment, code: str) -> None:
    """Stores what Alipay answered to precreate, so that the same code is answered again."""
    connection.execute(_KEEP_CODE, {"code": code, "order_id": payment.order_id, "n": payment.n})


_HOLDER = sql("SELECT 1 FROM payments WHERE trade_no = :trade_no")


def keep_trade_no(connection: Connection, payment: Payment, trade_no: str) -> bool:
    """Stores the trade that Alipay made for a mini-program; False when it is another attempt's."""
    ledger = Ledger(connection, [payment.order_id])
    own = ledger.orders[payment.order_id].payments[payment.n - 1]
    if own.trade_no is None:
        if connection.execute(_HOLDER, {"trade_no": trade_no}).first():
            return False
        own.trade_no = trade_no
        ledger.touch(ledger.orders[payment.order_id], own)
        ledger.save()
    return own.trade_no == trade_no
