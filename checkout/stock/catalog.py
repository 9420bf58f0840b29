"""The catalogue: SPUs and their SKUs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from checkout import money
from checkout.columns import Columns
from checkout.db import Connection, array, sql
from checkout.events import log
from checkout.events.log import Event
from checkout.stock import units

CHUNK = 500

ID = r"^[0-9A-Za-z_.-]{1,64}$(?!\n)"
Id = Annotated[str, Meta(pattern=ID)]
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a catalogue file. `price` is yuan, `stock` counts only when the SKU is new."""

    sku_id: Id
    spu_id: Id
    title: Title
    price: str
    stock: Annotated[int, Meta(ge=0, le=10**9)] = 0
    on_sale: bool = True

    @property
    def id(self) -> str:
        return self.sku_id

    @property
    def price_fen(self) -> int:
        return money.fen(self.price)


class Listed(NamedTuple):
    """A SKU as everybody may see it."""

    id: str
    spu_id: str
    title: str
    price_fen: int
    in_stock: bool
    on_sale: bool


_ADD_SPUS = sql("""
    INSERT INTO spus (id) SELECT DISTINCT id FROM unnest(CAST(:ids AS text[])) AS id ORDER BY id ON CONFLICT DO NOTHING
""")
_KNOWN = sql("SELECT id FROM skus WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR NO KEY UPDATE")
_NEW = Columns(id="text", spu_id="text", title="text", price_fen="bigint", on_sale="bool", stock="bigint")
_CHANGED = _NEW.but("stock")
_UPDATE = sql(f"UPDATE skus SET {_CHANGED.but('id').assignments} FROM {_CHANGED.rows} WHERE skus.id = c.id")  # noqa: S608 - the names are ours
_ADD = sql(f"""
    INSERT INTO skus ({_NEW.names}, sequence) SELECT *, (stock > 0)::int FROM {_NEW.rows} ORDER BY id
""")  # noqa: S608 - as above


def chunks(items: Sequence[Item]) -> Iterator[list[Item]]:
    """In id order, each for a transaction of its own: orders wait for the rows of one chunk, not of all."""
    ordered = sorted(items, key=lambda item: item.sku_id)
    return (ordered[first : first + CHUNK] for first in range(0, len(ordered), CHUNK))


def load(connection: Connection, items: Sequence[Item]) -> tuple[int, int]:
    """Adds new SKUs with their stock and updates all but the stock of known ones. Returns (added, updated)."""
    if not items:
        return 0, 0
    connection.execute(_ADD_SPUS, {"ids": array(item.spu_id for item in items)})
    known = set(connection.execute(_KNOWN, {"ids": array(item.sku_id for item in items)}).scalars())
    fresh = [item for item in items if item.sku_id not in known]
    connection.execute(_UPDATE, _CHANGED.of([item for item in items if item.sku_id in known]))
    connection.execute(_ADD, _NEW.of(fresh))
    stocked = {item.sku_id: item.stock for item in fresh if item.stock}
    units.note(connection, stocked, "load")
    log.append(
        connection,
        [Event("stock.restocked", sku_id, 1, {"sku_id": sku_id, "stock": count}) for sku_id, count in stocked.items()],
    )
    return len(fresh), len(items) - len(fresh)


_PAGE = sql("""
    SELECT id, spu_id, title, price_fen, stock > 0 AS in_stock, on_sale FROM skus
    WHERE id > :after ORDER BY id LIMIT :limit
""")
_FIND = sql("""
    SELECT id, spu_id, title, price_fen, stock > 0 AS in_stock, on_sale FROM skus
    WHERE id = ANY(CAST(:ids AS text[]))
""")


def page(connection: Connection, after: str, limit: int) -> list[Listed]:
    """SKUs in id order, after that id."""
    return [Listed(*row) for row in connection.execute(_PAGE, {"after": after, "limit": limit})]


def find(connection: Connection, sku_ids: Collection[str]) -> dict[str, Listed]:
    """The SKUs by id; unknown ids are absent."""
    listed = (Listed(*row) for row in connection.execute(_FIND, {"ids": array(set(sku_ids))}))
    return {sku.id: sku for sku in listed}
