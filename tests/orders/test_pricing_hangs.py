"""A pricing function that does not come back: the worker's time limit ends it, and its order alone is parked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from kombu import Connection

from checkout.audit import stuck
from checkout.audit.stuck import Matter
from checkout.db import STATEMENT_SECONDS, Engine, transaction
from checkout.prices.basket import Line
from sandbox import valkey
from tasks.app import app
from tests.shared.factories import a_sku, many_orders, order
from tests.shared.processes import eventually, process

HANGS_FOR = 2
# Longer than PostgreSQL bears a session that is idle in a transaction, as the workers' own limit is.
LIMIT_SECONDS = STATEMENT_SECONDS + 2


def hang(lines: Sequence[Line], user_id: int, *_: object) -> tuple[list[int], None]:
    """The shop's function in the worker."""
    if user_id == HANGS_FOR:
        time.sleep(600)
    return [0] * len(lines), None


@pytest.mark.usefixtures("in_process")
@pytest.mark.timeout(150)
def test_a_hang_is_ended_and_parks_its_own_order(environment: dict[str, str], engine: Engine, tmp_path: Path) -> None:
    a_sku(engine, stock=9)
    ids = many_orders(engine, 4)
    hung = ids.pop(HANGS_FOR - 1)

    def parked() -> list[Matter]:
        with transaction(engine) as connection:
            return [found for found in stuck.find(connection) if found.kind == "order_parked"]

    with valkey.temporary_server() as broker:
        own = environment | {"CHECKOUT_BROKER_URL": broker.url(0), "CHECKOUT_REDIS_URL": broker.url(1)}
        own |= {"CHECKOUT_PRICING": "tests.orders.test_pricing_hangs:hang"}

        def ring() -> None:
            with Connection(broker.url(0)) as connection:
                app.send_task(
                    "place_orders",
                    [[hung]],
                    queue="orders",
                    connection=connection,
                    soft_time_limit=LIMIT_SECONDS,
                    time_limit=5 * LIMIT_SECONDS,
                )

        ring()
        command = ("celery", "-A", "tasks.app", "worker", "-Q", "orders", "-P", "prefork", "-c", "1")
        with process(*command, environment=own, log=tmp_path / "worker.log"):
            eventually(lambda: bool(parked()), "it is parked")
            ring()
            eventually(lambda: placed(engine, ids), "the others are placed")
    [matter] = parked()
    assert (matter.order_id, order(engine, hung).status) == (hung, "accepted")
    assert "the pricing function took " in matter.detail


def placed(engine: Engine, ids: Sequence[int]) -> bool:
    return {order(engine, order_id).status for order_id in ids} == {"awaiting_payment"}
