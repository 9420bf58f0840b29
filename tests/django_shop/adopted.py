"""The adopted shop, as its tests drive and see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis import Redis

from api import auth
from bench.storefront import Buyer, buy, total
from tests.django_shop.scenes import cart_of, put_in_cart
from tests.django_shop.walk import Walk
from tests.shared.processes import HTTP, eventually

CANCELED, PLACING, UNPAID, UNSEND = 6, 0, 1, 2


def api(
    walk: Walk,
    method: str,
    path: str,
    user_id: int = 1,
    *,
    is_operator: bool = True,
    headers: Mapping[str, str] | None = None,
    **request: Any,
) -> Any:
    """What checkout itself answers."""
    token = auth.issue(walk.environment["CHECKOUT_JWT_SECRET"], user_id, is_operator=is_operator, ttl_seconds=600)
    sent = {"Authorization": f"Bearer {token}", **(headers or {})}
    answer = HTTP.request(method, walk.environment["CHECKOUT_URL"] + path, headers=sent, **request)
    assert answer.status < 300, answer.data
    return answer.json()


def set_stock(walk: Walk, sku_id: int, units: int) -> None:
    """In checkout; the shop hears of it where it was sold out."""
    api(walk, "POST", f"/v1/skus/{sku_id}/stock", json={"set": units})


def stock_of(walk: Walk, sku_id: int) -> int:
    stock: int = api(walk, "POST", f"/v1/skus/{sku_id}/stock", json={"add": 0})["stock"]
    return stock


def status_of(walk: Walk, number: str) -> int:
    status: int = walk.shop.one("SELECT status FROM shop_orderinfo WHERE order_id = %s", number)
    return status


def becomes(walk: Walk, number: str, status: int) -> None:
    eventually(lambda: status_of(walk, number) == status, f"{number} has the status {status}")


def shows(walk: Walk, sku_id: int, units: int) -> None:
    mirror = "SELECT stock FROM shop_sku WHERE id = %s"
    eventually(lambda: walk.shop.one(mirror, sku_id) == units, f"the shop shows {units} of SKU {sku_id}")


def has_left(redis: Redis, buyer: Buyer, rest: dict[bytes, bytes]) -> None:
    eventually(lambda: cart_of(redis, buyer) == rest, f"what was bought has left the cart: {rest}")


def buys(walk: Walk, redis: Redis, buyer: Buyer, sku_id: int) -> str:
    """One unit; returns the order's number."""
    put_in_cart(redis, buyer, sku_id)
    bought = buy(walk.url, buyer, total(walk.url, buyer))
    assert bought.status == 200, bought
    return str(bought.body["order_id"])
