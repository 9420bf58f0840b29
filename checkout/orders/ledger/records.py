"""What a transaction knows of the orders it holds: the order, its attempts, its lines, and their columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from checkout.columns import Columns


@dataclass
class Payment:
    """One attempt to collect. Times are UTC, amounts fen."""

    order_id: int
    n: int
    out_trade_no: str
    amount_fen: int
    status: str = "open"
    method: str | None = None
    evidence: str | None = None
    kept: bool = False
    queries: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0
    refunding_fen: int = 0
    due_at: datetime | None = None
    offered_at: datetime | None = None
    payable_until: datetime | None = None
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    trade_no: str | None = None
    qr_code: str | None = None
    buyer_open_id: str | None = None
    buyer_id: str | None = None
    installments: int | None = None
    created_at: datetime | None = None

    @property
    def id(self) -> str:
        return f"{self.order_id}-{self.n}"

    @property
    def left_fen(self) -> int:
        """What can still be refunded."""
        return self.paid_fen - self.refunded_fen - self.refunding_fen


@dataclass
class Line:
    """So many units of one SKU. Its `rest` is where the order's `stock` says; others left, or are for sale again."""

    order_id: int
    sku_id: str
    spu_id: str
    quantity: int
    unit_price_fen: int
    discount_fen: int
    limit_epoch: int
    shipped_quantity: int
    restocked_quantity: int
    returned_quantity: int
    refunding_quantity: int
    refunded_quantity: int
    aside_quantity: int

    @property
    def amount_fen(self) -> int:
        return self.quantity * self.unit_price_fen - self.discount_fen

    @property
    def rest(self) -> int:
        return self.quantity - self.shipped_quantity - self.returned_quantity


@dataclass
class Order:
    """An order under lock, with its attempts from the oldest to the newest."""

    id: int
    user_id: int
    status: str
    reason: str | None
    version: int
    pay_method: str
    stock: str | None
    freight_fen: int | None
    total_fen: int | None
    pay_before: datetime | None
    closing_at: datetime | None
    paid_at: datetime | None
    shipped_at: datetime | None
    completed_at: datetime | None
    closed_at: datetime | None
    reference: str
    accepted_at: datetime
    erased_at: datetime | None
    payments: list[Payment] = field(default_factory=list)

    @property
    def kept(self) -> Payment | None:
        """The attempt whose money pays for the order."""
        return next((payment for payment in self.payments if payment.kept), None)

    @property
    def waits_for_money(self) -> bool:
        """Whether an attempt may still be made; its time may be over without anybody having noticed."""
        return self.status == "awaiting_payment" and self.closing_at is None

    @property
    def holds_unpaid(self) -> bool:
        """Whether it counts against its user's cap: stock is held, unpaid, or for cash that comes with the goods."""
        return self.stock == "held" and self.paid_at is None


# The columns stand in the order of the fields above.
ORDER = Columns(
    id="bigint",
    user_id="bigint",
    status="order_status",
    reason="text",
    version="int",
    pay_method="pay_method",
    stock="stock_state",
    freight_fen="bigint",
    total_fen="bigint",
    pay_before="timestamptz",
    closing_at="timestamptz",
    paid_at="timestamptz",
    shipped_at="timestamptz",
    completed_at="timestamptz",
    closed_at="timestamptz",
    reference="text",
    accepted_at="timestamptz",
    erased_at="timestamptz",
)
_FIXED = ("user_id", "pay_method", "freight_fen", "total_fen", "pay_before", "reference", "accepted_at", "erased_at")
CHANGED_ORDER = ORDER.but(*_FIXED)
PAYMENT = Columns(
    order_id="bigint",
    n="smallint",
    out_trade_no="text",
    amount_fen="bigint",
    status="payment_status",
    method="payment_method",
    evidence="payment_evidence",
    kept="bool",
    queries="smallint",
    paid_fen="bigint",
    refunded_fen="bigint",
    refunding_fen="bigint",
    due_at="timestamptz",
    offered_at="timestamptz",
    payable_until="timestamptz",
    paid_at="timestamptz",
    closed_at="timestamptz",
    trade_no="text",
    qr_code="text",
    buyer_open_id="text",
    buyer_id="text",
    installments="smallint",
    created_at="timestamptz",
)
NEW_PAYMENT = PAYMENT.but("created_at")
CHANGED_PAYMENT = NEW_PAYMENT.but("out_trade_no", "amount_fen")
LINE = Columns(
    order_id="bigint",
    sku_id="text",
    spu_id="text",
    quantity="int",
    unit_price_fen="bigint",
    discount_fen="bigint",
    limit_epoch="smallint",
    shipped_quantity="smallint",
    restocked_quantity="smallint",
    returned_quantity="smallint",
    refunding_quantity="smallint",
    refunded_quantity="smallint",
    aside_quantity="smallint",
)
CHANGED_LINE = LINE.but("spu_id", "quantity", "unit_price_fen", "discount_fen")
