"""The JSON that comes in: one struct each, from which the checks and the OpenAPI document both come."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.words import PaymentMethod, PayMethod
from checkout import money
from checkout.errors import Invalid
from checkout.orders import cart
from checkout.orders.acceptance import Address as StoredAddress
from checkout.orders.acceptance import Request
from checkout.payments.offers import Way
from checkout.payments.refund_lines import Units
from checkout.stock.catalog import ID, Id

NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, Meta(max_length=500, pattern=NO_NUL)]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
Detail = Annotated[str, Meta(min_length=1, max_length=300, pattern=NO_NUL)]
# At least three digits, which Chinese keyboards also write wide, with extensions and whatever people put in between.
_BETWEEN = r"[-+(). #*,/extEXT＋－—（）．＃＊，转分机]*"
PHONE = rf"^{_BETWEEN}(?:[0-9０-９]{_BETWEEN}){{3,32}}$(?!\n)"
Phone = Annotated[str, Meta(min_length=3, max_length=32, pattern=PHONE)]
OPEN_ID = r"^[0-9A-Za-z_-]{1,128}$(?!\n)"
BUYER_ID = r"^2088[0-9]{12}$(?!\n)"
OpenId = Annotated[str, Meta(pattern=OPEN_ID)]
BuyerId = Annotated[str, Meta(pattern=BUYER_ID)]
Carrier = Annotated[str, Meta(max_length=50, pattern=NO_NUL)]
TrackingNumber = Annotated[str, Meta(max_length=64, pattern=NO_NUL)]
Reference = Annotated[str, Meta(max_length=64, pattern=NO_NUL)]
Metadata = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=40, pattern=NO_NUL)],
        Annotated[str, Meta(max_length=500, pattern=NO_NUL)],
    ],
    Meta(max_length=16),
]
# What a person is told who does not read regular expressions.
IN_WORDS = {
    NO_NUL: "a text without the character NUL",
    PHONE: "a phone number: three digits or more, and + - ( ) . # 转 or blanks between them, like 021-12345678转8012",
    money.YUAN: "yuan with two decimals, like 119.80",
    OPEN_ID: "an OpenID: 1 to 128 letters, digits, dashes and underscores",
    BUYER_ID: "a user id of Alipay: 16 digits that begin with 2088",
    ID: "an id: 1 to 64 letters, digits, dots, dashes and underscores",
}

Yuan = Annotated[str, Meta(pattern=money.YUAN, examples=["119.80"])]
Quantity = Annotated[int, Meta(ge=1, le=999)]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: Id
    quantity: Quantity


class Address(msgspec.Struct, forbid_unknown_fields=True):
    recipient: Name
    phone: Phone
    region: Name
    detail: Detail


class Wanted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Either `items` or `from_cart: true`. The same SKU twice is summed."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=1000)] | UnsetType = UNSET
    from_cart: bool = False
    expected_total: Yuan | UnsetType = UNSET
    remark: Text = ""
    reference: Reference = ""
    metadata: Metadata = {}


class OrderRequest(Wanted, kw_only=True):
    """What is wanted, where it goes, and how it is paid for."""

    pay_method: PayMethod
    address: Address


class QuoteRequest(Wanted, kw_only=True):
    """The same; who only wants to know the price has no address yet."""

    pay_method: PayMethod = "alipay"
    address: Address | UnsetType = UNSET


class CartItemRequest(msgspec.Struct, forbid_unknown_fields=True):
    quantity: Quantity
    selected: bool = True


class PaymentRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`mini` needs one of the two ids of its buyer; `installments` (花呗分期) are of page, wap and app."""

    method: PaymentMethod
    buyer_open_id: OpenId | UnsetType = UNSET
    buyer_id: BuyerId | UnsetType = UNSET
    installments: Literal[3, 6, 12] | UnsetType = UNSET


class RefundRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Either an `amount`, or units by line and the freight; `restock`: those that had left have come back."""

    amount: Yuan | UnsetType = UNSET
    items: Annotated[list[Item], Meta(max_length=1000)] | UnsetType = UNSET
    freight: bool = False
    restock: bool = False
    reason: Text = ""


class ShipRequest(msgspec.Struct, forbid_unknown_fields=True):
    carrier: Carrier = ""
    tracking_number: TrackingNumber = ""


class ShipmentRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without `items` all that is left."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=1000)] | UnsetType = UNSET
    carrier: Annotated[Carrier, Meta(min_length=1)]
    tracking_number: Annotated[TrackingNumber, Meta(min_length=1)]


class ShipmentCorrection(msgspec.Struct, forbid_unknown_fields=True):
    carrier: Annotated[Carrier, Meta(min_length=1)] | UnsetType = UNSET
    tracking_number: Annotated[TrackingNumber, Meta(min_length=1)] | UnsetType = UNSET


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No members."""


def order_request(body: OrderRequest, user_id: int, key: str, traceparent: str = "") -> Request:
    """The request, normalised. Raises Invalid."""
    expected = None if isinstance(body.expected_total, UnsetType) else money.fen(body.expected_total)
    address = body.address
    return Request(
        user_id=user_id,
        key=key,
        lines=wanted(body),
        from_cart=body.from_cart,
        pay_method=body.pay_method,
        address=StoredAddress(address.recipient, address.phone, address.region, address.detail),
        remark=body.remark,
        reference=body.reference,
        metadata=tuple(sorted(body.metadata.items())),
        expected_total_fen=expected,
        traceparent=traceparent,
    )


def wanted(body: Wanted) -> tuple[tuple[str, int], ...]:
    """The lines that the body names itself; none when the cart has them. Raises Invalid."""
    items = [] if isinstance(body.items, UnsetType) else body.items
    if body.from_cart == bool(items):
        raise Invalid("either items or from_cart: true is needed, not both", "items")
    return summed_items(items)


def summed_items(items: list[Item]) -> tuple[tuple[str, int], ...]:
    """One line for each SKU, sorted. Raises Invalid."""
    return summed([(item.sku_id, item.quantity) for item in items])


def way_to_pay(body: PaymentRequest) -> Way:
    """How the attempt is to be paid. Raises Invalid."""
    open_id = None if isinstance(body.buyer_open_id, UnsetType) else body.buyer_open_id
    buyer_id = None if isinstance(body.buyer_id, UnsetType) else body.buyer_id
    if body.method == "mini" and (open_id is None) == (buyer_id is None):
        raise Invalid("a mini-program's payment names its buyer: buyer_open_id or buyer_id", "buyer_open_id")
    if body.method != "mini" and (open_id or buyer_id):
        raise Invalid("only a mini-program's payment names its buyer", "buyer_open_id" if open_id else "buyer_id")
    if isinstance(body.installments, UnsetType):
        return Way(body.method, open_id, buyer_id)
    if body.method not in ("page", "wap", "app"):
        raise Invalid("installments are of page, wap and app", "installments")
    return Way(body.method, installments=body.installments)


def refund_request(body: RefundRequest) -> int | Units:
    """What is to be refunded: an amount in fen, or units. Raises Invalid."""
    items = [] if isinstance(body.items, UnsetType) else body.items
    if isinstance(body.amount, UnsetType):
        if not items and not body.freight:
            raise Invalid("an amount, or items or freight: true, is needed", "$")
        return Units(dict(summed_items(items)), body.freight, body.restock)
    if items or body.freight or body.restock:
        raise Invalid("an amount is of no items: leave one of them out", "amount")
    if money.fen(body.amount) == 0:
        raise Invalid("at least 0.01", "amount")
    return money.fen(body.amount)


def summed(lines: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """One line for each SKU, sorted. Raises Invalid when that is too many or too much."""
    total: dict[str, int] = {}
    for place, (sku_id, quantity) in enumerate(lines):
        total[sku_id] = total.get(sku_id, 0) + quantity
        if total[sku_id] > 999:
            raise Invalid("at most 999 of one SKU", f"items[{place}].quantity")
    if len(total) > cart.MOST_ITEMS:
        raise Invalid(f"at most {cart.MOST_ITEMS} different SKUs", "items")
    return tuple(sorted(total.items()))
