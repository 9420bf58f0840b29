"""The one table of topics: what each event means and what it carries. Events are made by it, and described by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from checkout.schema import words


def _one_of(allowed: Sequence[str]) -> Meta:
    return Meta(extra_json_schema={"enum": list(allowed)})


OrderStatus = Annotated[str, _one_of(words.TYPES["order_status"])]
PayMethod = Annotated[str, _one_of(words.TYPES["pay_method"])]
RejectionReason = Annotated[str, _one_of(words.REASONS["rejected"])]
ClosingReason = Annotated[str, _one_of(words.REASONS["closed"])]
PaymentStatus = Annotated[str, _one_of(words.TYPES["payment_status"])]
RefundStatus = Annotated[str, _one_of(words.TYPES["refund_status"])]
RefundSource = Annotated[str, _one_of(words.TYPES["refund_source"])]
Yuan = Annotated[str, Meta(description="Yuan.", pattern=r"^(0|[1-9][0-9]*)\.[0-9]{2}$", examples=["119.80"])]
OrderId = Annotated[str, Meta(description="The order.")]
UserId = Annotated[str, Meta(description="Whose order it is: `sub` of the buyer's token.")]
SkuId = Annotated[str, Meta(description="The SKU.")]
SpuId = Annotated[str, Meta(description="The SPU that the SKU belongs to.")]
PaymentId = Annotated[str, Meta(description="The attempt to collect.", examples=["17-1"])]
RefundId = Annotated[str, Meta(description="The refund.")]
Reference = Annotated[str, Meta(description="The shop's own number of the order, where it gave one.")]
OutTradeNo = Annotated[str, Meta(description="Our number of the attempt at Alipay.")]
TradeNo = Annotated[str, Meta(description="Alipay's number of the trade, once it is known.")]
Quantity = Annotated[int, Meta(description="Units.", ge=1)]
Stock = Annotated[int, Meta(description="Units that can be sold now.", ge=0)]


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What an event carries: ids, amounts, states and reasons; nothing personal."""


class OfOrder(Data, frozen=True, kw_only=True):
    order_id: OrderId
    user_id: UserId
    reference: Reference | UnsetType = UNSET


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU of an order; `amount` is what is paid for all its units."""

    sku_id: SkuId
    spu_id: SpuId
    quantity: Quantity
    amount: Yuan


class OrderPlaced(OfOrder, frozen=True, kw_only=True):
    status: OrderStatus
    pay_method: PayMethod
    total_amount: Yuan
    lines: list[OrderLine]


class OrderRejected(OfOrder, frozen=True, kw_only=True):
    status: OrderStatus
    pay_method: PayMethod
    reason: RejectionReason


class OrderPaid(OfOrder, frozen=True, kw_only=True):
    status: OrderStatus
    payment_id: PaymentId


class OrderMoved(OfOrder, frozen=True, kw_only=True):
    status: OrderStatus


class OrderClosed(OfOrder, frozen=True, kw_only=True):
    status: OrderStatus
    reason: ClosingReason


class PaymentChanged(OfOrder, frozen=True, kw_only=True):
    payment_id: PaymentId
    out_trade_no: OutTradeNo
    status: PaymentStatus
    trade_no: TradeNo | UnsetType = UNSET
    amount: Yuan


class RefundChanged(OfOrder, frozen=True, kw_only=True):
    refund_id: RefundId
    payment_id: PaymentId
    amount: Yuan
    status: RefundStatus
    source: RefundSource


class StockChanged(Data, frozen=True, kw_only=True):
    sku_id: SkuId
    stock: Stock


class Topic(NamedTuple):
    """One row of the table; `key` is the routing key."""

    key: str
    means: str
    data: type[Data]

    @property
    def subject(self) -> str:
        """Whose id an event's `subject` is."""
        return "order" if issubclass(self.data, OfOrder) else "SKU"


_TABLE = (
    Topic("order.placed", "The order's stock is taken.", OrderPlaced),
    Topic("order.rejected", "The order could not be placed.", OrderRejected),
    Topic("order.paid", "Money was kept for the order.", OrderPaid),
    Topic("order.shipped", "Nothing of the order is left to send.", OrderMoved),
    Topic("order.completed", "The goods arrived.", OrderMoved),
    Topic("order.closed", "The order expired, was cancelled, or all its money or units went back.", OrderClosed),
    Topic("order.reinstated", "Money came after the order had expired, and the goods were still there.", OrderPaid),
    Topic("payment.created", "An attempt to collect exists.", PaymentChanged),
    Topic("payment.succeeded", "Money came by the attempt.", PaymentChanged),
    Topic("payment.closed", "No money can come by the attempt any more.", PaymentChanged),
    Topic("refund.requested", "Money is to go back.", RefundChanged),
    Topic("refund.succeeded", "Money has gone back.", RefundChanged),
    Topic("refund.failed", "Money has not gone back and will not by this refund.", RefundChanged),
    Topic("stock.sold_out", "The SKU's stock reached zero.", StockChanged),
    Topic("stock.restocked", "The SKU's stock left zero.", StockChanged),
)
# By routing key; there is no other.
TOPICS = {topic.key: topic for topic in _TABLE}
