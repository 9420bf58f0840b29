"""`python -m bench.django`: the Django shop of the examples under the same rush, before and after its adoption."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import click as commands
from redis import Redis
from rich.table import Table

from bench import report, storefront
from bench.client import percentile
from bench.stack import Stack, started
from bench.storefront import Buyer, Click, Shop
from checkout import db
from checkout.audit import invariants
from checkout.stock import units
from checkout.stock.catalog import Item
from sandbox import postgres

KINDS = {"naive": "the article, naive", "optimistic": "the article, optimistic", "checkout": "adopted"}
SKUS = 10
QUIET_SECONDS = 120
_draw = random.Random(1)


class Rush(NamedTuple):
    """So many SKUs for each buyer out of so many, of which there are so many units."""

    title: str
    skus: int
    lines: int
    units: int
    buyers: int = 1000  # at most
    at_once: int = 1000  # at most


PLENTY = 1_000_000
RUSHES = (
    Rush("one SKU, 50 units", 1, 1, 50),
    Rush("two of ten SKUs, plenty", SKUS, 2, PLENTY),
    Rush("one SKU, plenty, one buyer after the other", 1, 1, PLENTY, buyers=30, at_once=1),
)


class Row(NamedTuple):
    """What one shop made of one rush; units, but for buyers and seconds."""

    rush: str
    shop: str
    buyers: int
    sold: int
    oversold: int
    refused: int  # buyers who were told that it is gone
    failed: int  # buyers who got an error
    forgotten: int  # units that the sales counter of their product lacks
    left_in_carts: int  # lines of buyers whose order was placed
    wait_p50_ms: int
    wait_p99_ms: int


@commands.command()
@commands.option("--buyers", default=200, type=commands.IntRange(min=2), help="How many want to buy.")
@commands.option("--at-once", default=32, type=commands.IntRange(1, 64), help="How many click at a time.")
def main(buyers: int, at_once: int) -> None:
    """What each shop sells, loses and waits; exit 1 when the adopted one oversells, or its audit finds a breach."""
    goods = [Item(str(sku), str((sku + 1) // 2), f"SKU {sku}", "10.00", 0) for sku in range(1, SKUS + 1)]
    with started(goods, 1) as stack:
        rows = [row for kind in KINDS for row in _measured(stack, kind, buyers, at_once)]
        rows.sort(key=lambda row: [rush.title for rush in RUSHES].index(row.rush))
        with db.reading(stack.engine) as connection:
            breaches = "\n".join(f"{one.name}: {one.detail}" for one in invariants.run(connection) if not one.ok)
    _show(rows)
    report.keep("django", {"rows": [row._asdict() for row in rows], "at_once": at_once, "audit_clean": not breaches})
    faults = [f"{row.rush}: oversold {row.oversold}" for row in rows if row.shop == KINDS["checkout"] and row.oversold]
    sys.exit(0 if report.judge(faults, breaches, not breaches) else 1)


def _measured(stack: Stack, kind: str, buyers: int, at_once: int) -> Iterator[Row]:
    with _opened(stack, kind) as (shop, url):
        crowd = shop.buyers(buyers)
        for rush in RUSHES:
            _fill(stack, shop, rush, crowd)
            clicks = storefront.rush(url, crowd[: rush.buyers], min(at_once, rush.at_once))
            _settle(shop)
            yield _counted(stack, shop, rush, KINDS[kind], clicks)


@contextmanager
def _opened(stack: Stack, kind: str) -> Iterator[tuple[Shop, str]]:
    """The shop on a database of its own."""
    name = f"shop_{kind}"
    postgres.ensure_database(stack.postgres.url(), name)
    own = storefront.variables(stack.postgres.url(name), stack.settings.redis_url)
    own |= {
        "CHECKOUT_URL": stack.running.api_url,
        "CHECKOUT_JWT_SECRET": stack.settings.jwt_secret,
        "CHECKOUT_EVENTS_URL": stack.settings.events_url,
    }
    shop = Shop(own, Path(stack.data_dir, f"{name}.log"))
    shop.manage("migrate", "-v0")
    shop.buyers(1)  # With the goods.
    with ExitStack() as processes:
        if kind == "checkout":
            processes.enter_context(shop.running([sys.executable, "manage.py", "follow_checkout"]))
        yield shop, processes.enter_context(shop.serving(kind))


def _fill(stack: Stack, shop: Shop, rush: Rush, crowd: Sequence[Buyer]) -> None:
    """The same goods and the same carts for each shop."""
    shop.rows("DELETE FROM shop_ordergoods; DELETE FROM shop_orderinfo; UPDATE shop_spu SET sales = 0")
    shop.rows("UPDATE shop_sku SET stock = %s, sales = 0", rush.units)
    with db.transaction(stack.engine) as connection:
        for sku in range(1, SKUS + 1):
            units.put(connection, str(sku), rush.units)
    _draw.seed(rush.title)
    with Redis.from_url(stack.settings.redis_url) as redis, redis.pipeline() as carts:
        for buyer in crowd:
            skus = _draw.sample(range(1, rush.skus + 1), rush.lines)
            carts.delete(f"cart_{buyer.user_id}", f"cart_selected_{buyer.user_id}")
            carts.hset(f"cart_{buyer.user_id}", mapping=dict.fromkeys(map(str, skus), 1))
            carts.sadd(f"cart_selected_{buyer.user_id}", *skus)
        carts.execute()


def _settle(shop: Shop) -> None:
    """Until the shop has heard of all its orders. Raises TimeoutError."""
    deadline = time.monotonic() + QUIET_SECONDS
    while shop.one("SELECT count(*) FROM shop_orderinfo WHERE status = 0"):
        if time.monotonic() > deadline:
            raise TimeoutError("orders that nobody hears of")
        time.sleep(0.1)


def _counted(stack: Stack, shop: Shop, rush: Rush, kind: str, clicks: Sequence[Click]) -> Row:
    sold = shop.one("""
        SELECT COALESCE(sum(count), 0) FROM shop_ordergoods JOIN shop_orderinfo USING (order_id) WHERE status <> 6
    """)
    counted = shop.one("SELECT sum(sales) FROM shop_spu")
    good = [click for click in clicks if click.status == 200]
    with Redis.from_url(stack.settings.redis_url) as redis:
        left = sum(int(redis.hlen(f"cart_{click.buyer.user_id}")) for click in good)
    waits = [click.seconds * 1000 for click in clicks]
    return Row(
        rush=rush.title,
        shop=kind,
        buyers=len(clicks),
        sold=sold,
        oversold=max(0, sold - rush.units),
        refused=sum(click.status == 409 for click in clicks),
        failed=sum(click.status not in (200, 409) for click in clicks),
        forgotten=sold - counted,
        left_in_carts=left,
        wait_p50_ms=round(statistics.median(waits)),
        wait_p99_ms=round(percentile(waits, 99)),
    )


def _show(rows: Sequence[Row]) -> None:
    table = Table(title="The same rush on three shops")
    for name in Row._fields:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*map(str, row))
    report.console.print(table)


if __name__ == "__main__":
    main()
