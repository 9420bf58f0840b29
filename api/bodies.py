"""The JSON that comes in: one struct each, from which the checks and the OpenAPI document both come."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from checkout import money
from checkout.errors import Invalid
from checkout.orders.acceptance import Address as StoredAddress
from checkout.orders.acceptance import Request
from checkout.stock.catalog import Id

Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
Detail = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
Phone = Annotated[str, Meta(min_length=3, max_length=32, pattern=r"^[0-9+() -]*$(?!\n)")]
Yuan = Annotated[str, Meta(pattern=money.YUAN, examples=["119.80"])]
Quantity = Annotated[int, Meta(ge=1, le=999)]
Status = Literal["accepted", "rejected", "awaiting_payment", "awaiting_shipment", "shipped", "completed", "closed"]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: Id
    quantity: Quantity


class Address(msgspec.Struct, forbid_unknown_fields=True):
    recipient: Name
    phone: Phone
    region: Name
    detail: Detail


class OrderRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Either `items` or `from_cart: true`. The same SKU twice is summed."""

    pay_method: Literal["alipay", "cash"]
    address: Address
    items: Annotated[list[Item], Meta(min_length=1, max_length=1000)] | UnsetType = UNSET
    from_cart: bool = False
    expected_total: Yuan | UnsetType = UNSET
    remark: Text = ""


class CartItemRequest(msgspec.Struct, forbid_unknown_fields=True):
    quantity: Quantity
    selected: bool = True


class PaymentRequest(msgspec.Struct, forbid_unknown_fields=True):
    method: Literal["page", "wap", "app", "qr"]


class RefundRequest(msgspec.Struct, forbid_unknown_fields=True):
    amount: Yuan
    reason: Text = ""


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No members."""


MOST_LINES = 100


def order_request(body: OrderRequest, user_id: int, key: str) -> Request:
    """The request, normalised. Raises Invalid."""
    items = [] if isinstance(body.items, UnsetType) else body.items
    if body.from_cart == bool(items):
        raise Invalid("either items or from_cart: true is needed, not both", "items")
    expected = None if isinstance(body.expected_total, UnsetType) else money.fen(body.expected_total)
    address = body.address
    return Request(
        user_id=user_id,
        key=key,
        lines=summed([(item.sku_id, item.quantity) for item in items]),
        from_cart=body.from_cart,
        pay_method=body.pay_method,
        address=StoredAddress(address.recipient, address.phone, address.region, address.detail),
        remark=body.remark,
        expected_total_fen=expected,
    )


def summed(lines: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """One line for each SKU, sorted. Raises Invalid when that is too many or too much."""
    total: dict[str, int] = {}
    for place, (sku_id, quantity) in enumerate(lines):
        total[sku_id] = total.get(sku_id, 0) + quantity
        if total[sku_id] > 999:
            raise Invalid("at most 999 of one SKU", f"items[{place}].quantity")
    if len(total) > MOST_LINES:
        raise Invalid(f"at most {MOST_LINES} different SKUs", "items")
    return tuple(sorted(total.items()))
