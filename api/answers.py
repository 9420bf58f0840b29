"""The JSON that goes out: one struct each, which is also its description in the OpenAPI document."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from api.formats import Amount, Number, Path, PaymentId, Time
from api.words import OrderReason, OrderStatus, PaymentStatus, PayMethod
from checkout import clock, money
from checkout.events.log import CloudEvent
from checkout.orders import views
from checkout.orders.acceptance import Request
from checkout.orders.views import View
from checkout.stock.catalog import Listed


class LineBody(msgspec.Struct):
    """Until the order is placed it is known what was asked for, and no more."""

    sku_id: str
    quantity: int
    spu_id: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    unit_price: Amount | UnsetType = UNSET
    discount: Amount | UnsetType = UNSET
    amount: Amount | UnsetType = UNSET
    shipped_quantity: int | UnsetType = UNSET
    refunded_quantity: int | UnsetType = UNSET


class ParcelLine(msgspec.Struct):
    sku_id: str
    quantity: int


class ShipmentBody(msgspec.Struct):
    n: int
    carrier: str
    tracking_number: str
    items: list[ParcelLine]
    shipped_at: Time


class PaymentSummary(msgspec.Struct):
    """The attempt that was kept, else the newest. `trade_no` is Alipay's; null until it has made a trade."""

    id: PaymentId
    status: PaymentStatus
    trade_no: str | None
    refunded_amount: Amount


class Destination(msgspec.Struct):
    """Where the order goes; all but the region is empty once its buyer was erased."""

    recipient: str
    phone: str
    region: str
    detail: str


class Shortage(msgspec.Struct):
    sku_id: str
    wanted: int
    available: int


class OrderBody(msgspec.Struct):
    """Each time is there once that has happened; the amounts, once the order is placed or its price has changed."""

    id: Number
    status: OrderStatus
    pay_method: PayMethod
    items: list[LineBody]
    total_count: int
    address: Destination
    remark: str
    reference: str
    metadata: dict[str, str]
    accepted_at: Time
    shipments: list[ShipmentBody]
    events_url: Path
    user_id: Number | UnsetType = UNSET  # for operators, who see everybody's
    reason: OrderReason | UnsetType = UNSET
    goods_amount: Amount | UnsetType = UNSET
    discount: Amount | UnsetType = UNSET
    freight: Amount | UnsetType = UNSET
    total_amount: Amount | UnsetType = UNSET
    placed_at: Time | UnsetType = UNSET
    pay_before: Time | UnsetType = UNSET
    paid_at: Time | UnsetType = UNSET
    shipped_at: Time | UnsetType = UNSET
    completed_at: Time | UnsetType = UNSET
    closed_at: Time | UnsetType = UNSET
    payment: PaymentSummary | UnsetType = UNSET
    shortages: list[Shortage] | UnsetType = UNSET


class OrderPage(msgspec.Struct):
    orders: list[OrderBody]
    next_cursor: str | None


class SkuBody(msgspec.Struct):
    id: str
    spu_id: str
    title: str
    price: Amount
    in_stock: bool
    on_sale: bool
    limit_per_user: int | None


class SkuPage(msgspec.Struct):
    skus: list[SkuBody]
    next_cursor: str | None


class CartLine(msgspec.Struct):
    sku_id: str
    quantity: int
    selected: bool


class CartBody(msgspec.Struct):
    items: list[CartLine]


class EventPage(msgspec.Struct):
    events: list[CloudEvent]
    next_after: Number | None


def accepted_body(order_id: int, request: Request, accepted_at: str, events_url: str) -> OrderBody:
    """A new order, from what was asked."""
    address = request.address
    return OrderBody(
        id=str(order_id),
        status="accepted",
        pay_method=request.pay_method,
        items=[LineBody(sku_id, quantity) for sku_id, quantity in request.lines],
        total_count=sum(quantity for _, quantity in request.lines),
        address=Destination(address.recipient, address.phone, address.region, address.detail),
        remark=request.remark,
        reference=request.reference,
        metadata=dict(request.metadata),
        accepted_at=accepted_at,
        shipments=[],
        events_url=events_url,
    )


def order_body(view: View, events_url: str) -> OrderBody:
    body = OrderBody(
        id=str(view.id),
        status=view.status,
        pay_method=view.pay_method,
        items=_lines(view),
        total_count=sum(view.quantities),
        address=Destination(view.recipient, view.phone, view.region, view.detail),
        remark=view.remark,
        reference=view.reference,
        metadata=view.metadata or {},
        accepted_at=clock.rfc3339(view.accepted_at),
        shipments=shipments(view),
        events_url=events_url,
    )
    if view.reason:
        body.reason = view.reason
    if view.total_fen is not None:
        body.goods_amount = money.yuan(view.goods_fen or 0)
        body.discount = money.yuan(view.discount_fen)
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
    price, discount = money.yuan(line.unit_price_fen), money.yuan(line.discount_fen)
    amount = money.yuan(line.quantity * line.unit_price_fen - line.discount_fen)
    told = (line.spu_id, line.title, price, discount, amount, line.shipped_quantity, line.refunded_quantity)
    return LineBody(line.sku_id, line.quantity, *told)


def shipments(view: View) -> list[ShipmentBody]:
    """The order's parcels, in the order in which they left."""
    parcels = (views.Parcel(*parcel) for parcel in view.parcels or ())
    return [ShipmentBody(one.n, one.carrier, one.tracking_number, _contents(one), one.shipped_at) for one in parcels]


def _contents(parcel: views.Parcel) -> list[ParcelLine]:
    return [ParcelLine(*line) for line in zip(parcel.sku_ids, parcel.quantities, strict=True)]


def sku_body(sku: Listed) -> SkuBody:
    return SkuBody(
        sku.id, sku.spu_id, sku.title, money.yuan(sku.price_fen), sku.in_stock, sku.on_sale, sku.limit_per_user
    )
