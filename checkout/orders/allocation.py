"""Who gets what: the rules by which a batch of accepted orders is placed or rejected, without any I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from checkout import money
from checkout.events.log import Event
from checkout.settings import Settings
from checkout.stock.units import Movement, Sku


@dataclass(frozen=True)
class Terms:
    """What the shop decided about every order."""

    pay_window_seconds: int
    freight_fen: int
    free_freight_from_fen: int
    max_open_orders: int

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        return cls(
            settings.pay_window_seconds, settings.freight_fen, settings.free_freight_from_fen, settings.max_open_orders
        )

    def freight(self, goods_fen: int) -> int:
        free = 0 < self.free_freight_from_fen <= goods_fen
        return 0 if free else self.freight_fen


class Claimed(NamedTuple):
    """An accepted order under this transaction's lock."""

    id: int
    user_id: int
    pay_method: str
    from_cart: bool
    expected_total_fen: int | None
    sku_ids: list[str]
    quantities: list[int]
    version: int
    reference: str
    now: datetime

    @property
    def wanted(self) -> list[tuple[str, int]]:
        return list(zip(self.sku_ids, self.quantities, strict=True))


class Asked(Protocol):
    """What the rules need to know of an order."""

    @property
    def wanted(self) -> Sequence[tuple[str, int]]: ...

    @property
    def expected_total_fen(self) -> int | None: ...


class Owned(Protocol):
    """What events tell of an order's owner."""

    @property
    def user_id(self) -> int: ...

    @property
    def pay_method(self) -> str: ...

    @property
    def reference(self) -> str: ...


class Refusal(NamedTuple):
    """Why an order cannot be placed; the totals stand there when they are what changed."""

    reason: str
    shortages: list[dict[str, Any]] | None = None
    goods_fen: int | None = None
    freight_fen: int | None = None


@dataclass
class Batch:
    """What the walk decided, as rows to write."""

    placed: list[tuple[Claimed, int, int]] = field(default_factory=list)
    lines: list[tuple[int, str, str, str, int, int]] = field(default_factory=list)
    rejected: list[tuple[Claimed, Refusal]] = field(default_factory=list)
    movement: Movement = field(default_factory=Movement)

    @property
    def gone(self) -> list[str]:
        """The SKUs of which somebody wanted a unit and none was left."""
        short = (line for _, refusal in self.rejected for line in refusal.shortages or ())
        return sorted({line["sku_id"] for line in short if line["available"] == 0})


def walk(claimed: Sequence[Claimed], skus: dict[str, Sku], held: dict[int, int], terms: Terms) -> Batch:
    """Decides in arrival order; what an order takes is gone for those behind it."""
    batch = Batch()
    left = {sku.id: sku.stock for sku in skus.values()}
    for order in claimed:
        if 0 < terms.max_open_orders <= held[order.user_id]:
            batch.rejected.append((order, Refusal("limit_exceeded")))
            continue
        refusal, goods_fen, freight_fen = judge(order, skus, left, terms)
        if refusal is not None:
            batch.rejected.append((order, refusal))
            continue
        held[order.user_id] += 1
        batch.placed.append((order, goods_fen, freight_fen))
        for sku_id, quantity in order.wanted:
            sku = skus[sku_id]
            left[sku_id] -= quantity
            batch.movement.add(sku_id, sku.spu_id, quantity)
            batch.lines.append((order.id, sku_id, sku.spu_id, sku.title, quantity, sku.price_fen))
    return batch


def judge(order: Asked, skus: dict[str, Sku], left: dict[str, int], terms: Terms) -> tuple[Refusal | None, int, int]:
    """Why the order cannot be placed, or None; and what its goods and freight cost."""
    wanted = order.wanted
    if missing := [line for line in wanted if line[0] not in skus]:
        return Refusal("unknown_sku", _shortages(missing, {})), 0, 0
    if hidden := [line for line in wanted if not skus[line[0]].on_sale]:
        return Refusal("not_on_sale", _shortages(hidden, {})), 0, 0
    goods_fen = sum(skus[sku_id].price_fen * quantity for sku_id, quantity in wanted)
    freight_fen = terms.freight(goods_fen)
    if goods_fen + freight_fen > money.LARGEST_FEN:
        return Refusal("total_too_large"), 0, 0
    if order.expected_total_fen not in (None, goods_fen + freight_fen):
        return Refusal("price_changed", None, goods_fen, freight_fen), 0, 0
    if short := [line for line in wanted if left[line[0]] < line[1]]:
        return Refusal("out_of_stock", _shortages(short, left)), 0, 0
    return None, goods_fen, freight_fen


def _shortages(lines: Sequence[tuple[str, int]], left: dict[str, int]) -> list[dict[str, Any]]:
    return [{"sku_id": sku_id, "wanted": quantity, "available": left.get(sku_id, 0)} for sku_id, quantity in lines]


def rejected(order_id: int, order: Owned, sequence: int, refusal: Refusal) -> Event:
    """The event of an order that was refused."""
    why = {"status": "rejected", "pay_method": order.pay_method, "reason": refusal.reason}
    return Event("order.rejected", str(order_id), sequence, who(order_id, order) | why)


def who(order_id: int, order: Owned) -> dict[str, Any]:
    """Whose event it is; the shop's own number stands there when it gave one."""
    ids = {"order_id": str(order_id), "user_id": str(order.user_id)}
    return ids | {"reference": order.reference} if order.reference else ids
