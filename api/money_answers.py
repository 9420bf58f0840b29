"""The JSON that goes out about money: payments, refunds and quotes."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from api.formats import Address, Amount, Number, PaymentId, Time
from api.words import Obstacle, PaymentMethod, PaymentStatus, RefundSource, RefundStatus
from checkout import clock, money
from checkout.payments import refunds
from checkout.payments.offers import Offer
from checkout.prices.basket import Line
from checkout.quotes.quote import Problem, Quote


class PaymentBody(msgspec.Struct):
    """By its method: `pay_url` (page, wap), `order_string` (app), `qr_code` (qr, order_code) or `trade_no` (mini)."""

    id: PaymentId
    out_trade_no: str
    method: PaymentMethod
    status: PaymentStatus
    amount: Amount
    expires_at: Time
    pay_url: Address | UnsetType = UNSET
    order_string: str | UnsetType = UNSET
    qr_code: str | UnsetType = UNSET
    trade_no: str | UnsetType = UNSET
    installments: int | UnsetType = UNSET


class AttemptBody(msgspec.Struct):
    """`method` is null until the buyer asks to pay; `trade_no`, until Alipay has made a trade."""

    id: PaymentId
    out_trade_no: str
    method: PaymentMethod | None
    status: PaymentStatus
    amount: Amount
    refunded_amount: Amount
    trade_no: str | None
    kept: bool
    installments: int | UnsetType = UNSET


class PaymentList(msgspec.Struct):
    payments: list[AttemptBody]


class RefundedLine(msgspec.Struct):
    sku_id: str
    quantity: int
    amount: Amount


class RefundBody(msgspec.Struct):
    """`items`, `freight` and `restock` are those of a refund by line."""

    id: Number
    order_id: Number
    payment_id: PaymentId
    amount: Amount
    status: RefundStatus
    source: RefundSource
    reason: str
    requested_at: Time
    items: list[RefundedLine] | UnsetType = UNSET
    freight: Amount | UnsetType = UNSET
    restock: bool | UnsetType = UNSET
    finished_at: Time | UnsetType = UNSET
    error: str | UnsetType = UNSET


class RefundList(msgspec.Struct):
    refunds: list[RefundBody]


class QuoteLine(msgspec.Struct):
    sku_id: str
    title: str
    quantity: int
    unit_price: Amount
    discount: Amount
    amount: Amount


class QuoteProblem(msgspec.Struct):
    """Why an order would be refused now. Without a SKU: the whole of it."""

    code: Obstacle
    sku_id: str | UnsetType = UNSET
    wanted: int | UnsetType = UNSET
    available: int | UnsetType = UNSET


class QuoteBody(msgspec.Struct):
    """Nothing is stored, and nothing is held."""

    items: list[QuoteLine]
    goods_amount: Amount
    discount: Amount
    freight: Amount
    total_amount: Amount
    problems: list[QuoteProblem]


def payment_body(offer: Offer, method: str) -> PaymentBody:
    payment = offer.payment
    amount, expires = money.yuan(payment.amount_fen), clock.rfc3339(offer.pay_before)
    body = PaymentBody(payment.id, payment.out_trade_no, method, payment.status, amount, expires)
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
        problems=[_obstacle(problem) for problem in quote.problems],
    )


def _quoted(line: Line, discount_fen: int) -> QuoteLine:
    price, amount = money.yuan(line.unit_price_fen), money.yuan(line.amount_fen - discount_fen)
    return QuoteLine(line.sku_id, line.title, line.quantity, price, money.yuan(discount_fen), amount)


def _obstacle(problem: Problem) -> QuoteProblem:
    of_line: list[Any] = [UNSET if told is None else told for told in problem[1:]]
    return QuoteProblem(problem.code, *of_line)
