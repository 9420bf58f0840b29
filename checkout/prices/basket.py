"""What is to be priced, and what it costs. Amounts are fen, weights grams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """So many units of one SKU, at the catalogue's price."""

    sku_id: str
    spu_id: str
    title: str
    quantity: int
    unit_price_fen: int
    weight_g: int  # of one unit

    @property
    def amount_fen(self) -> int:
        """What the units cost without a discount."""
        return self.quantity * self.unit_price_fen


class Basket(NamedTuple):
    """One order's lines, for whom and where; `region` is empty while nobody knows it."""

    lines: Sequence[Line]
    user_id: int
    region: str
    metadata: Mapping[str, str]


class Totals(NamedTuple):
    """What an order costs; `discounts` are one for each line, in their order; empty: there is none."""

    goods_fen: int
    discount_fen: int
    freight_fen: int
    total_fen: int
    discounts: Sequence[int] = ()

    @classmethod
    def of(cls, goods_fen: int, freight_fen: int, discounts: Sequence[int] = ()) -> Totals:
        """The sums that follow."""
        discount_fen = sum(discounts)
        return cls(goods_fen, discount_fen, freight_fen, goods_fen - discount_fen + freight_fen, discounts)
