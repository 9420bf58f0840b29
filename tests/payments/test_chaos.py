"""Everything goes wrong at once, and every yuan is accounted for.

CHECKOUT_CHAOS_SEED repeats what buyers and faults decide, CHECKOUT_CHAOS_ORDERS makes the run longer.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog import get_logger

from checkout.db import transaction
from checkout.stock import catalog, units
from checkout.stock.catalog import Item
from sandbox.alipay.keys import Keys
from sandbox.valkey import Valkey
from tests.gateway.process import LocalAlipay
from tests.payments import chaos
from tests.payments.conftest import an_open_shop, environment_of
from tests.payments.crowd import SKUS, Buyer
from tests.payments.shop import Shop
from tests.shared.databases import Server, create, drop

log = get_logger(__name__)

SEED = int(os.environ.get("CHECKOUT_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ORDERS = int(os.environ.get("CHECKOUT_CHAOS_ORDERS", "250"))
BUYERS_AT_ONCE = 40
TIME_SCALE = 100.0
LONGEST_SECONDS = 120 + ORDERS


@pytest.fixture
def chaos_environment(
    server: Server, template: str, broker: Valkey, alipay_sides: Keys, tmp_path: Path
) -> Iterator[tuple[dict[str, str], LocalAlipay]]:
    data_dir = tmp_path / "alipay"
    shutil.copytree(alipay_sides.directory, data_dir)
    gateway = LocalAlipay(data_dir, TIME_SCALE)
    url = create(server, "chaos", template=template)
    more = {"CHECKOUT_TIME_SCALE": str(TIME_SCALE), "CHECKOUT_PAY_WINDOW": "4s", "CHECKOUT_MAX_OPEN_ORDERS": "0"}
    yield environment_of(url, broker, gateway, **more), gateway
    gateway.kill()
    drop(server, "chaos")


def stock_up(shop: Shop) -> None:
    """Little stock, and of some no more than so many for each: late money sometimes finds its goods sold."""
    skus = [
        Item(str(n), str(n // 3), f"SKU {n}", "9.99", 15, limit_per_user=3 if n % 4 == 0 else 0) for n in range(SKUS)
    ]
    with transaction(shop.engine) as connection:
        catalog.load(connection, skus)


def restock(shop: Shop, dice: random.Random) -> None:
    with transaction(shop.engine) as connection:
        units.add(connection, str(dice.randrange(SKUS)), dice.randint(1, 6))


def visit(shop: Shop, n: int) -> tuple[str, int]:
    """One buyer's story, and his order."""
    buyer = Buyer(shop, SEED, n)
    if n % 3 == 0:
        restock(shop, buyer.dice)
    return buyer.live(), int(buyer.order["id"])


@pytest.mark.timeout(LONGEST_SECONDS + 300)
def test_every_yuan_is_kept_once_refunded_or_listed(
    chaos_environment: tuple[dict[str, str], LocalAlipay], tmp_path: Path
) -> None:
    log.info("chaos_begins", CHECKOUT_CHAOS_SEED=SEED, CHECKOUT_CHAOS_ORDERS=ORDERS)
    environment, gateway = chaos_environment
    began, dice = datetime.now(UTC), random.Random(SEED)
    with (
        an_open_shop(environment, gateway, tmp_path / "api", connections=BUYERS_AT_ONCE) as shop,
        chaos.two_workers(environment, tmp_path / "workers") as workers,
    ):
        stock_up(shop)
        chaos.arm(shop, SEED)
        with ThreadPoolExecutor(BUYERS_AT_ONCE) as crowd:
            visits = [crowd.submit(visit, shop, n) for n in range(ORDERS)]
            deadline = time.monotonic() + LONGEST_SECONDS
            try:
                audits = chaos.trouble(shop, workers, dice, lambda: _all_done(visits, deadline))
            finally:
                crowd.shutdown(wait=True, cancel_futures=True)
        told = [done.result() for done in visits]
        struck = chaos.calm(shop)
        chaos.drain(shop, workers)
        given_up = [order_id for story, order_id in told if story == "given_up"]
        _reckon(shop, workers, began, given_up)
        rows = chaos.attempts(shop)
    log.info(
        "chaos_ended",
        seconds=round((datetime.now(UTC) - began).total_seconds()),
        stories=Counter(story for story, _ in told),
        orders=Counter(f"{row.order_status} {row.reason or ''}".strip() for row in rows if row.n == 1),
        attempts=Counter(f"{row.status} {row.evidence or ''}{' kept' * row.kept}" for row in rows),
        kills=workers.kills,
        audits=audits,
        faults=struck,
    )


def _all_done(visits: list, deadline: float) -> bool:  # type: ignore[type-arg] # futures of anything
    assert time.monotonic() < deadline, "the crowd does not come to an end"
    failed = [done.exception() for done in visits if done.done() and done.exception()]
    assert not failed, failed[0]
    return all(done.done() for done in visits)


def _reckon(shop: Shop, workers: chaos.Workers, began: datetime, given_up: list[int]) -> None:
    """Some notifies were lost for good, so the bill tells of money that we had not heard of; then all is even."""
    rows = chaos.attempts(shop)
    assert chaos.released_too_soon(shop, given_up) == []
    assert {row.order_status for row in rows} <= {"awaiting_shipment", "shipped", "completed", "closed"}
    chaos.reconcile(shop, began)
    chaos.drain(shop, workers)
    reports = chaos.reconcile(shop, began)
    assert [report for report in reports if not report.is_clean] == []
    rows = chaos.attempts(shop)
    there = chaos.trades(shop, rows)
    assert chaos.uneven(rows, there) == []
    assert chaos.loose(shop, rows) == []
    assert chaos.false_evidence(rows, there) == []
    shop.assert_sound()
