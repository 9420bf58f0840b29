"""The catalogue: SPUs and their SKUs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from checkout import money, schema
from checkout.columns import Columns
from checkout.db import Connection, array, command, sql
from checkout.events import log
from checkout.events.log import happened
from checkout.stock import units

CHUNK = 500

ID = r"^[0-9A-Za-z_.-]{1,64}$(?!\n)"
Id = Annotated[str, Meta(pattern=ID)]
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a catalogue file. `price` is yuan, `stock` counts only when the SKU is new.

    What is not said of weight and limit stays as it is; a limit of 0 takes it away.
    """

    sku_id: Id
    spu_id: Id
    title: Title
    price: str
    stock: Annotated[int, Meta(ge=0, le=10**9)] = 0
    on_sale: bool = True
    weight_g: Annotated[int, Meta(ge=0, le=10**7)] | UnsetType = UNSET
    limit_per_user: Annotated[int, Meta(ge=0, le=10**6)] | UnsetType = UNSET

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
    limit_per_user: int | None


_ADD_SPUS = sql("""
    INSERT INTO spus (id) SELECT DISTINCT id FROM unnest(CAST(:ids AS text[])) AS id ORDER BY id ON CONFLICT DO NOTHING
""")
_KNOWN = sql("SELECT id FROM skus WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR NO KEY UPDATE")
_ITEM = Columns(
    id="text",
    spu_id="text",
    title="text",
    price_fen="bigint",
    on_sale="bool",
    stock="bigint",
    weight_g="int",
    limit_per_user="int",
)
# A limit where none was counts from now on, hence its new epoch.
_UPDATE = command(f"""
    UPDATE skus SET spu_id = c.spu_id, title = c.title, price_fen = c.price_fen, on_sale = c.on_sale,
        weight_g = COALESCE(c.weight_g, skus.weight_g),
        limit_per_user = NULLIF(COALESCE(c.limit_per_user, skus.limit_per_user), 0),
        limit_epoch = skus.limit_epoch + (skus.limit_per_user IS NULL AND COALESCE(c.limit_per_user, 0) > 0)::int
    FROM {_ITEM.rows} WHERE skus.id = c.id
""")  # noqa: S608 - the names are ours, the values are bound
_ADD = command(f"""
    INSERT INTO skus (id, spu_id, title, price_fen, on_sale, stock, sequence, weight_g, limit_per_user, limit_epoch)
    SELECT id, spu_id, title, price_fen, on_sale, stock, (stock > 0)::int, COALESCE(weight_g, 0),
        NULLIF(limit_per_user, 0), (COALESCE(limit_per_user, 0) > 0)::int
    FROM {_ITEM.rows} ORDER BY id
""")  # noqa: S608 - as above


def chunks(items: Sequence[Item]) -> Iterator[list[Item]]:
    """In id order, each for a transaction of its own: orders wait for the rows of one chunk, not of all."""
    ordered = sorted(items, key=lambda item: item.sku_id)
    return (ordered[first : first + CHUNK] for first in range(0, len(ordered), CHUNK))


def load(connection: Connection, items: Sequence[Item]) -> tuple[int, int]:
    """Adds new SKUs with their stock and updates all but the stock of known ones. Returns (added, updated).

    Raises UpgradeUnfinished for limits while older code may still sell.
    """
    if not items:
        return 0, 0
    if any(item.limit_per_user for item in items):
        schema.require_finished(connection)
    connection.execute(_ADD_SPUS, {"ids": array(item.spu_id for item in items)})
    known = set(connection.execute(_KNOWN, {"ids": array(item.sku_id for item in items)}).scalars())
    fresh = [item for item in items if item.sku_id not in known]
    for statement, some in ((_UPDATE, [item for item in items if item.sku_id in known]), (_ADD, fresh)):
        if some:
            connection.execute(statement, _ITEM.values(map(_row, some)))
    stocked = {item.sku_id: item.stock for item in fresh if item.stock}
    units.note(connection, stocked, "load")
    log.append(
        connection,
        [happened("stock.restocked", sku_id, 1, sku_id=sku_id, stock=count) for sku_id, count in stocked.items()],
    )
    return len(fresh), len(items) - len(fresh)


def _row(item: Item) -> tuple[object, ...]:
    said = (None if value is UNSET else value for value in (item.weight_g, item.limit_per_user))
    return (item.sku_id, item.spu_id, item.title, item.price_fen, item.on_sale, item.stock, *said)


_PAGE = sql("""
    SELECT id, spu_id, title, price_fen, stock > 0 AS in_stock, on_sale, limit_per_user FROM skus
    WHERE id > :after ORDER BY id LIMIT :limit
""")
_FIND = sql("""
    SELECT id, spu_id, title, price_fen, stock > 0 AS in_stock, on_sale, limit_per_user FROM skus
    WHERE id = ANY(CAST(:ids AS text[]))
""")


_COUNTS = sql("SELECT stock, sales, weight_g FROM skus WHERE id = :id")


def counts(connection: Connection, sku_id: str) -> tuple[int, int, int]:
    """Of a SKU that is there: how many units are for sale, how many are sold or held, and grams of one."""
    row = connection.execute(_COUNTS, {"id": sku_id}).one()
    return row.stock, row.sales, row.weight_g


_SOLD_OUT = sql("""
    SELECT count(*) FROM (SELECT on_sale AND stock = 0 AS is_out FROM skus LIMIT :most) AS s WHERE is_out
""")


def sold_out(connection: Connection, most: int) -> int:
    """How many SKUs are on sale of which nothing is left, among so many at most."""
    return int(connection.execute(_SOLD_OUT, {"most": most}).scalar_one())


def page(connection: Connection, after: str, limit: int) -> list[Listed]:
    """SKUs in id order, after that id."""
    return [Listed(*row) for row in connection.execute(_PAGE, {"after": after, "limit": limit})]


def find(connection: Connection, sku_ids: Collection[str]) -> dict[str, Listed]:
    """The SKUs by id; unknown ids are absent."""
    listed = (Listed(*row) for row in connection.execute(_FIND, {"ids": array(set(sku_ids))}))
    return {sku.id: sku for sku in listed}
