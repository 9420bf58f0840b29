"""The JSON that goes out about money: payments, refunds and quotes."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from checkout import clock, money
from checkout.payments import refunds
from checkout.payments.offers import Offer
from checkout.prices.basket import Line
from checkout.quotes.quote import Quote


class PaymentBody(msgspec.Struct):
    id: str
    out_trade_no: str
    method: str | None
    status: str
    amount: str
    expires_at: str
    pay_url: str | UnsetType = UNSET
    order_string: str | UnsetType = UNSET
    qr_code: str | UnsetType = UNSET
    trade_no: str | UnsetType = UNSET
    installments: int | UnsetType = UNSET


class AttemptBody(msgspec.Struct):
    id: str
    out_trade_no: str
    method: str | None
    status: str
    amount: str
    refunded_amount: str
    trade_no: str | None
    kept: bool
    installments: int | UnsetType = UNSET


class PaymentList(msgspec.Struct):
    payments: list[AttemptBody]


class RefundedLine(msgspec.Struct):
    sku_id: str
    quantity: int
    amount: str


class RefundBody(msgspec.Struct):
    id: str
    order_id: str
    payment_id: str
    amount: str
    status: str
    source: str
    reason: str
    requested_at: str
    items: list[RefundedLine] | UnsetType = UNSET
    freight: str | UnsetType = UNSET
    restock: bool | UnsetType = UNSET
    finished_at: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


class RefundList(msgspec.Struct):
    refunds: list[RefundBody]


class QuoteLine(msgspec.Struct):
    sku_id: str
    title: str
    quantity: int
    unit_price: str
    discount: str
    amount: str


class QuoteProblem(msgspec.Struct, omit_defaults=True):
    code: str
    sku_id: str | None = None
    wanted: int | None = None
    available: int | None = None


class QuoteBody(msgspec.Struct):
    items: list[QuoteLine]
    goods_amount: str
    discount: str
    freight: str
    total_amount: str
    problems: list[QuoteProblem]


def payment_body(offer: Offer) -> PaymentBody:
    payment = offer.payment
    amount, expires = money.yuan(payment.amount_fen), clock.rfc3339(offer.pay_before)
    body = PaymentBody(payment.id, payment.out_trade_no, payment.method, payment.status, amount, expires)
    body.installments = payment.installments or UNSET
    return body


def refund_body(refund: refunds.Refund) -> RefundBody:
    body = RefundBody(
        id=str(refund.id),
        order_id=str(refund.order_id),
        payment_id=refund.payment_id,
        amount=money.yuan(refund.amount_fen),
        status=refund.status,
        source=refund.source,
        reason=refund.reason,
        requested_at=clock.rfc3339(refund.requested_at),
    )
    if refund.lines or refund.freight_fen:
        body.items = [RefundedLine(sku_id, count, money.yuan(fen)) for sku_id, count, fen in refund.lines or ()]
        body.freight, body.restock = money.yuan(refund.freight_fen), refund.restock
    if refund.finished_at is not None:
        body.finished_at = clock.rfc3339(refund.finished_at)
    if refund.error is not None:
        body.error = refund.error
    return body


def quote_body(quote: Quote) -> QuoteBody:
    totals = quote.totals
    discounts = totals.discounts or [0] * len(quote.lines)
    return QuoteBody(
        items=[_quoted(line, discount) for line, discount in zip(quote.lines, discounts, strict=True)],
        goods_amount=money.yuan(totals.goods_fen),
        discount=money.yuan(totals.discount_fen),
        freight=money.yuan(totals.freight_fen),
        total_amount=money.yuan(totals.total_fen),
        problems=[QuoteProblem(*problem) for problem in quote.problems],
    )


def _quoted(line: Line, discount_fen: int) -> QuoteLine:
    price, amount = money.yuan(line.unit_price_fen), money.yuan(line.amount_fen - discount_fen)
    return QuoteLine(line.sku_id, line.title, line.quantity, price, money.yuan(discount_fen), amount)
