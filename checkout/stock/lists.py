"""Catalogue files: which SKUs a table of people names. All faults are told at once."""

from __future__ import annotations

from checkout import money, tables
from checkout.errors import Invalid
from checkout.stock.catalog import Item
from checkout.tables import Row

LARGEST_FILE_BYTES = 100_000_000
MOST_ITEMS = 1_000_000


def parse(content: bytes, *, is_json: bool) -> list[Item]:
    """The items of a CSV file with a header, or of a JSON list. Raises Invalid that names every fault and its place."""
    if len(content) > LARGEST_FILE_BYTES:
        raise Invalid(f"the file is larger than {LARGEST_FILE_BYTES:,} bytes", "$")
    items: dict[str, tuple[Item, str]] = {}
    faults: list[str] = []
    for row in tables.listed(content) if is_json else tables.rows(content, Item):
        item, fault = _item(row)
        if item is None:
            faults.append(f"{row.place}: {fault}")
        elif item.sku_id in items:
            faults.append(f"{row.place}: SKU {item.sku_id} stands on {items[item.sku_id][1]} already")
        else:
            items[item.sku_id] = item, row.place
        if len(items) > MOST_ITEMS:
            raise Invalid(f"at most {MOST_ITEMS:,} SKUs", "$")
    if faults:
        raise Invalid(tables.told(faults), "$")
    return [item for item, _ in items.values()]


def _item(row: Row) -> tuple[Item | None, str]:
    item, fault = tables.item(row, Item)
    if item is None:
        return None, fault
    try:
        in_range = 1 <= item.price_fen <= money.LARGEST_FEN
    except ValueError:
        in_range = False
    return (item, "") if in_range else (None, f"price: {item.price!r} is not yuan from 0.01 on, like 128.00")
