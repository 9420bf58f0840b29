"""The cart in Redis: `cart_<user>` maps SKU to quantity, `cart_selected_<user>` is the set that an order takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from redis import Redis, ResponseError
from structlog import get_logger

from checkout.db import Connection, sql

log = get_logger(__name__)

MOST_ITEMS = 100  # As many as an order takes.
MOST_SHOWN = 2 * MOST_ITEMS  # Another program may put in more; an order of them is refused, never cut.
MOST_UNITS = 999
CART_SECONDS = 30 * 86_400  # A cart ends so long after it was touched last.
_SKU_ID = re.compile(rb"[0-9A-Za-z_.-]{1,64}")
_QUANTITY = re.compile(rb"[0-9]{1,3}")
# Long enough that no doorbell or sweep can clear the same order's units again.
DONE_SECONDS = 7 * 86_400


class CartItem(NamedTuple):
    sku_id: str
    quantity: int
    selected: bool


def _keys(user_id: int) -> tuple[str, str]:
    return f"cart_{user_id}", f"cart_selected_{user_id}"


# The count is checked where the item is added, so that two calls at once cannot both be the last that fits.
_PUT = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[3] == '1' then redis.call('SADD', KEYS[2], ARGV[1]) else redis.call('SREM', KEYS[2], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
"""

# What was bought leaves, once: the mark and the subtraction are one step. What was added meanwhile stays. What another
# program made of a cart since is left to it.
_CLEAR = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then return 0 end
if not redis.call('SET', KEYS[3], '1', 'NX', 'EX', ARGV[1]) then return 0 end
for i = 2, #ARGV, 2 do
    local left = (tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0') or 0) - tonumber(ARGV[i + 1])
    if left > 0 then redis.call('HSET', KEYS[1], ARGV[i], left)
    else redis.call('HDEL', KEYS[1], ARGV[i]); redis.pcall('SREM', KEYS[2], ARGV[i]) end
end
return 1
"""


def read(redis: Redis, user_id: int) -> list[CartItem]:
    """The items in SKU order. Redis is shared: what is no SKU with a quantity is another program's, and left out."""
    items_key, selected_key = _keys(user_id)
    try:
        quantities = cast("dict[bytes, bytes]", redis.hgetall(items_key))
        selected = cast("set[bytes]", redis.smembers(selected_key))
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        log.warning("cart_of_another_type", user_id=user_id)
        return []
    rows = [
        CartItem(sku_id.decode(), int(quantity), sku_id in selected)
        for sku_id, quantity in quantities.items()
        if _SKU_ID.fullmatch(sku_id) and _QUANTITY.fullmatch(quantity) and int(quantity) > 0
    ]
    return sorted(rows)[:MOST_SHOWN]


def put(redis: Redis, user_id: int, item: CartItem) -> bool:
    """Sets one item; False when the cart is full."""
    values = (item.sku_id, item.quantity, int(item.selected), MOST_ITEMS, CART_SECONDS)
    return bool(redis.eval(_PUT, 2, *_keys(user_id), *values))


def remove(redis: Redis, user_id: int, sku_id: str) -> None:
    items_key, selected_key = _keys(user_id)
    with redis.pipeline() as both:
        both.hdel(items_key, sku_id)
        both.srem(selected_key, sku_id)
        both.execute()


_TO_CLEAR = sql("""
    SELECT c.order_id, c.user_id, (extract(epoch FROM min(c.since)) * 1000000)::bigint AS since,
        array_agg(l.sku_id) AS sku_ids, array_agg(l.quantity) AS quantities
    FROM cart_clearings c JOIN order_lines l USING (order_id)
    WHERE c.order_id = ANY(:ids) OR c.since < now() - make_interval(secs => :older)
    GROUP BY c.order_id, c.user_id ORDER BY c.order_id LIMIT :limit
""")
_CLEARED = sql("DELETE FROM cart_clearings WHERE order_id = ANY(:ids)")


class Clearing(NamedTuple):
    """What one order bought from a cart. `since` is when it was placed, in microseconds since 1970."""

    order_id: int
    user_id: int
    since: int
    sku_ids: list[str]
    quantities: list[int]


def to_clear(connection: Connection, ids: Sequence[int], older_than_seconds: float, limit: int = 500) -> list[Clearing]:
    """The carts that these orders still have to leave, and those that somebody left behind."""
    values = {"ids": list(ids), "older": older_than_seconds, "limit": limit}
    return [Clearing(*row) for row in connection.execute(_TO_CLEAR, values)]


def clear(redis: Redis, clearing: Clearing) -> None:
    """Takes what the order bought out of the cart; doing it again changes nothing."""
    pairs = [part for pair in zip(clearing.sku_ids, clearing.quantities, strict=True) for part in pair]
    # A new database on an old Redis has the same order ids, and never the same moment.
    mark = f"cart_cleared_{clearing.order_id}_{clearing.since}"
    redis.eval(_CLEAR, 3, *_keys(clearing.user_id), mark, DONE_SECONDS, *pairs)


def cleared(connection: Connection, clearings: Sequence[Clearing]) -> None:
    """These carts are done."""
    connection.execute(_CLEARED, {"ids": [clearing.order_id for clearing in clearings]})
