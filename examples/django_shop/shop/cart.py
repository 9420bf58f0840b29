"""The cart in Redis: `cart_<user>` maps SKU to quantity, `cart_selected_<user>` is what the buyer has ticked."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import cast

from django.conf import settings
from redis import Redis


@cache
def connection() -> Redis:
    return Redis.from_url(settings.SHOP_REDIS_URL)


def selected(user_id: int) -> dict[int, int]:
    """Units by SKU that an order would take."""
    quantities = cast("dict[bytes, bytes]", connection().hgetall(f"cart_{user_id}"))
    ticked = cast("set[bytes]", connection().smembers(f"cart_selected_{user_id}"))
    return {int(sku_id): int(quantities[sku_id]) for sku_id in ticked}


def forget(user_id: int, sku_ids: Collection[int]) -> None:
    """What was ordered leaves the cart, as the article has it: whole lines."""
    with connection().pipeline() as both:
        both.hdel(f"cart_{user_id}", *map(str, sku_ids))
        both.srem(f"cart_selected_{user_id}", *map(str, sku_ids))
        both.execute()
