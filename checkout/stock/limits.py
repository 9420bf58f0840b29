"""How much of a SKU each user may buy (限购), counted from when its limit was set.

A row in `purchases` is what a user's orders hold or took; whoever reads or writes it holds the user's lock, so the
limit is exact however many orders come at once. A limit that is taken away and set again counts anew: its epoch grows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from checkout.columns import Columns
from checkout.db import Connection, command, sql
from checkout.stock.units import Sku

Key = tuple[int, str, int]  # user, SKU, epoch

_KEY = Columns(user_id="bigint", sku_id="text", epoch="smallint")
_COUNT = Columns(user_id="bigint", sku_id="text", epoch="smallint", units="int")
_READ = sql(f"""
    SELECT p.user_id, p.sku_id, p.epoch, p.units FROM {_KEY.rows} JOIN purchases p USING ({_KEY.names})
""")  # noqa: S608 - the names are ours, the values are bound
_ADD = command(f"""
    INSERT INTO purchases ({_COUNT.names}) SELECT * FROM {_COUNT.rows}
    ON CONFLICT (user_id, sku_id, epoch) DO UPDATE SET units = purchases.units + excluded.units
""")  # noqa: S608 - as above
_TAKE_OFF = command(f"""
    UPDATE purchases p SET units = p.units + c.units FROM {_COUNT.rows}
    WHERE p.user_id = c.user_id AND p.sku_id = c.sku_id AND p.epoch = c.epoch
""")  # noqa: S608 - as above


def of(skus: Mapping[str, Sku]) -> dict[str, Sku]:
    """Those that have a limit now."""
    return {sku_id: sku for sku_id, sku in skus.items() if sku.limit_per_user is not None}


def read(connection: Connection, wanted: Iterable[tuple[int, str]], limited: Mapping[str, Sku]) -> Counter[Key]:
    """What these users have bought of these SKUs, as far as they have a limit."""
    keys = {(user_id, sku_id, limited[sku_id].limit_epoch) for user_id, sku_id in wanted if sku_id in limited}
    rows = connection.execute(_READ, _KEY.values(keys)) if keys else ()
    return Counter({(row.user_id, row.sku_id, row.epoch): row.units for row in rows})


def left(bought: Mapping[Key, int], user_id: int, sku: Sku) -> int:
    """How many units of a SKU that has a limit the user may still buy."""
    return max(0, (sku.limit_per_user or 0) - bought.get((user_id, sku.id, sku.limit_epoch), 0))


def write(connection: Connection, changes: Mapping[Key, int]) -> None:
    """Counts what was taken (positive) and given back (negative)."""
    for statement, sign in ((_ADD, 1), (_TAKE_OFF, -1)):
        if counts := [(*key, count) for key, count in sorted(changes.items()) if count * sign > 0]:
            connection.execute(statement, _COUNT.values(counts))
