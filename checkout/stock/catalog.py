"""The catalogue: SPUs, their SKUs, and how a shop loads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from checkout import money
from checkout.columns import Columns
from checkout.db import Connection, array, sql
from checkout.errors import Invalid
from checkout.events import log
from checkout.events.log import Event
from checkout.stock import units

Id = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_.-]{1,64}$(?!\n)")]
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


def parse(content: bytes, *, is_json: bool) -> list[Item]:
    """The items of a CSV file with a header, or of a JSON list. Raises Invalid with the path of the fault."""
    try:
        rows = (
            msgspec.json.decode(content) if is_json else list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
        )
        if not isinstance(rows, list):
            raise Invalid("a list of items is expected", "$")
    except (msgspec.DecodeError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"the file cannot be read: {error}", "$") from error
    items = [_item(row, f"[{place}]") for place, row in enumerate(rows)]
    if len({item.sku_id for item in items}) < len(items):
        raise Invalid("a SKU stands there twice", "$")
    return items


def _item(row: Any, path: str) -> Item:
    try:
        item = msgspec.convert(row, Item, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(str(error), path) from error
    try:
        in_range = 1 <= item.price_fen <= money.LARGEST_FEN
    except ValueError:
        in_range = False
    if not in_range:
        raise Invalid(f"the price {item.price!r} is not yuan from 0.01 on", f"{path}.price")
    return item


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
