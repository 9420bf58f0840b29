"""The JSON that goes out: one struct each, which is also its description in the OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from api.bodies import Address
from checkout import clock, money
from checkout.events.log import Logged
from checkout.orders import views
from checkout.orders.acceptance import Request
from checkout.orders.views import View
from checkout.payments import refunds
from checkout.payments.offers import Offer
from checkout.quotes import quote as quotes
from checkout.quotes.quote import Quote
from checkout.stock.catalog import Listed


class LineBody(msgspec.Struct):
    sku_id: str
    quantity: int
    spu_id: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    unit_price: str | UnsetType = UNSET
    amount: str | UnsetType = UNSET


class PaymentSummary(msgspec.Struct):
    id: str
    status: str
    trade_no: str | None
    refunded_amount: str


class Shortage(msgspec.Struct):
    sku_id: str
    wanted: int
    available: int


class OrderBody(msgspec.Struct):
    id: str
    status: str
    pay_method: str
    items: list[LineBody]
    total_count: int
    address: Address
    remark: str
    reference: str
    metadata: dict[str, str]
    accepted_at: str
    events_url: str
    reason: str | UnsetType = UNSET
    goods_amount: str | UnsetType = UNSET
    freight: str | UnsetType = UNSET
    total_amount: str | UnsetType = UNSET
    placed_at: str | UnsetType = UNSET
    pay_before: str | UnsetType = UNSET
    paid_at: str | UnsetType = UNSET
    shipped_at: str | UnsetType = UNSET
    completed_at: str | UnsetType = UNSET
    closed_at: str | UnsetType = UNSET
    payment: PaymentSummary | UnsetType = UNSET
    shortages: list[Shortage] | UnsetType = UNSET


class OrderPage(msgspec.Struct):
    orders: list[OrderBody]
    next_cursor: str | None = None


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


class AttemptBody(msgspec.Struct):
    id: str
    out_trade_no: str
    method: str | None
    status: str
    amount: str
    refunded_amount: str
    trade_no: str | None
    kept: bool


class PaymentList(msgspec.Struct):
    payments: list[AttemptBody]


class RefundBody(msgspec.Struct):
    id: str
    order_id: str
    payment_id: str
    amount: str
    status: str
    source: str
    reason: str
    requested_at: str
    finished_at: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


class RefundList(msgspec.Struct):
    refunds: list[RefundBody]


class SkuBody(msgspec.Struct):
    id: str
    spu_id: str
    title: str
    price: str
    in_stock: bool
    on_sale: bool


class SkuPage(msgspec.Struct):
    skus: list[SkuBody]
    next_cursor: str | None = None


class CartLine(msgspec.Struct):
    sku_id: str
    quantity: int
    selected: bool


class CartBody(msgspec.Struct):
    items: list[CartLine]


class CloudEvent(msgspec.Struct):
    """CloudEvents 1.0."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    sequence: int
    data: dict[str, Any]


class EventPage(msgspec.Struct):
    events: list[CloudEvent]
    next_after: str | None = None


def accepted_body(order_id: int, request: Request, accepted_at: str, events_url: str) -> OrderBody:
    """A new order, from what was asked."""
    address = request.address
    return OrderBody(
        id=str(order_id),
        status="accepted",
        pay_method=request.pay_method,
        items=[LineBody(sku_id, quantity) for sku_id, quantity in request.lines],
        total_count=sum(quantity for _, quantity in request.lines),
        address=Address(address.recipient, address.phone, address.region, address.detail),
        remark=request.remark,
        reference=request.reference,
        metadata=dict(request.metadata),
        accepted_at=accepted_at,
        events_url=events_url,
    )


def order_body(view: View, events_url: str) -> OrderBody:
    body = OrderBody(
        id=str(view.id),
        status=view.status,
        pay_method=view.pay_method,
        items=_lines(view),
        total_count=sum(view.quantities),
        address=Address(view.recipient, view.phone, view.region, view.detail),
        remark=view.remark,
        reference=view.reference,
        metadata=view.metadata or {},
        accepted_at=clock.rfc3339(view.accepted_at),
        events_url=events_url,
    )
    if view.reason:
        body.reason = view.reason
    if view.total_fen is not None:
        body.goods_amount = money.yuan(view.goods_fen or 0)
        body.freight = money.yuan(view.freight_fen or 0)
        body.total_amount = money.yuan(view.total_fen)
    for name in ("placed_at", "pay_before", "paid_at", "shipped_at", "completed_at", "closed_at"):
        if (instant := getattr(view, name)) is not None:
            setattr(body, name, clock.rfc3339(instant))
    if view.payment is not None:
        n, status, trade_no, refunded_fen = view.payment
        body.payment = PaymentSummary(f"{view.id}-{n}", status, trade_no, money.yuan(refunded_fen))
    if view.shortages is not None:
        body.shortages = [Shortage(**shortage) for shortage in view.shortages]
    return body


def _lines(view: View) -> list[LineBody]:
    if view.lines is None:
        return [LineBody(sku_id, quantity) for sku_id, quantity in zip(view.sku_ids, view.quantities, strict=True)]
    bought = (views.Line(*line) for line in view.lines)
    return [_line(line) for line in bought]


def _line(line: views.Line) -> LineBody:
    price, amount = money.yuan(line.unit_price_fen), money.yuan(line.quantity * line.unit_price_fen)
    return LineBody(line.sku_id, line.quantity, line.spu_id, line.title, price, amount)


_NO_DISCOUNT = money.yuan(0)


def quote_body(quote: Quote) -> QuoteBody:
    return QuoteBody(
        items=[_quoted(line) for line in quote.lines],
        goods_amount=money.yuan(quote.goods_fen),
        discount=_NO_DISCOUNT,
        freight=money.yuan(quote.freight_fen),
        total_amount=money.yuan(quote.goods_fen + quote.freight_fen),
        problems=[QuoteProblem(*problem) for problem in quote.problems],
    )


def _quoted(line: quotes.Line) -> QuoteLine:
    price, amount = money.yuan(line.unit_price_fen), money.yuan(line.quantity * line.unit_price_fen)
    return QuoteLine(line.sku_id, line.title, line.quantity, price, _NO_DISCOUNT, amount)


def payment_body(offer: Offer) -> PaymentBody:
    payment = offer.payment
    amount, expires = money.yuan(payment.amount_fen), clock.rfc3339(offer.pay_before)
    return PaymentBody(payment.id, payment.out_trade_no, payment.method, payment.status, amount, expires)


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
    if refund.finished_at is not None:
        body.finished_at = clock.rfc3339(refund.finished_at)
    if refund.error is not None:
        body.error = refund.error
    return body


def sku_body(sku: Listed) -> SkuBody:
    return SkuBody(sku.id, sku.spu_id, sku.title, money.yuan(sku.price_fen), sku.in_stock, sku.on_sale)


def event_body(event: Logged) -> CloudEvent:
    return CloudEvent(**event.cloud_event())
