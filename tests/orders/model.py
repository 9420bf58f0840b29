"""What the contract says an order is, as simply as it can be said: the model of the state machine's test."""

from __future__ import annotations

from dataclasses import dataclass, field

PRICE_FEN = 1000
FREIGHT_FEN = 1000


@dataclass
class Attempt:
    """One attempt, with what Alipay knows of it: `trade` is "", "paid" or "closed"."""

    method: str | None = None
    trade: str = ""
    final: bool = False
    kept: bool = False
    paid_fen: int = 0
    returned_fen: int = 0


@dataclass
class Goods:
    """Units of one line, and where they are; `refunds` are the fen of those that are not failed."""

    bought: int
    shipped: int = 0
    restocked: int = 0
    returned: int = 0
    aside: int = 0
    refunding: int = 0
    refunded: int = 0
    refunds: list[int] = field(default_factory=list)

    @property
    def held(self) -> int:
        return self.bought - self.shipped - self.returned

    @property
    def free(self) -> int:
        return self.held - self.aside

    @property
    def out(self) -> int:
        return self.shipped - self.restocked


@dataclass
class Back:
    """A refund by line that waits for Alipay: by SKU its units, those set aside, those that come back, and fen."""

    id: int
    fen: int
    lines: dict[str, tuple[int, int, int, int]]


@dataclass
class Model:
    """What the contract says an order is."""

    id: int
    lines: dict[str, int]
    status: str
    reason: str | None = None
    holds: bool = False
    closing: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    goods: dict[str, Goods] = field(default_factory=dict)
    freight_refunded: bool = False
    pending: list[Back] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.goods = {sku_id: Goods(count) for sku_id, count in self.lines.items()}

    def units(self, sku_id: str) -> int:
        """Units that it holds or that are out."""
        goods = self.goods.get(sku_id, Goods(0))
        return goods.out + (goods.held if self.holds else 0)

    def goods_move(self) -> None:
        """With nothing held and nothing out it is over; with nothing left to ship and something out it is shipped."""
        found = self.goods.values()
        if self.status not in ("awaiting_shipment", "shipped", "completed"):
            return
        if not any(goods.held or goods.out for goods in found):
            self.status, self.reason = "closed", "refunded"
            self.begin_to_close()
        elif self.status == "awaiting_shipment" and any(g.out for g in found) and not any(g.free for g in found):
            self.status = "shipped"

    @property
    def is_shippable(self) -> bool:
        """Whether a parcel may leave; one that has nothing left and is shipped does no harm when it is sent again."""
        going_back = self.kept is not None and self.kept.returned_fen == self.kept.paid_fen
        has_left = self.status == "shipped" and not any(goods.free for goods in self.goods.values())
        living = self.status in ("awaiting_shipment", "shipped", "completed") and not going_back
        return has_left or (living and any(goods.free for goods in self.goods.values()))

    @property
    def total_fen(self) -> int:
        return sum(self.lines.values()) * PRICE_FEN + FREIGHT_FEN

    @property
    def kept(self) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.kept), None)

    def begin_to_close(self) -> None:
        self.closing = True
        for attempt in self.attempts:
            attempt.final |= attempt.method is None
        self.settle()

    def settle(self) -> None:
        paid_for = self.kept is not None and self.status != "closed"
        is_final = all(attempt.final for attempt in self.attempts)
        if self.closing and self.holds and is_final and not paid_for:
            self.holds = False
            if self.status == "awaiting_payment":
                self.status, self.reason = "closed", "expired"
