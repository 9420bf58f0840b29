"""What a batch of orders costs where the shop has prices of its own: asked before users and SKUs are locked.

Its function thinks while nobody waits for a lock but the orders themselves. When a price has moved by the time the SKUs
are locked, those orders are priced again. An order that the function fails is parked, alone; what the batch has no time
for waits for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from checkout.audit import heartbeats
from checkout.db import Connection, array, sql
from checkout.errors import CheckoutError
from checkout.orders import sweep
from checkout.orders.allocation import Claimed
from checkout.prices.basket import Basket, Line, Totals
from checkout.prices.function import PricingFailed, Watch
from checkout.prices.policy import Policy
from checkout.stock import units
from checkout.stock.units import Sku

# A batch's orders wait while its prices are asked for.
MOST_SECONDS = 0.2
# PostgreSQL ends a session that is idle in a transaction for twice as long: what was claimed may be lost by then.
HANG_SECONDS = 5.0

# What waits is locked in one order, since of a batch some leave and others may be parked.
_BUYERS = sql("""
    SELECT o.id, o.region, o.metadata FROM arrivals a JOIN orders o ON o.id = a.order_id
    WHERE a.order_id = ANY(CAST(:ids AS bigint[])) ORDER BY a.order_id FOR NO KEY UPDATE OF a
""")


class Hung(CheckoutError):
    """The function took so long for one order that nothing of its batch is done; whatever it said is not heard."""

    code = "pricing_hung"

    def __init__(self, order_id: int, seconds: float) -> None:
        super().__init__(f"the pricing function took {seconds:.0f} s")
        self.order_id = order_id


class Buyer(NamedTuple):
    """Where an order goes, and the shop's own words for it."""

    region: str
    metadata: Mapping[str, str]


class Pricing:
    """The prices of one batch: `totals` by order, `failed` with the reason, and those that are `late`. Raises Hung."""

    def __init__(self, connection: Connection, claimed: Sequence[Claimed], policy: Policy) -> None:
        self._connection = connection
        self._policy = policy
        self._watch = Watch()
        rows = connection.execute(_BUYERS, {"ids": array(order.id for order in claimed)})
        self._buyers = {row.id: Buyer(row.region, row.metadata or {}) for row in rows}
        self._skus = units.peek(connection, {sku_id for order in claimed for sku_id in order.sku_ids})
        self.totals: dict[int, Totals] = {}
        self.failed: dict[int, str] = {}
        self.late: set[int] = set()
        self._ask(claimed)

    def again(self, claimed: Sequence[Claimed], locked: Mapping[str, Sku]) -> None:
        """Prices those orders anew whose SKUs are not as they were."""
        seen, self._skus = self._skus, dict(locked)
        moved = {sku_id for sku_id, sku in locked.items() if _priced(sku) != _priced(seen.get(sku_id))}
        self._ask([order for order in claimed if moved.intersection(order.sku_ids)])

    def settle(self) -> None:
        """Parks what failed, and counts what was slow; the last locks of the transaction."""
        for order_id, says in self.failed.items():
            sweep.fail_alone(self._connection, order_id, says, parked=True)
        if self._watch.slow:
            says = f"slow calls, the longest of {self._watch.longest_seconds * 1000:.0f} ms"
            heartbeats.fault(self._connection, "pricing", says, self._watch.slow)

    @property
    def has_more(self) -> bool:
        """Whether somebody waits for the next batch."""
        return bool(self.late)

    def may_be_placed(self, order: Claimed) -> bool:
        return order.id not in self.failed and order.id not in self.late

    def _ask(self, orders: Sequence[Claimed]) -> None:
        for order in orders:
            if self._watch.spent_seconds > MOST_SECONDS:
                self.late.add(order.id)
            elif all(sku_id in self._skus for sku_id in order.sku_ids):
                self._price(order)

    def _price(self, order: Claimed) -> None:
        buyer = self._buyers[order.id]
        basket = Basket(lines_of(order.wanted, self._skus), order.user_id, buyer.region, buyer.metadata)
        try:
            self.totals[order.id] = self._watch.timed(lambda: self._policy.totals(basket))
        except PricingFailed as failed:
            self.failed[order.id] = str(failed)
        if self._watch.last_seconds > HANG_SECONDS:
            raise Hung(order.id, self._watch.last_seconds)


def lines_of(wanted: Sequence[tuple[str, int]], skus: Mapping[str, Sku]) -> list[Line]:
    """What is wanted of SKUs that are there."""
    found = ((skus[sku_id], quantity) for sku_id, quantity in wanted)
    return [Line(sku.id, sku.spu_id, sku.title, count, sku.price_fen, sku.weight_g) for sku, count in found]


def _priced(sku: Sku | None) -> tuple[object, ...]:
    return (sku.spu_id, sku.title, sku.price_fen, sku.weight_g) if sku else ()
