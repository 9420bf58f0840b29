"""Sellable stock and sales counters: the only place that changes them.

SKUs are locked in id order, then SPUs in id order, so no two transactions wait for each other in a ring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from checkout.db import Connection, array, command, sql
from checkout.errors import Invalid, KeyReused, NotFound
from checkout.events import log
from checkout.events.log import Event, happened


class Sku(NamedTuple):
    """A stock keeping unit as it stands while this transaction holds its lock."""

    id: str
    spu_id: str
    title: str
    price_fen: int
    stock: int
    on_sale: bool
    weight_g: int = 0
    limit_per_user: int | None = None
    limit_epoch: int = 0
    sequence: int = 0  # of its last event

    @property
    def counted_epoch(self) -> int:
        """Under which limit units that are taken now count; 0: under none."""
        return 0 if self.limit_per_user is None else self.limit_epoch


class Movement:
    """Units that orders take (positive) or give back (negative), summed per SKU and per SPU."""

    def __init__(self) -> None:
        self.by_sku: Counter[str] = Counter()
        self.by_spu: Counter[str] = Counter()

    def add(self, sku_id: str, spu_id: str, units: int) -> None:
        self.by_sku[sku_id] += units
        self.by_spu[spu_id] += units


_SKUS = """
    SELECT id, spu_id, title, price_fen, stock, on_sale, weight_g, limit_per_user, limit_epoch, sequence
    FROM skus WHERE id = ANY(CAST(:ids AS text[]))
"""
_PEEK = sql(_SKUS)
_LOCK = sql(_SKUS + " ORDER BY id FOR NO KEY UPDATE")

# The event's sequence moves only when the stock crosses zero, which is when there is an event.
_MOVE = command("""
    UPDATE skus SET stock = stock - units, sales = sales + units,
        sequence = sequence + ((stock > 0) <> (stock > units))::int
    FROM unnest(CAST(:ids AS text[]), CAST(:units AS bigint[])) AS moved (sku_id, units) WHERE id = sku_id
""")

_LOCK_SPUS = command("""
    SELECT count(*) FROM (
        SELECT FROM spus WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR NO KEY UPDATE
    ) AS locked
""")
_SELL = command("""
    UPDATE spus SET sales = sales + units
    FROM unnest(CAST(:ids AS text[]), CAST(:units AS bigint[])) AS moved (spu_id, units) WHERE id = spu_id
""")


def peek(connection: Connection, sku_ids: Collection[str]) -> dict[str, Sku]:
    """The SKUs by id as they are committed now; what is sold a moment later is not known."""
    rows = connection.execute(_PEEK, {"ids": array(sku_ids)})
    return {row.id: Sku(*row) for row in rows}


def lock(connection: Connection, sku_ids: Collection[str]) -> dict[str, Sku]:
    """The SKUs by id, locked until the transaction ends. Unknown ids are absent."""
    rows = connection.execute(_LOCK, {"ids": array(sku_ids)})
    return {row.id: Sku(*row) for row in rows}


def move(connection: Connection, movement: Movement, locked: Mapping[str, Sku]) -> list[Event]:
    """Takes or gives back of what `lock` has told; returns the events of SKUs that sold out or came back."""
    units = {sku_id: moved for sku_id, moved in movement.by_sku.items() if moved}
    if not units:
        return []
    connection.execute(_MOVE, {"ids": array(units), "units": array(units.values())})
    sold = {spu_id: moved for spu_id, moved in movement.by_spu.items() if moved}
    connection.execute(_LOCK_SPUS, {"ids": array(sold)})
    connection.execute(_SELL, {"ids": array(sold), "units": array(sold.values())})
    return [event for sku_id, moved in units.items() for event in _crossing(locked[sku_id], -moved)]


def _crossing(sku: Sku, delta: int) -> list[Event]:
    after = sku.stock + delta
    if (sku.stock > 0) == (after > 0):
        return []
    topic = "stock.restocked" if after > 0 else "stock.sold_out"
    return [happened(topic, sku.id, sku.sequence + 1, sku_id=sku.id, stock=after)]


_ADJUST = command("""
    UPDATE skus SET stock = stock + :delta,
        sequence = sequence + ((stock > 0) <> (stock + :delta > 0))::int
    WHERE id = :id
""")

_NOTE = command("""
    INSERT INTO stock_adjustments (sku_id, delta, reason, key, asked)
    SELECT sku_id, delta, :reason, CAST(:key AS text), CAST(:asked AS bigint)
    FROM unnest(CAST(:ids AS text[]), CAST(:deltas AS bigint[])) AS changed (sku_id, delta)
""")


def note(
    connection: Connection, deltas: Mapping[str, int], reason: str, key: str | None = None, asked: int | None = None
) -> None:
    """Writes the adjustments down; the caller has changed the stock itself."""
    values = {"ids": array(deltas), "deltas": array(deltas.values()), "reason": reason, "key": key, "asked": asked}
    connection.execute(_NOTE, values)


_KEYED = sql("SELECT reason, asked FROM stock_adjustments WHERE sku_id = :id AND key = :key")


class Changed(NamedTuple):
    """The stock as it is now; `is_repeated`: the key came before, and nothing was changed."""

    stock: int
    is_repeated: bool = False


def add(connection: Connection, sku_id: str, delta: int, key: str | None = None) -> Changed:
    """Adds units, or removes them when negative; with a key once. Raises NotFound, Invalid and KeyReused."""
    return _change(connection, sku_id, "add", delta, key)


def put(connection: Connection, sku_id: str, stock: int, key: str | None = None) -> Changed:
    """Sets the sellable stock to so many units; with a key once. Raises NotFound, Invalid and KeyReused."""
    return _change(connection, sku_id, "set", stock, key)


def _change(connection: Connection, sku_id: str, way: str, asked: int, key: str | None) -> Changed:
    sku = lock(connection, [sku_id]).get(sku_id)
    if sku is None:
        raise NotFound(f"there is no SKU {sku_id}")
    if key is not None and _is_known(connection, sku_id, way, asked, key):
        return Changed(sku.stock, is_repeated=True)
    after = asked if way == "set" else sku.stock + asked
    if not 0 <= after <= 10**12:
        raise Invalid(f"{sku.stock} units are there; the stock cannot become {after}", "stock")
    delta = after - sku.stock
    connection.execute(_ADJUST, {"id": sku_id, "delta": delta})
    note(connection, {sku_id: delta}, way, key, None if key is None else asked)
    log.append(connection, _crossing(sku, delta))
    return Changed(after)


def _is_known(connection: Connection, sku_id: str, way: str, asked: int, key: str) -> bool:
    """Whether it was made before. Raises KeyReused when the key came with another change."""
    row = connection.execute(_KEYED, {"id": sku_id, "key": key}).one_or_none()
    if row is not None and tuple(row) != (way, asked):
        raise KeyReused("the key came with another change of this stock before")
    return row is not None
