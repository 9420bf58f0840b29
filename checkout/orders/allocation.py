"""Who gets what: the rules by which a batch of accepted orders is placed or rejected, without any I/O."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from checkout import money
from checkout.events.log import Event, happened
from checkout.prices.basket import Totals
from checkout.prices.policy import Policy
from checkout.settings import Settings
from checkout.stock import limits
from checkout.stock.units import Movement, Sku


@dataclass(frozen=True)
class Terms:
    """What the shop decided about every order."""

    pay_window_seconds: int
    max_open_orders: int
    prices: Policy

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        """Raises SettingsError for prices that cannot be read."""
        return cls(settings.pay_window_seconds, settings.max_open_orders, Policy.of(settings))


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
    waited_seconds: float = 0.0

    @property
    def wanted(self) -> list[tuple[str, int]]:
        return list(zip(self.sku_ids, self.quantities, strict=True))


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
    totals: Totals | None = None


class Known(NamedTuple):
    """What is known while the SKUs are locked: what is left of them, and what users with a limit have bought.

    `limited` are the SKUs that have a limit; `priced` are the totals of orders that do not cost their goods and a flat
    freight.
    """

    skus: Mapping[str, Sku]
    left: dict[str, int]
    limited: Mapping[str, Sku]
    bought: Counter[limits.Key]
    priced: Mapping[int, Totals]


class Special(NamedTuple):
    """What few lines have: a discount, and the limit under which their units count."""

    discount_fen: int = 0
    epoch: int = 0


PLAIN = Special()


@dataclass
class Batch:
    """What the walk decided, as rows to write; `special` are the lines with a discount, or under a limit."""

    placed: list[tuple[Claimed, Totals]] = field(default_factory=list)
    lines: list[tuple[int, str, str, str, int, int]] = field(default_factory=list)
    special: dict[tuple[int, str], Special] = field(default_factory=dict)
    rejected: list[tuple[Claimed, Refusal]] = field(default_factory=list)
    movement: Movement = field(default_factory=Movement)
    purchases: Counter[limits.Key] = field(default_factory=Counter)

    @property
    def outcomes(self) -> Counter[str]:
        """How many were placed, and how many refused for which reason."""
        refused = Counter(refusal.reason for _, refusal in self.rejected)
        return refused + Counter(placed=len(self.placed))

    @property
    def short(self) -> dict[str, int]:
        """The SKUs of which somebody wanted more than was left, and how many that were."""
        refused = [refusal.shortages or () for _, refusal in self.rejected if refusal.reason == "out_of_stock"]
        return {line["sku_id"]: line["available"] for lines in refused for line in lines}


def walk(claimed: Sequence[Claimed], known: Known, held: dict[int, int], terms: Terms) -> Batch:
    """Decides in arrival order; what an order takes is gone for those behind it."""
    batch = Batch()
    for order in claimed:
        if 0 < terms.max_open_orders <= held[order.user_id]:
            batch.rejected.append((order, Refusal("limit_exceeded")))
            continue
        decided = judge(order, known, terms)
        if isinstance(decided, Refusal):
            batch.rejected.append((order, decided))
            continue
        held[order.user_id] += 1
        batch.placed.append((order, decided))
        _take(batch, order, decided, known)
    return batch


def _take(batch: Batch, order: Claimed, totals: Totals, known: Known) -> None:
    skus, left = known.skus, known.left
    for sku_id, quantity in zip(order.sku_ids, order.quantities, strict=True):
        sku = skus[sku_id]
        left[sku_id] -= quantity
        batch.movement.add(sku_id, sku.spu_id, quantity)
        batch.lines.append((order.id, sku_id, sku.spu_id, sku.title, quantity, sku.price_fen))
    if totals.discounts or known.limited:
        _take_specially(batch, order, totals, known)


def _take_specially(batch: Batch, order: Claimed, totals: Totals, known: Known) -> None:
    discounts = totals.discounts or itertools.repeat(0)
    for (sku_id, quantity), discount_fen in zip(order.wanted, discounts, strict=False):
        epoch = known.skus[sku_id].counted_epoch
        if discount_fen or epoch:
            batch.special[order.id, sku_id] = Special(discount_fen, epoch)
        if epoch:
            known.bought[order.user_id, sku_id, epoch] += quantity
            batch.purchases[order.user_id, sku_id, epoch] += quantity


def judge(order: Claimed, known: Known, terms: Terms) -> Refusal | Totals:
    """Why the order cannot be placed, or what it costs."""
    wanted, skus = order.wanted, known.skus
    if refusal := _hidden(wanted, skus) or (known.limited and _beyond(order, known)):
        return refusal
    totals = known.priced.get(order.id) or terms.prices.plain(sum([skus[id_].price_fen * n for id_, n in wanted]))
    if totals.total_fen > money.LARGEST_FEN:
        return Refusal("total_too_large")
    if order.expected_total_fen not in (None, totals.total_fen):
        return Refusal("price_changed", totals=totals)
    return short(wanted, known.left) or totals


def _hidden(wanted: Sequence[tuple[str, int]], skus: Mapping[str, Sku]) -> Refusal | None:
    for sku_id, _ in wanted:  # Nearly always there is none to name.
        if sku_id not in skus or not skus[sku_id].on_sale:
            missing = [line for line in wanted if line[0] not in skus]
            hidden = [line for line in wanted if line[0] in skus and not skus[line[0]].on_sale]
            return Refusal("unknown_sku" if missing else "not_on_sale", _shortages(missing or hidden, {}))
    return None


def _beyond(order: Claimed, known: Known) -> Refusal | None:
    """The refusal of what its user may not buy so much of."""
    limited = [line for line in order.wanted if line[0] in known.limited]
    most = {sku_id: limits.left(known.bought, order.user_id, known.limited[sku_id]) for sku_id, _ in limited}
    lines = [line for line in limited if most[line[0]] < line[1]]
    return Refusal("limit_exceeded", _shortages(lines, most)) if lines else None


def short(wanted: Sequence[tuple[str, int]], left: Mapping[str, int]) -> Refusal | None:
    """The refusal of an order of more than is left."""
    for sku_id, quantity in wanted:  # Nearly always there is enough.
        if left[sku_id] < quantity:
            return Refusal("out_of_stock", _shortages([line for line in wanted if left[line[0]] < line[1]], left))
    return None


def at_the_door(wanted: Sequence[tuple[str, int]], skus: Mapping[str, Sku]) -> Refusal | None:
    """The refusal of what is on sale and gone; everything else the workers judge."""
    if _hidden(wanted, skus):
        return None
    return short(wanted, {sku.id: sku.stock for sku in skus.values()})


def _shortages(lines: Sequence[tuple[str, int]], left: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"sku_id": sku_id, "wanted": quantity, "available": left.get(sku_id, 0)} for sku_id, quantity in lines]


def rejected(order_id: int, order: Owned, sequence: int, refusal: Refusal) -> Event:
    """The event of an order that was refused."""
    why = {"status": "rejected", "pay_method": order.pay_method, "reason": refusal.reason}
    return happened("order.rejected", str(order_id), sequence, **who(order_id, order), **why)


def who(order_id: int, order: Owned) -> dict[str, Any]:
    """Whose event it is; the shop's own number stands there when it gave one."""
    ids = {"order_id": str(order_id), "user_id": str(order.user_id)}
    return ids | {"reference": order.reference} if order.reference else ids
