"""A quote: prices, freight and every obstacle as they are at this moment. Nothing is stored, and nothing is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from checkout import money
from checkout.db import Connection, sql
from checkout.orders import pricing
from checkout.orders.allocation import Terms
from checkout.prices.basket import Basket, Line, Totals
from checkout.schema import words
from checkout.stock import limits, units
from checkout.stock.units import Sku

# Of a region that nothing is sent to the door takes no order.
NOT_DELIVERED = "not_delivered"
OBSTACLES = (*words.REASONS["rejected"], NOT_DELIVERED)


class Problem(NamedTuple):
    """Why an order of these lines would be refused; `code` is one of OBSTACLES."""

    code: str
    sku_id: str | None = None
    wanted: int | None = None
    available: int | None = None


class Asked(NamedTuple):
    """What somebody would like to know the price of; `region` is empty while he has no address."""

    user_id: int
    wanted: Sequence[tuple[str, int]]
    expected_fen: int | None = None
    region: str = ""
    metadata: Mapping[str, str] = {}


class Seen(NamedTuple):
    """What the database says: the SKUs, the user's unpaid orders, and what he has bought of SKUs with a limit."""

    skus: Mapping[str, Sku]
    open_orders: int
    bought: Counter[limits.Key]


@dataclass(frozen=True)
class Quote:
    """`lines` are those of SKUs that the shop knows; amounts are fen."""

    lines: Sequence[Line]
    totals: Totals
    problems: Sequence[Problem]


_OPEN_ORDERS = sql("SELECT open_orders FROM users WHERE id = :user_id")


def look(connection: Connection, asked: Asked) -> Seen:
    """What is needed of the database, as it is now."""
    skus = units.peek(connection, [sku_id for sku_id, _ in asked.wanted])
    held = connection.execute(_OPEN_ORDERS, {"user_id": asked.user_id}).scalar() or 0
    bought = limits.read(connection, [(asked.user_id, sku_id) for sku_id in skus], limits.of(skus))
    return Seen(skus, held, bought)


def quote(asked: Asked, seen: Seen, terms: Terms) -> Quote:
    """What placing would decide now, but for what others take in between. Raises PricingFailed."""
    lines = pricing.lines_of([line for line in asked.wanted if line[0] in seen.skus], seen.skus)
    totals = Totals.of(0, 0)
    if lines:
        totals = _totals(Basket(lines, asked.user_id, asked.region, asked.metadata), terms)
    problems = [*_of_lines(asked, seen), *_of_the_whole(asked, seen, totals.total_fen, terms)]
    return Quote(lines, totals, problems)


def _totals(basket: Basket, terms: Terms) -> Totals:
    if terms.prices.is_plain:
        return terms.prices.plain(sum(line.amount_fen for line in basket.lines))
    return terms.prices.totals(basket)


def _of_lines(asked: Asked, seen: Seen) -> Iterator[Problem]:
    limited = limits.of(seen.skus)
    for sku_id, quantity in asked.wanted:
        sku = seen.skus.get(sku_id)
        if sku is None:
            yield Problem("unknown_sku", sku_id, quantity, 0)
        elif not sku.on_sale:
            yield Problem("not_on_sale", sku_id, quantity, 0)
        elif sku.stock < quantity:
            yield Problem("out_of_stock", sku_id, quantity, sku.stock)
        if sku_id in limited and (most := limits.left(seen.bought, asked.user_id, limited[sku_id])) < quantity:
            yield Problem("limit_exceeded", sku_id, quantity, most)


def _of_the_whole(asked: Asked, seen: Seen, total_fen: int, terms: Terms) -> Iterator[Problem]:
    if 0 < terms.max_open_orders <= seen.open_orders:
        yield Problem("limit_exceeded")
    if total_fen > money.LARGEST_FEN:
        yield Problem("total_too_large")
    if asked.expected_fen not in (None, total_fen):
        yield Problem("price_changed")
    if asked.region and not terms.prices.delivers_to(asked.region):
        yield Problem(NOT_DELIVERED)
