"""A quote: prices, freight and every obstacle as they are at this moment. Nothing is stored, and nothing is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from checkout import money
from checkout.db import Connection, sql
from checkout.orders.allocation import Terms
from checkout.stock import units
from checkout.stock.units import Sku


class Line(NamedTuple):
    """What that many units of a SKU cost, in fen."""

    sku_id: str
    title: str
    quantity: int
    unit_price_fen: int


class Problem(NamedTuple):
    """Why an order of these lines would be rejected; `code` is the reason that it would have."""

    code: str
    sku_id: str | None = None
    wanted: int | None = None
    available: int | None = None


@dataclass(frozen=True)
class Quote:
    """`lines` are those of SKUs that the shop knows; amounts are fen."""

    lines: Sequence[Line]
    goods_fen: int
    freight_fen: int
    problems: Sequence[Problem]


_OPEN_ORDERS = sql("SELECT open_orders FROM users WHERE id = :user_id")


def quote(
    connection: Connection, user_id: int, wanted: Sequence[tuple[str, int]], expected_fen: int | None, terms: Terms
) -> Quote:
    """What placing would decide now, but for what others take in between."""
    skus = units.peek(connection, [sku_id for sku_id, _ in wanted])
    held = connection.execute(_OPEN_ORDERS, {"user_id": user_id}).scalar() or 0
    lines = [_line(skus[sku_id], quantity) for sku_id, quantity in wanted if sku_id in skus]
    goods_fen = sum(line.unit_price_fen * line.quantity for line in lines)
    freight_fen = terms.freight(goods_fen)
    problems = [*_of_lines(wanted, skus), *_of_the_whole(goods_fen + freight_fen, expected_fen, held, terms)]
    return Quote(lines, goods_fen, freight_fen, problems)


def _line(sku: Sku, quantity: int) -> Line:
    return Line(sku.id, sku.title, quantity, sku.price_fen)


def _of_lines(wanted: Sequence[tuple[str, int]], skus: dict[str, Sku]) -> Iterator[Problem]:
    for sku_id, quantity in wanted:
        sku = skus.get(sku_id)
        if sku is None:
            yield Problem("unknown_sku", sku_id, quantity, 0)
        elif not sku.on_sale:
            yield Problem("not_on_sale", sku_id, quantity, 0)
        elif sku.stock < quantity:
            yield Problem("out_of_stock", sku_id, quantity, sku.stock)


def _of_the_whole(total_fen: int, expected_fen: int | None, held: int, terms: Terms) -> Iterator[Problem]:
    if 0 < terms.max_open_orders <= held:
        yield Problem("limit_exceeded")
    if total_fen > money.LARGEST_FEN:
        yield Problem("total_too_large")
    if expected_fen not in (None, total_fen):
        yield Problem("price_changed")
