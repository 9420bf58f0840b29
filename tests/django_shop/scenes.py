"""What the shop's tests arrange: carts, stock, and a row that somebody holds until all who want it wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from psycopg2.extensions import connection
from redis import Redis

from bench.storefront import Buyer, Click, Shop
from tests.shared.processes import LONGEST_SECONDS, eventually

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def put_in_cart(redis: Redis, buyer: Buyer, *sku_ids: int, units: int = 1) -> None:
    """Selected, and nothing else is."""
    redis.delete(f"cart_{buyer.user_id}", f"cart_selected_{buyer.user_id}")
    redis.hset(f"cart_{buyer.user_id}", mapping={str(sku_id): units for sku_id in sku_ids})
    redis.sadd(f"cart_selected_{buyer.user_id}", *sku_ids)


def cart_of(redis: Redis, buyer: Buyer) -> object:
    return redis.hgetall(f"cart_{buyer.user_id}")


def units_sold(shop: Shop, sku_id: int) -> int:
    """In orders that stand."""
    sold: int = shop.one(
        "SELECT COALESCE(sum(count), 0) FROM shop_ordergoods JOIN shop_orderinfo USING (order_id) "
        "WHERE sku_id = %s AND status <> 6",
        sku_id,
    )
    return sold


@contextmanager
def held(opened: connection, rows: str) -> Iterator[Callable[[int], None]]:
    """Holds rows; call what it gives to wait until so many sessions of that database wait for a lock."""
    with closing(opened), opened, opened.cursor() as cursor:
        cursor.execute(f"SELECT FROM {rows} FOR NO KEY UPDATE")

        def waited_for(count: int) -> None:
            def all_wait() -> bool:
                cursor.execute("SELECT pg_stat_clear_snapshot()")
                cursor.execute(_WAITING)
                return cursor.fetchall() == [(count,)]

            eventually(all_wait, f"{count} wait for {rows}")

        yield waited_for


def raced(shop: Shop, rows: str, clicks: Sequence[Callable[[], Click]]) -> list[Click]:
    """All click; when all of them wait for these rows, they get them."""
    with ThreadPoolExecutor(len(clicks)) as buyers:
        with held(shop.connect(), rows) as waited_for:
            answers = [buyers.submit(click) for click in clicks]
            waited_for(len(clicks))
        return [answer.result(LONGEST_SECONDS) for answer in answers]
